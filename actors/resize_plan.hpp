// How large a pool becomes that somebody wants to be so large (poolex's
// add_idle_workers and remove_idle_workers, with bounds).
//
// Threading: a pure function.
//
//   auto plan = plan_size(10, 0, 8);
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
/// REQUIRES: min_size <= max_size.
inline resize_plan plan_size(std::int64_t wanted, std::uint32_t min_size,
                             std::uint32_t max_size) {
  auto size =
      std::clamp(wanted, std::int64_t{min_size}, std::int64_t{max_size});
  resize_plan result{static_cast<std::uint32_t>(size), {}};
  if (size != wanted) {
    auto bound = wanted > size ? "max_size" : "min_size";
    result.not_done = std::to_string(wanted) + " workers were asked for, but "
                      + bound + " is " + std::to_string(size)
                      + ": the pool has " + std::to_string(size);
  }
  return result;
}

} // namespace charmer
