#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/settings.hpp"
#include "charmer/profiles/settings_values.hpp"

#include <type_traits>

namespace charmer {

using namespace settings_fields;

namespace {

// Walks the table of one struct and notes what its rules refuse.
template <class Struct>
void check_fields(const Struct& x, const std::string& prefix,
                  std::vector<settings_error>& errors) {
  each_field(x, [&](const char* key, const auto& value, const auto& rule) {
    using rule_type = std::decay_t<decltype(rule)>;
    if constexpr (std::is_same_v<rule_type, nested>) {
      check_fields(value, prefix + key + ".", errors);
    } else if (!rule.holds(value)) {
      errors.push_back(
          {prefix + key, found(write(value, rule)), rule.allowed()});
    }
  });
}

// What one field's rule cannot know.
void check_together(const pool_settings& x,
                    std::vector<settings_error>& errors) {
  if (x.profile == "process" && x.adapter.empty())
    errors.push_back({"adapter", "nothing",
                      R"(the adapter that a process worker runs: )"
                      R"("module:Class" or "module", as Python imports it)"});
  const auto& delay = x.restart_backoff;
  if (delay.maximum < delay.minimum)
    errors.push_back({"restart_backoff.maximum",
                      found(render_duration(delay.maximum)),
                      "a duration not below restart_backoff.minimum ("
                          + render_duration(delay.minimum) + ")"});
}

} // namespace

std::vector<settings_error> validate(const pool_settings& x) {
  std::vector<settings_error> result;
  check_fields(x, "", result);
  check_together(x, result);
  return result;
}

std::vector<settings_error> validate(const settings& x) {
  std::vector<settings_error> result;
  check_fields(x, "", result);
  std::map<std::string, std::string> places;
  for (std::size_t i = 0; i < x.pools.size(); ++i) {
    const auto place = "pools[" + std::to_string(i) + "]";
    for (auto& error : validate(x.pools[i])) {
      error.where = place + "." + error.where;
      result.push_back(std::move(error));
    }
    const auto& name = x.pools[i].name;
    auto [first, is_new] = places.emplace(name, place);
    if (!is_new && !name.empty())
      result.push_back({place + ".name",
                        found(name) + ", which is the name of " + first->second,
                        "a name of its own"});
  }
  return result;
}

caf::error make_error(const std::vector<settings_error>& mistakes) {
  std::string text = mistakes.size() == 1 ? "1 mistake in the settings"
                                          : std::to_string(mistakes.size())
                                                + " mistakes in the settings";
  for (const auto& x : mistakes)
    text += "\n  " + x.where + ": found " + x.found + "; allowed: " + x.allowed;
  return make_error(pool_errc::invalid_settings, std::move(text));
}

} // namespace charmer
