// How many automatic restarts a supervisor makes before it gives up.
//
// OTP's intensity and period: with intensity I, restart number I+1 within one
// period is one too many. The window is inclusive and exact to the clock (OTP
// truncates to whole seconds). An attempt is charged before it is made.
//
// Threading: plain values, time comes from the caller.
//
//   restart_budget budget{{.intensity = 5, .period = 60s}};
//   if (!budget.charge(clock.now())) give_up();
#pragma once

#include "charmer/supervision/caf.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>

namespace charmer {

struct restart_intensity {
  /// How many restarts are allowed in one period. 0: none at all.
  std::int64_t intensity = 1;
  timespan period = std::chrono::seconds(5);

  /// Restarts are not charged at all.
  static restart_intensity unlimited() {
    return {.intensity = std::numeric_limits<std::int64_t>::max()};
  }

  bool is_unlimited() const noexcept {
    return intensity == std::numeric_limits<std::int64_t>::max();
  }
};

class restart_budget {
public:
  restart_budget() = default;

  explicit restart_budget(restart_intensity limit) : limit_(limit) {}

  /// Charges one restart. False: it is one too many.
  bool charge(time_point now);

  /// How many restarts are in the window that ends at `now`.
  std::size_t used(time_point now) const;

  /// Forgets what was charged.
  void clear() { window_.clear(); }

  const restart_intensity& limit() const noexcept { return limit_; }

private:
  restart_intensity limit_;
  std::deque<time_point> window_; // oldest first, at most intensity + 1
};

} // namespace charmer
