#include "charmer/profiles/settings_legacy.hpp"

#include <algorithm>
#include <array>

namespace charmer::settings_fields {

namespace {

struct alias {
  std::string_view legacy;
  std::string_view today;
  bool milliseconds = false;
};

constexpr auto aliases = std::to_array<alias>({
    {"adapter_module", "adapter"},
    {"pool_size", "size"},
    {"worker_profile", "profile"},
    {"worker_ttl", "ttl"},
    {"worker_max_requests", "max_requests"},
    {"pool_queue_timeout", "queue_timeout", true},
    {"pool_max_queue_size", "max_queue_size"},
    {"pool_startup_timeout", "start_timeout", true},
    {"startup_batch_size", "start_batch"},
    {"max_workers", "max_size"},
    {"adapter_env", "env"},
    {"python_executable", "python"},
});

struct needless_key {
  std::string_view key;
  std::string_view why;
};

constexpr std::string_view no_server =
    "there is no server and no port: workers are talked to over pipes";

constexpr auto needless = std::to_array<needless_key>({
    {"grpc_config", no_server},
    {"grpc_listener", no_server},
    {"grpc_host", no_server},
    {"grpc_port", no_server},
    {"startup_batch_delay_ms", "the next worker of a batch starts when one of "
                               "those before it is ready"},
});

const alias* find_alias(std::string_view legacy) {
  auto hit = std::find_if(aliases.begin(), aliases.end(),
                          [&](auto& x) { return x.legacy == legacy; });
  return hit != aliases.end() ? hit : nullptr;
}

const needless_key* find_needless(std::string_view key) {
  auto hit = std::find_if(needless.begin(), needless.end(),
                          [&](auto& x) { return x.key == key; });
  return hit != needless.end() ? hit : nullptr;
}

json with_unit(const json& x, const alias* from) {
  if (from && from->milliseconds && x.is_number_unsigned())
    return x.dump() + "ms";
  return x;
}

class modernizer {
public:
  modern_settings result;

  void read(const json& file) {
    auto top = json::object(); // what describes the one pool
    auto& to = result.file;
    to = json::object();
    for (const auto& [key, value] : file.items())
      if (find_needless(key))
        note(key);
      else if (find_alias(key) || key == "pool_config")
        top[key] = value;
      else
        to[key] = value;
    if (to.contains("pools"))
      read_pools(to["pools"], top);
    else if (!top.empty())
      to["pools"] = json::array({only_pool(std::move(top))});
  }

private:
  void read_pools(json& pools, const json& top) {
    for (const auto& [key, ignored] : top.items())
      result.mistakes.push_back({key,
                                 "a key that describes the only pool, "
                                 "beside \"pools\"",
                                 "this in the pools that it is meant for"});
    if (!pools.is_array())
      return;
    for (std::size_t i = 0; i < pools.size(); ++i) {
      auto place = "pools[" + std::to_string(i) + "].";
      pools[i] = pool(pools[i], place, place);
    }
  }

  // What stands at the top wins over what stands in pool_config.
  json only_pool(json top) {
    result.without_pools = true;
    const std::string place = "pools[0].";
    auto merged = json::object();
    if (auto config = top.find("pool_config"); config != top.end()) {
      if (config->is_object())
        merged = pool(*config, place, "pool_config.");
      else
        result.mistakes.push_back(
            {"pool_config", found(*config), "a JSON object"});
      top.erase(config);
    }
    merged.update(pool(top, place, ""));
    return merged;
  }

  // One description of a pool with the keys of today.
  json pool(const json& from, const std::string& place,
            const std::string& place_in_file) {
    if (!from.is_object())
      return from;
    auto to = json::object();
    std::map<std::string, std::string> taken; // the key that gave each field
    for (const auto& [key, value] : from.items()) {
      if (find_needless(key)) {
        note(place_in_file + key);
        continue;
      }
      auto legacy = find_alias(key);
      std::string field{legacy ? legacy->today : key};
      if (auto [other, is_new] = taken.emplace(field, key); !is_new) {
        result.mistakes.push_back(
            {place_in_file + key,
             "the same as \"" + other->second + "\", which is there too",
             "one of the two"});
        continue;
      }
      to[field] = with_unit(value, legacy);
      result.places[place + field] = place_in_file + key;
    }
    return to;
  }

  void note(const std::string& place) {
    auto key = place.substr(place.rfind('.') + 1);
    result.notes.push_back(
        place + " is not needed: " + std::string{find_needless(key)->why});
  }
};

} // namespace

std::string modern_settings::place_in_file(const std::string& place) const {
  // "pools[0].breaker.rate" begins with a field that stands elsewhere.
  for (auto end = place.size(); end != std::string::npos && end > 0;
       end = place.rfind('.', end - 1))
    if (auto i = places.find(place.substr(0, end)); i != places.end())
      return i->second + place.substr(end);
  const std::string only = "pools[0].";
  if (!without_pools || !place.starts_with(only))
    return place;
  // A field that is not there is missed under its name of then.
  auto field = place.substr(only.size());
  for (auto& x : aliases)
    if (x.today == field)
      return std::string{x.legacy};
  return "pool_config." + field;
}

modern_settings modernized(json file) {
  modernizer work;
  if (file.is_object())
    work.read(file);
  else
    work.result.file = std::move(file);
  return std::move(work.result);
}

std::vector<std::string> legacy_keys_of_pool() {
  std::vector<std::string> result;
  for (auto& x : aliases)
    result.emplace_back(x.legacy);
  return result;
}

std::vector<std::string> legacy_keys_of_file() {
  auto result = legacy_keys_of_pool();
  result.emplace_back("pool_config");
  result.emplace_back("grpc_config");
  return result;
}

} // namespace charmer::settings_fields
