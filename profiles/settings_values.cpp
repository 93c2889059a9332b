#include "charmer/profiles/settings_values.hpp"

namespace charmer::settings_fields {

namespace {

std::string dump(const json& x) {
  return x.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool read_text(const json& from, std::string& x) {
  if (!from.is_string())
    return false;
  x = from.get<std::string>();
  return true;
}

template <class Unsigned>
bool read_whole(const json& from, Unsigned& x) {
  // An integer that is not negative; 4.0 is none.
  if (!from.is_number_unsigned())
    return false;
  auto value = from.get<std::uint64_t>();
  if (value > std::numeric_limits<Unsigned>::max())
    return false;
  x = static_cast<Unsigned>(value);
  return true;
}

bool read_duration(const json& from, timespan& x) {
  std::optional<timespan> parsed;
  if (from.is_string()) {
    parsed = parse_duration(from.get_ref<const std::string&>());
  } else if (from.is_object() && from.size() == 2 && from.contains("value")
             && from.contains("unit")) {
    const auto& value = from["value"];
    const auto& unit = from["unit"];
    if (value.is_number() && unit.is_string())
      parsed = parse_duration(value.get<double>(),
                              unit.get_ref<const std::string&>());
  }
  if (parsed)
    x = *parsed;
  return parsed.has_value();
}

bool read_texts(const json& from, std::vector<std::string>& xs) {
  if (!from.is_array())
    return false;
  std::vector<std::string> result(from.size());
  for (std::size_t i = 0; i < from.size(); ++i)
    if (!read_text(from[i], result[i]))
      return false;
  xs = std::move(result);
  return true;
}

} // namespace

std::string found(const json& x) {
  constexpr std::size_t limit = 80;
  auto result = dump(x);
  if (result.size() <= limit)
    return result;
  auto end = limit;
  while ((static_cast<unsigned char>(result[end]) & 0xC0) == 0x80)
    --end; // do not cut a character
  return result.substr(0, end) + "…";
}

json write(std::uint64_t x, const whole&) {
  return x;
}

json write(double x, const real&) {
  return x;
}

json write(timespan x, const duration&) {
  return render_duration(x);
}

json write(std::uint64_t x, const bytes&) {
  auto result = render_size(x);
  return result == std::to_string(x) ? json(x) : json(result);
}

json write(const std::string& x, const one_of&) {
  return x;
}

json write(const std::string& x, const text&) {
  return x;
}

json write(const std::vector<std::string>& xs, const texts&) {
  return xs;
}

json write(const std::map<std::string, std::string>& xs, const variables&) {
  auto result = json::object();
  for (const auto& [name, value] : xs)
    result[name] = value;
  return result;
}

json write(const std::string& x, const json_object&) {
  if (x.empty())
    return json::object();
  auto result = json::parse(x, nullptr, /*allow_exceptions=*/false);
  return result.is_object() ? result : json(x);
}

json write(bool x, const yes_or_no&) {
  return x;
}

json write(timespan x, const stop_limit&) {
  return x == timespan{0} ? json("brutal_kill") : json(render_duration(x));
}

json write(const shutdown& x, const stop_limit& rule) {
  return write(x.kills_at_once() ? timespan{0} : x.limit(), rule);
}

json write(const std::string& x, const profile_name&) {
  return x;
}

json write(const std::vector<std::string>& xs, const breaker_failures&) {
  return xs;
}

bool read(const json& from, std::uint32_t& x, const whole&) {
  return read_whole(from, x);
}

bool read(const json& from, std::uint64_t& x, const whole&) {
  return read_whole(from, x);
}

bool read(const json& from, double& x, const real&) {
  if (!from.is_number())
    return false;
  x = from.get<double>();
  return true;
}

bool read(const json& from, timespan& x, const duration&) {
  return read_duration(from, x);
}

bool read(const json& from, std::uint64_t& x, const bytes&) {
  if (!from.is_string())
    return read_whole(from, x);
  auto parsed = parse_size(from.get_ref<const std::string&>());
  if (parsed)
    x = *parsed;
  return parsed.has_value();
}

bool read(const json& from, std::string& x, const one_of&) {
  return read_text(from, x);
}

bool read(const json& from, std::string& x, const text&) {
  return read_text(from, x);
}

bool read(const json& from, std::vector<std::string>& xs, const texts&) {
  return read_texts(from, xs);
}

bool read(const json& from, std::map<std::string, std::string>& xs,
          const variables&) {
  if (!from.is_object())
    return false;
  std::map<std::string, std::string> result;
  for (const auto& [name, value] : from.items())
    if (!read_text(value, result[name]))
      return false;
  xs = std::move(result);
  return true;
}

bool read(const json& from, std::string& x, const json_object& rule) {
  if (!rule.accepts(from))
    return false;
  x = from.empty() ? std::string{} : dump(from);
  return true;
}

bool read(const json& from, bool& x, const yes_or_no&) {
  if (!from.is_boolean())
    return false;
  x = from.get<bool>();
  return true;
}

bool read(const json& from, timespan& x, const stop_limit&) {
  if (from != "brutal_kill")
    return read_duration(from, x);
  x = timespan{0};
  return true;
}

bool read(const json& from, shutdown& x, const stop_limit&) {
  if (from == "brutal_kill") {
    x = shutdown::brutal_kill();
    return true;
  }
  timespan limit{};
  if (!read_duration(from, limit))
    return false;
  x = shutdown::after(limit);
  return true;
}

bool read(const json& from, std::string& x, const profile_name&) {
  return read_text(from, x);
}

bool read(const json& from, std::vector<std::string>& xs,
          const breaker_failures&) {
  return read_texts(from, xs);
}

} // namespace charmer::settings_fields
