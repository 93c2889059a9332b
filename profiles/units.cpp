#include "charmer/profiles/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace charmer {

namespace {

struct duration_unit {
  std::string_view symbol;
  std::string_view name; // the singular; the plural has an s
  std::uint64_t nanoseconds;
};

// From large to small, so that the first that divides a value renders it.
constexpr auto duration_units = std::to_array<duration_unit>({
    {"d", "day", 86'400'000'000'000},
    {"h", "hour", 3'600'000'000'000},
    {"m", "minute", 60'000'000'000},
    {"s", "second", 1'000'000'000},
    {"ms", "millisecond", 1'000'000},
    {"us", "microsecond", 1'000},
    {"ns", "nanosecond", 1},
});

struct size_unit {
  std::string_view symbol;
  std::uint64_t bytes;
};

constexpr auto size_units = std::to_array<size_unit>({
    {"TiB", 1ull << 40},
    {"TB", 1'000'000'000'000},
    {"GiB", 1ull << 30},
    {"GB", 1'000'000'000},
    {"MiB", 1ull << 20},
    {"MB", 1'000'000},
    {"KiB", 1ull << 10},
    {"kB", 1'000},
    {"KB", 1'000},
    {"B", 1},
});

struct quantity {
  std::string_view number;
  std::string_view unit;
};

// Splits "1.5 h". Exponents, signs, inf and nan are no way to write a setting.
std::optional<quantity> split(std::string_view text) {
  auto end = std::min(text.find_first_not_of("0123456789."), text.size());
  if (end == 0 || text[end - 1] == '.' || text[0] == '.')
    return std::nullopt;
  quantity result{text.substr(0, end), text.substr(end)};
  if (result.unit.starts_with(' '))
    result.unit.remove_prefix(1);
  return result;
}

// Two to the power of 64; the cast below is defined under it.
constexpr double uint64_end = 18446744073709551616.0;

std::optional<std::uint64_t> scale(double value, std::uint64_t unit) {
  auto exact = value * static_cast<double>(unit);
  auto rounded = std::round(exact);
  // 0.3 has no exact double, so "0.3d" is allowed to be a little off; "0.5B" is
  // half a byte and a mistake.
  if (!(std::abs(exact - rounded) <= 1e-9 * rounded))
    return std::nullopt;
  if (!(rounded >= 0 && rounded < uint64_end))
    return std::nullopt;
  return static_cast<std::uint64_t>(rounded);
}

// Whole numbers are exact however long they are; a fraction has to come to a
// whole number of the smallest unit.
std::optional<std::uint64_t> scale(std::string_view number,
                                   std::uint64_t unit) {
  auto end = number.data() + number.size();
  std::uint64_t whole = 0;
  auto parsed = std::from_chars(number.data(), end, whole);
  if (parsed.ec == std::errc{} && parsed.ptr == end) {
    std::uint64_t result = 0;
    if (__builtin_mul_overflow(whole, unit, &result))
      return std::nullopt;
    return result;
  }
  double value = 0;
  auto fraction =
      std::from_chars(number.data(), end, value, std::chars_format::fixed);
  if (fraction.ec != std::errc{} || fraction.ptr != end)
    return std::nullopt;
  return scale(value, unit);
}

bool names(const duration_unit& x, std::string_view text) {
  if (text == x.symbol || text == x.name)
    return true;
  return text.size() == x.name.size() + 1 && text.starts_with(x.name)
         && text.back() == 's';
}

const duration_unit* find_duration_unit(std::string_view text) {
  auto hit =
      std::find_if(duration_units.begin(), duration_units.end(),
                   [&](const duration_unit& x) { return names(x, text); });
  return hit != duration_units.end() ? hit : nullptr;
}

std::optional<timespan> to_timespan(std::optional<std::uint64_t> nanoseconds) {
  // The longest timespan is the mark for infinity, and no duration.
  if (!nanoseconds
      || *nanoseconds >= static_cast<std::uint64_t>(infinite.count()))
    return std::nullopt;
  return timespan{static_cast<std::int64_t>(*nanoseconds)};
}

} // namespace

std::optional<timespan> parse_duration(double value, std::string_view unit) {
  if (auto x = find_duration_unit(unit))
    return to_timespan(scale(value, x->nanoseconds));
  return std::nullopt;
}

std::optional<timespan> parse_duration(std::string_view text) {
  if (text == "infinity")
    return infinite;
  if (auto x = split(text))
    if (auto unit = find_duration_unit(x->unit))
      return to_timespan(scale(x->number, unit->nanoseconds));
  return std::nullopt;
}

std::string render_duration(timespan x) {
  if (x == infinite)
    return "infinity";
  if (x.count() == 0)
    return "0s";
  for (const auto& unit : duration_units)
    if (auto n = static_cast<std::int64_t>(unit.nanoseconds);
        x.count() % n == 0)
      return std::to_string(x.count() / n) + std::string{unit.symbol};
  return std::to_string(x.count()) + "ns";
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  auto x = split(text);
  if (!x)
    return std::nullopt;
  for (const auto& unit : size_units)
    if (x->unit == unit.symbol || (x->unit.empty() && unit.symbol == "B"))
      return scale(x->number, unit.bytes);
  return std::nullopt;
}

std::string render_size(std::uint64_t bytes) {
  if (bytes != 0)
    for (const auto& unit : size_units)
      if (unit.bytes > 1 && bytes % unit.bytes == 0)
        return std::to_string(bytes / unit.bytes) + std::string{unit.symbol};
  return std::to_string(bytes);
}

} // namespace charmer
