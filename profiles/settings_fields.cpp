#include "charmer/profiles/settings_fields.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/worker_profile.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>

namespace charmer::settings_fields {

namespace {

bool is_letter(char x) {
  // Python's identifiers may hold letters outside ASCII.
  return std::isalpha(static_cast<unsigned char>(x)) || x == '_'
         || (static_cast<unsigned char>(x) & 0x80) != 0;
}

bool is_digit(char x) {
  return x >= '0' && x <= '9';
}

// Dotted names: "package.module", "Class".
bool is_dotted_name(std::string_view x) {
  bool at_start = true;
  for (auto c : x) {
    if (at_start ? !is_letter(c) : !(is_letter(c) || is_digit(c) || c == '.'))
      return false;
    at_start = c == '.';
  }
  return !at_start;
}

bool has_nul(std::string_view x) {
  return x.find('\0') != std::string_view::npos;
}

std::string number(double x) {
  return nlohmann::json(x).dump();
}

constexpr std::string_view units = R"(written with its unit: "90s", "250ms", )"
                                   R"("2m", "1h" or )"
                                   R"({"value": 5, "unit": "minutes"})";

// How a request that a pool accepted can fail through no fault of its caller's.
constexpr std::array countable{
    pool_errc::wait_timeout,        pool_errc::exec_timeout,
    pool_errc::worker_died,         pool_errc::poisoned,
    pool_errc::no_available_worker, pool_errc::python_exception,
    pool_errc::protocol_error,      pool_errc::start_failed,
    pool_errc::pool_degraded,
};

// "a", "b" or "c"
template <class Texts>
std::string alternatives(const Texts& xs) {
  std::string result;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (i > 0)
      result += i + 1 == xs.size() ? " or " : ", ";
    result.append("\"").append(xs[i]).append("\"");
  }
  return result;
}

std::vector<std::string> countable_names() {
  std::vector<std::string> result;
  for (auto x : countable)
    result.push_back(to_string(x));
  return result;
}

} // namespace

std::string whole::allowed() const {
  if (max >= std::numeric_limits<std::uint32_t>::max())
    return "a whole number, " + std::to_string(min) + " or more";
  return "a whole number from " + std::to_string(min) + " to "
         + std::to_string(max);
}

std::string real::allowed() const {
  return "a number from " + number(min) + " to " + number(max);
}

std::string duration::allowed() const {
  std::string result = "a duration";
  if (max != infinite)
    result += " from " + render_duration(min) + " to " + render_duration(max);
  else if (min.count() > 0)
    result += " above zero, or \"infinity\"";
  else
    result += ", or \"infinity\"";
  return result.append("; ").append(units);
}

std::string stop_limit::allowed() const {
  std::string result = R"("brutal_kill" or a duration from 0s to )";
  return result.append(render_duration(max)).append("; ").append(units);
}

std::string bytes::allowed() const {
  return "a size from " + render_size(min) + " to " + render_size(max)
         + (zero_is_off ? ", or 0 for no limit" : "")
         + R"(; written as "512MB", "64MiB" or a whole number of bytes)";
}

bool one_of::holds(const std::string& x) const {
  return std::find(words.begin(), words.end(), x) != words.end();
}

std::string one_of::allowed() const {
  return alternatives(words);
}

bool profile_name::holds(const std::string& x) const {
  auto names = profile_names();
  return std::find(names.begin(), names.end(), x) != names.end();
}

std::string profile_name::allowed() const {
  return alternatives(profile_names());
}

bool breaker_failures::holds(const std::vector<std::string>& xs) const {
  auto names = countable_names();
  return std::all_of(xs.begin(), xs.end(), [&](const std::string& x) {
    return std::find(names.begin(), names.end(), x) != names.end();
  });
}

std::string breaker_failures::allowed() const {
  return "a list of " + alternatives(countable_names());
}

bool texts::holds(const std::vector<std::string>& xs) const {
  return std::all_of(xs.begin(), xs.end(), test);
}

bool variables::holds(const std::map<std::string, std::string>& xs) const {
  return std::all_of(xs.begin(), xs.end(), [](const auto& x) {
    const auto& [name, value] = x;
    return !name.empty() && name.find('=') == std::string::npos
           && !has_nul(name) && !has_nul(value);
  });
}

std::string variables::allowed() const {
  return R"(an object of texts, as {"LANG": "C.UTF-8"})";
}

bool json_object::holds(const std::string& x) const {
  if (x.empty())
    return true;
  return accepts(nlohmann::json::parse(x, nullptr, /*allow_exceptions=*/false));
}

bool json_object::accepts(const nlohmann::json& x) const {
  return x.is_object()
         && (!x.contains("charmer") || x.at("charmer").is_object());
}

bool is_pool_name(std::string_view x) {
  return !x.empty() && x.size() <= 64
         && std::all_of(x.begin(), x.end(), [](char c) {
              return std::isalnum(static_cast<unsigned char>(c)) || c == '_'
                     || c == '-' || c == '.';
            });
}

bool is_adapter(std::string_view x) {
  if (x.empty())
    return true;
  auto colon = x.find(':');
  if (colon == std::string_view::npos)
    return is_dotted_name(x);
  return is_dotted_name(x.substr(0, colon))
         && is_dotted_name(x.substr(colon + 1));
}

bool is_path(std::string_view x) {
  return !has_nul(x);
}

bool is_command(std::string_view x) {
  return !x.empty();
}

bool is_name_or_nothing(std::string_view x) {
  return x.empty() || is_pool_name(x);
}

} // namespace charmer::settings_fields
