// private: Integers of a JSON text that fit no 64 bits.
//
// Python's ints have no end; JSON texts carry them as they are. Most parsers
// make doubles of what is too long for them, which is another number, or refuse
// it. Here they are found, so that nobody does so in silence.
//
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace charmer {

struct long_integer {
  std::size_t at = 0;   ///< where it begins
  std::size_t size = 0; ///< with its sign
};

/// The first one at or behind `from`. Any text will do; of one that is JSON,
/// what stands in strings is none. REQUIRES: `from` is not within a string.
std::optional<long_integer> find_long_integer(std::string_view json,
                                              std::size_t from = 0);

/// Where in the value a place of the text is: "/items/3", as RFC 6901 writes
/// it, and "the value" for the whole. REQUIRES: it is JSON up to there.
std::string pointer_to(std::string_view json, std::size_t at);

} // namespace charmer
