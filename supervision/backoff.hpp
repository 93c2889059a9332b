// How long to wait before a child is started again.
//
// delay(0) is none: a child that lived long and dies once is back at once.
// From then on the delay grows from `minimum` by `factor` up to `maximum`, and
// `jitter` spreads it by that share in both directions, so that what died
// together does not come back together. Beyond OTP, which restarts at once.
//
// Threading: a plain value. Randomness comes from the caller, and so a test
// can say what it is.
//
//   backoff{}.delay(2, 0.5) == 400ms
#pragma once

#include "charmer/supervision/caf.hpp"

#include <cstdint>

namespace charmer {

struct backoff {
  timespan minimum = std::chrono::milliseconds(200);
  timespan maximum = std::chrono::seconds(30);
  double factor = 2;
  /// 0.2 makes 80 to 120 percent, never more than `maximum`.
  double jitter = 0.2;
  /// A child that has lived so long begins again with attempt 0.
  timespan reset_after = std::chrono::seconds(60);

  /// The delay before restart number `attempt` in a row.
  /// @param random01 from [0, 1); 0.5 is the middle.
  timespan delay(std::uint32_t attempt, double random01) const;
};

} // namespace charmer
