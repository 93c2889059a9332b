// Durations and sizes as people write them in settings.
//
// A duration is a number and a unit ("90s", "250ms", "1.5h") or "infinity"; a
// bare number is none, because nobody can tell seconds from milliseconds by
// looking at it. A size is a number of bytes, or a number and a unit: MB is a
// million, MiB is 2^20.
//
// Threading: pure functions. Errors: an empty optional; what is allowed is said
// by the caller, who knows the range.
//
//   charmer::parse_duration("2m");    // 120 s
//   charmer::parse_size("64MiB");     // 67108864
//   charmer::render_duration(90s);    // "90s"
#pragma once

#include "charmer/supervision/caf.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace charmer {

/// "90s", "250ms", "0.5h", "infinity". Units: ns, us, ms, s, m, h, d, and their
/// names in full ("minutes").
std::optional<timespan> parse_duration(std::string_view text);

/// A number of units: (5, "minutes"). Negative, not finite, too long or in an
/// unknown unit: none.
std::optional<timespan> parse_duration(double value, std::string_view unit);

/// In the largest unit that needs no fraction; parse_duration reads it back.
std::string render_duration(timespan x);

/// "512MB", "64MiB", "4096". Units: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// In the largest unit that needs no fraction; parse_size reads it back.
std::string render_size(std::uint64_t bytes);

} // namespace charmer
