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
json write(on_exhausted x, const exhaustion&);

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
bool read(const json& from, on_exhausted& x, const exhaustion&);

} // namespace charmer::settings_fields
