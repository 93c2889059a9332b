// How large a pool becomes that somebody wants to be so large (poolex's
// add_idle_workers and remove_idle_workers, with bounds).
//
// Threading: a pure function.
//
//   auto plan = plan_size(10, 0, 8, false);
//   // size 8, not_done "10 workers were asked for, but max_size is 8: …"
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

namespace charmer {

struct resize_plan {
  std::uint32_t size = 0;
  /// What was asked for and is not done, as a sentence. Empty: all is done.
  std::string not_done;
};

/// @param wanted may be anything; the result lies within the bounds.
/// @param overflows whether workers come when they are needed: only then a pool
/// may have none.
/// REQUIRES: min_size <= max_size, and max_size is not 0 unless it overflows.
inline resize_plan plan_size(std::int64_t wanted, std::uint32_t min_size,
                             std::uint32_t max_size, bool overflows) {
  auto lowest = std::max(min_size, overflows ? 0u : 1u);
  auto size = std::clamp(wanted, std::int64_t{lowest}, std::int64_t{max_size});
  resize_plan result{static_cast<std::uint32_t>(size), {}};
  if (size == wanted)
    return result;
  auto why = wanted > size        ? "max_size is " + std::to_string(size)
             : lowest == min_size ? "min_size is " + std::to_string(size)
                                  : "a pool without overflow (max_overflow) "
                                    "needs one";
  result.not_done = std::to_string(wanted) + " workers were asked for, but "
                    + why + ": the pool has " + std::to_string(size);
  return result;
}

} // namespace charmer
