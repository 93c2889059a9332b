// What a pool has to start and to retire to become as large as somebody wants.
//
// The seats of a pool are numbered from 1. Growing fills the lowest that are
// empty, shrinking retires the highest: so what remains is 1 … size, and a key
// that hashes to a seat stays where it is whenever it can.
//
// Threading: a pure function.
//
//   auto plan = plan_resize({1, 2, 3, 4, 5}, 10, 0, 8);
//   // size 8, start {6, 7, 8}, not_done "10 workers were asked for, …"
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace charmer {

struct resize_plan {
  /// How many seats the pool will have.
  std::uint32_t size = 0;
  std::vector<std::uint32_t> start;  ///< lowest first
  std::vector<std::uint32_t> retire; ///< highest first
  /// What was asked for and is not done, as a sentence. Empty: all is done.
  std::string not_done;
};

/// @param present the seats that are taken, in any order.
/// @param wanted may be anything; the result lies within the bounds.
/// REQUIRES: min_size <= max_size.
inline resize_plan plan_resize(std::vector<std::uint32_t> present,
                               std::int64_t wanted, std::uint32_t min_size,
                               std::uint32_t max_size) {
  resize_plan result;
  auto size =
      std::clamp(wanted, std::int64_t{min_size}, std::int64_t{max_size});
  result.size = static_cast<std::uint32_t>(size);
  std::sort(present.begin(), present.end());
  present.erase(std::unique(present.begin(), present.end()), present.end());
  auto kept = std::upper_bound(present.begin(), present.end(), result.size);
  result.retire.assign(present.rbegin(), std::make_reverse_iterator(kept));
  auto taken = present.begin();
  for (std::uint32_t seat = 1; seat <= result.size; ++seat) {
    while (taken != kept && *taken < seat)
      ++taken;
    if (taken == kept || *taken != seat)
      result.start.push_back(seat);
  }
  if (size != wanted) {
    auto bound = wanted > size ? "max_size" : "min_size";
    result.not_done = std::to_string(wanted) + " workers were asked for, but "
                      + bound + " is " + std::to_string(size)
                      + ": the pool has " + std::to_string(size);
  }
  return result;
}

} // namespace charmer
