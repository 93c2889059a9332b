#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/settings.hpp"
#include "charmer/profiles/settings_legacy.hpp"
#include "charmer/profiles/settings_parse.hpp"
#include "charmer/profiles/settings_values.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <sstream>
#include <type_traits>

namespace charmer {

using namespace settings_fields;

namespace fs = std::filesystem;

namespace {

// -- names that nobody knows --------------------------------------------------

// Levenshtein's distance, one row at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// The nearest known key, or all of those of today if none is near.
std::string suggestion(const std::string& key,
                       const std::vector<std::string>& known,
                       const std::vector<std::string>& legacy) {
  auto nearer = [&](const std::string& a, const std::string& b) {
    return distance(key, a) < distance(key, b);
  };
  auto candidates = known;
  candidates.insert(candidates.end(), legacy.begin(), legacy.end());
  const auto& nearest =
      *std::min_element(candidates.begin(), candidates.end(), nearer);
  if (distance(key, nearest) <= std::max<std::size_t>(2, key.size() / 3))
    return "\"" + nearest + "\", perhaps";
  std::string result;
  for (const auto& x : known)
    result += (result.empty() ? "" : ", ") + x;
  return result;
}

// -- reading ------------------------------------------------------------------

class reader {
public:
  /// Everything that has the wrong shape, in the order of the file's pools.
  std::vector<settings_error> errors;

  settings read_settings(const json& from) {
    settings result;
    if (!expect_object(from, "the file"))
      return result;
    read_fields(from, result, "", {"pools"}, legacy_keys_of_file());
    auto pools = from.find("pools");
    if (pools == from.end())
      return result;
    if (!pools->is_array()) {
      refuse("pools", found(*pools), "a list of pools");
      return result;
    }
    for (std::size_t i = 0; i < pools->size(); ++i)
      result.pools.push_back(
          read_pool((*pools)[i], "pools[" + std::to_string(i) + "]"));
    return result;
  }

private:
  pool_settings read_pool(const json& from, const std::string& place) {
    pool_settings result;
    if (expect_object(from, place))
      read_fields(from, result, place + ".", {}, legacy_keys_of_pool());
    // A name that could not be read is nobody's: not the default one's either.
    if (refused(place) || refused(place + ".name"))
      result.name.clear();
    return result;
  }

  bool refused(const std::string& where) const {
    return std::any_of(errors.begin(), errors.end(),
                       [&](const auto& x) { return x.where == where; });
  }

