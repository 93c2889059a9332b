// Limits that workers reach at different times although they began together:
// each incarnation's are lower by a share of its own, up to 10 %.
//
// Threading: pure functions.
//
//   reached(requests, 1000, spread_of(incarnation))   // from 900 to 1000 on
#pragma once

#include <cmath>
#include <cstdint>

namespace charmer {

/// From 0 to 1; the same for each incarnation, evenly spread (Knuth's
/// multiplicative hash).
inline double spread_of(std::uint64_t incarnation) {
  return static_cast<double>((incarnation * 2654435761u) % 1000) / 1000.0;
}

/// The limit of the worker with this spread.
template <class T>
double spread_limit(T limit, double spread) {
  return static_cast<double>(limit) * (1.0 - spread / 10);
}

template <class T>
bool reached(T value, T limit, double spread) {
  return static_cast<double>(value) >= spread_limit(limit, spread);
}

/// The first whole number that has reached it. 0: no number does.
inline std::uint64_t first_to_reach(std::uint64_t limit, double spread) {
  return static_cast<std::uint64_t>(std::ceil(spread_limit(limit, spread)));
}

} // namespace charmer
