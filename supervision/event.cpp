#include "charmer/supervision/event.hpp"

#include "charmer/supervision/duration_text.hpp"
#include "charmer/supervision/errors.hpp"
#include "charmer/supervision/one_line.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <ostream>

namespace charmer {

namespace {

using json = nlohmann::ordered_json;

std::string dump(const json& x) {
  return x.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// What a detail holds; discarded if it is no JSON, or nested so deep that
/// writing it would use up the stack: then it is shown as the text that it is.
json value_of(const std::string& text) {
  constexpr auto deepest = 200;
  auto too_deep = false;
  auto looked_at = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > deepest;
    return !too_deep;
  };
  auto result = json::parse(text, looked_at, false);
  return too_deep ? json(json::value_t::discarded) : result;
}

/// "2026-01-31T23:59:59.123456Z"
std::string to_iso(caf::timestamp x) {
  using namespace std::chrono;
  // Rounded down, also before 1970: the fraction is never negative.
  auto whole = floor<std::chrono::seconds>(x.time_since_epoch());
  auto micros = floor<microseconds>(x.time_since_epoch() - whole);
  auto seconds = static_cast<std::time_t>(whole.count());
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text;
  auto n = std::strftime(text.data(), text.size(), "%FT%T", &parts);
  std::array<char, 16> rest;
  std::snprintf(rest.data(), rest.size(), ".%06dZ",
                static_cast<int>(micros.count()));
  return std::string(text.data(), n) + rest.data();
}

json reason_to_json(const caf::error& x) {
  return {{"category", category_name(x)},
          {"code", x.code()},
          {"text", describe_reason(x)}};
}

json details_to_json(const event& x) {
  auto result = json::object();
  for (const auto& [key, text] : x.details) {
    auto value = value_of(text);
    result[key] = value.is_discarded() ? json(text) : std::move(value);
  }
  return result;
}

/// The text of a detail as people want to see it: strings without quotes.
std::string detail_to_text(const std::string& text) {
  auto value = value_of(text);
  if (value.is_string())
    return value.get<std::string>();
  return value.is_discarded() ? text : dump(value);
}

/// A list of strings, one on each line; other values as they are.
std::string lines_of(const std::string& text) {
  auto value = value_of(text);
  if (!value.is_array() || value.empty())
    return detail_to_text(text);
  std::string result;
  for (const auto& line : value) {
    if (!line.is_string())
      return dump(value);
    result += (result.empty() ? "" : "\n") + line.get<std::string>();
  }
  return result;
}

std::string indented(const std::string& key, std::string_view text) {
  auto result = "\n  " + on_one_line(key) + ":";
  for (;;) {
    auto end = text.find('\n');
    result += "\n    " + on_one_line(text.substr(0, end));
    if (end == text.npos)
      return result;
    text.remove_prefix(end + 1);
  }
}

/// A text of several lines begins on this one and follows whole.
void append_text(std::string& line, std::string& rest, const std::string& x) {
  auto end = x.find('\n');
  line += ": " + on_one_line(x.substr(0, end));
  if (end != x.npos)
    rest += indented("text", x);
}

void append_numbers(std::string& out, const event& x) {
  if (x.restarts > 0)
    out += " restarts=" + std::to_string(x.restarts);
  if (x.attempt > 0)
    out += " attempt=" + std::to_string(x.attempt);
  if (x.delay > timespan{0})
    out += " delay=" + to_short(x.delay);
  if (x.uptime > timespan{0})
    out += " uptime=" + to_short(x.uptime);
}

} // namespace

std::string to_string(severity x) {
  switch (x) {
    case severity::trace:
      return "trace";
    case severity::debug:
      return "debug";
    case severity::info:
      return "info";
    case severity::warning:
      return "warning";
    default:
      return "error";
  }
}

void event::set(std::string_view key, std::int64_t value) {
  set_json(key, std::to_string(value));
}

void event::set(std::string_view key, double value) {
  // JSON knows no infinities: they become text.
  set_json(key, std::isfinite(value) ? dump(json(value))
                                     : dump(json(std::to_string(value))));
}

void event::set(std::string_view key, bool value) {
  set_json(key, value ? "true" : "false");
}

void event::set(std::string_view key, std::string_view value) {
  set_json(key, dump(json(value)));
}

std::string to_string(const event& x) {
  auto result =
      to_iso(x.wall) + ' ' + to_string(x.level) + ' ' + on_one_line(x.name);
  if (!x.path.empty())
    result += " [" + on_one_line(x.path) + ']';
  if (!x.child.empty())
    result += " '" + on_one_line(x.child) + '\'';
  if (x.actor_id != 0)
    result += " #" + std::to_string(x.actor_id);
  std::string rest;
  if (!x.text.empty())
    append_text(result, rest, x.text);
  else if (x.reason)
    append_text(result, rest, describe_reason(x.reason));
  append_numbers(result, x);
  for (const auto& [key, value] : x.details) {
    auto text = lines_of(value);
    if (text.find('\n') != std::string::npos)
      rest += indented(key, text);
    else
      result += ' ' + on_one_line(key) + '=' + on_one_line(text);
  }
  return result + rest;
}

std::ostream& operator<<(std::ostream& out, const event& x) {
  return out << to_string(x);
}

std::string to_json(const event& x) {
  json result{{"name", x.name},
              {"level", to_string(x.level)},
              {"wall", to_iso(x.wall)},
              {"monotonic_ns", x.monotonic_ns}};
  auto add = [&](const char* key, auto value, bool wanted) {
    if (wanted)
      result[key] = std::move(value);
  };
  add("path", x.path, !x.path.empty());
  add("child", x.child, !x.child.empty());
  add("actor_id", x.actor_id, x.actor_id != 0);
  if (x.reason)
    result["reason"] = reason_to_json(x.reason);
  add("text", x.text, !x.text.empty());
  add("restarts", x.restarts, x.restarts != 0);
  add("attempt", x.attempt, x.attempt != 0);
  add("delay_s", to_seconds(x.delay), x.delay.count() != 0);
  add("uptime_s", to_seconds(x.uptime), x.uptime.count() != 0);
  if (!x.details.empty())
    result["details"] = details_to_json(x);
  return dump(result);
}

} // namespace charmer