  // `others` are keys that somebody else reads, `legacy` those that have been
  // replaced by today's before.
  template <class Struct>
  void read_fields(const json& from, Struct& x, const std::string& prefix,
                   std::vector<std::string> others,
                   const std::vector<std::string>& legacy) {
    auto known = std::move(others);
    each_field(x, [&](const char* key, auto& value, const auto& rule) {
      known.emplace_back(key);
      auto entry = from.find(key);
      if (entry != from.end())
        read_field(*entry, value, rule, prefix + key);
    });
    for (const auto& [key, value] : from.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        refuse(prefix + key, "a key that is not known",
               suggestion(key, known, legacy));
  }

  template <class Value, class Rule>
  void read_field(const json& from, Value& value, const Rule& rule,
                  const std::string& place) {
    if constexpr (std::is_same_v<Rule, nested>) {
      if (expect_object(from, place))
        read_fields(from, value, place + ".", {}, {});
    } else if (!read(from, value, rule)) {
      refuse(place, found(from), rule.allowed());
    }
  }

  bool expect_object(const json& from, const std::string& place) {
    if (!from.is_object())
      refuse(place, found(from), "a JSON object");
    return from.is_object();
  }

  void refuse(std::string where, std::string found, std::string allowed) {
    errors.push_back({std::move(where), std::move(found), std::move(allowed)});
  }
};

// Adds what validate() finds, but not where the reader has complained already:
// a field that could not be read holds its default, which means nothing.
void add_invalid_values(const settings& x, std::vector<settings_error>& to) {
  auto covers = [](const std::string& place, const std::string& where) {
    return where.starts_with(place)
           && (where.size() == place.size() || where[place.size()] == '.');
  };
  std::vector<settings_error> fresh;
  for (auto& error : validate(x))
    if (std::none_of(to.begin(), to.end(), [&](const settings_error& known) {
          return covers(known.where, error.where);
        }))
      fresh.push_back(std::move(error));
  std::move(fresh.begin(), fresh.end(), std::back_inserter(to));
}

// -- paths --------------------------------------------------------------------

void resolve(std::string& path, const fs::path& folder) {
  if (!path.empty())
    path = (folder / path).lexically_normal().string();
}

// A name on PATH stays a name; ".venv" and "env/bin/python" are paths.
bool looks_like_path(const std::string& python) {
  return python.starts_with('.') || python.find('/') != std::string::npos;
}

void resolve_paths(pool_settings& x, const fs::path& folder) {
  for (auto& path : x.python_path)
    resolve(path, folder);
  resolve(x.cwd, folder);
  if (looks_like_path(x.python))
    resolve(x.python, folder);
  // An adapter beside the file is found without a word about it.
  auto& path = x.python_path;
  if (std::find(path.begin(), path.end(), folder.string()) == path.end())
    path.push_back(folder.string());
}

// Absolute, and without a slash at its end.
fs::path normal_folder(const std::string& folder) {
  auto result = fs::absolute(folder.empty() ? "." : folder).lexically_normal();
  return result.has_filename() ? result : result.parent_path();
}

// -- text ---------------------------------------------------------------------

template <class Struct>
json write_fields(const Struct& x) {
  auto result = json::object();
  each_field(x, [&](const char* key, const auto& value, const auto& rule) {
    if constexpr (std::is_same_v<std::decay_t<decltype(rule)>, nested>)
      result[key] = write_fields(value);
    else
      result[key] = write(value, rule);
  });
  return result;
}

} // namespace

caf::expected<settings> settings::from_json(const std::string& text,
                                            const std::string& folder) {
  std::vector<settings_error> mistakes;
  auto parsed = parse_json(text, mistakes);
  if (!parsed)
    return parsed.error();
  auto form = modernized(std::move(*parsed));
  std::move(form.mistakes.begin(), form.mistakes.end(),
            std::back_inserter(mistakes));
  reader in;
  auto result = in.read_settings(form.file);
  add_invalid_values(result, in.errors);
  for (auto& x : in.errors) {
    x.where = form.place_in_file(x.where);
    mistakes.push_back(std::move(x));
  }
  if (!mistakes.empty())
    return make_error(mistakes);
  if (result.pools.empty() && result.pooling_enabled)
    return make_error(pool_errc::no_pools_configured,
                      R"(the settings name no pool; they need one, as )"
                      R"({"pools": [{"adapter": "module:Class"}]})");
  result.notes = std::move(form.notes);
  auto base = normal_folder(folder);
  for (auto& pool : result.pools)
    resolve_paths(pool, base);
  return result;
}

caf::expected<settings> settings::from_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream text;
  // An empty file reads nothing, which sets failbit; a folder sets badbit.
  if (!in || (in.peek() != EOF && !(text << in.rdbuf())) || in.bad())
    return make_error(pool_errc::invalid_settings,
                      "cannot read " + path + ": " + std::strerror(errno));
  auto result = from_json(text.str(), fs::path{path}.parent_path().string());
  if (result)
    return result;
  auto what = failure_of(result.error());
  what.text = path + ": " + what.text;
  auto code = static_cast<pool_errc>(result.error().code());
  return make_error(code, std::move(what));
}

std::string to_json(const pool_settings& x) {
  return write_fields(x).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string settings::to_json() const {
  auto list = json::array();
  for (const auto& pool : pools)
    list.push_back(write_fields(pool));
  auto result = write_fields(*this);
  result["pools"] = std::move(list);
  return result.dump(2, ' ', false, json::error_handler_t::replace);
}

} // namespace charmer
