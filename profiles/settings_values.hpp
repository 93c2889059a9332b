// private: single values of settings, to JSON and back.
//
// `write(value, rule)` is what a file would say; `read(json, value, rule)` sets
// the value and returns whether the JSON has the right shape. Whether the value
// is within its range is for the rule to say.
//
// Threading: pure functions.
#pragma once

#include "charmer/profiles/settings_fields.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <vector>

namespace charmer::settings_fields {

using json = nlohmann::ordered_json;

/// What was found, on one line of bounded length.
std::string found(const json& x);

json write(std::uint64_t x, const whole&);
json write(double x, const real&);
json write(timespan x, const duration&);
json write(std::uint64_t x, const bytes&);
json write(const std::string& x, const one_of&);
json write(const std::string& x, const text&);
json write(const std::vector<std::string>& xs, const texts&);
json write(const std::map<std::string, std::string>& xs, const variables&);
json write(const std::string& x, const json_object&);
json write(bool x, const yes_or_no&);
json write(timespan x, const stop_limit&);
json write(const shutdown& x, const stop_limit&);
json write(const std::string& x, const profile_name&);
json write(const std::vector<std::string>& xs, const breaker_failures&);

template <class Enum>
json write(Enum x, const named<Enum>& rule) {
  if (auto word = rule.word_of(x))
    return std::string{*word};
  return static_cast<int>(x);
}

bool read(const json& from, std::uint32_t& x, const whole&);
bool read(const json& from, std::uint64_t& x, const whole&);
bool read(const json& from, double& x, const real&);
bool read(const json& from, timespan& x, const duration&);
bool read(const json& from, std::uint64_t& x, const bytes&);
bool read(const json& from, std::string& x, const one_of&);
bool read(const json& from, std::string& x, const text&);
bool read(const json& from, std::vector<std::string>& xs, const texts&);
bool read(const json& from, std::map<std::string, std::string>& xs,
          const variables&);
bool read(const json& from, std::string& x, const json_object&);
bool read(const json& from, bool& x, const yes_or_no&);
bool read(const json& from, timespan& x, const stop_limit&);
bool read(const json& from, shutdown& x, const stop_limit&);
bool read(const json& from, std::string& x, const profile_name&);
bool read(const json& from, std::vector<std::string>& xs,
          const breaker_failures&);

template <class Enum>
bool read(const json& from, Enum& x, const named<Enum>& rule) {
  if (!from.is_string())
    return false;
  auto value = rule.value_of(from.get_ref<const std::string&>());
  if (value)
    x = *value;
  return value.has_value();
}

} // namespace charmer::settings_fields
