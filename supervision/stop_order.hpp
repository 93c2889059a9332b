// In which order children are stopped.
//
// In reverse order of their start, one at a time. Children that were added at
// run time and do not depend on each other (one_for_one, simple_one_for_one)
// stop first and all at once, so that stopping a thousand takes as long as
// stopping one.
//
// Threading: plain values.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

namespace charmer {

/// What the order depends on.
struct stoppable {
  std::uint64_t number = 0; ///< counts up in the order of the starts
  bool dynamic = false;     ///< added at run time
};

/// Batches, to be stopped one after the other; what is in one batch is stopped
/// at the same time.
using stop_batches = std::deque<std::vector<std::uint64_t>>;

/// @param children in the order of their numbers.
/// @param together whether dynamic children stop at the same time.
stop_batches stop_order(const std::vector<stoppable>& children, bool together);

} // namespace charmer
