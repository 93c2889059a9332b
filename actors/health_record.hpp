// When a worker is to be asked whether it can work, and what its answers mean:
// a plain rule, apart from the lifecycle manager that asks.
//
// It is asked every health_interval, less its spread, so that workers that
// began together are not all asked together; after a bad answer sooner, after
// health_timeout, so that a worker that cannot work is not kept for long, and
// one that had a bad moment has another chance.
//
// Threading: a plain value. Time comes from the caller.
#pragma once

#include "charmer/actors/spread.hpp"
#include "charmer/profiles/settings.hpp"

#include <algorithm>

namespace charmer {

class health_record {
public:
  /// `now`: the worker is ready, and taken to be well. `spread`: see
  /// spread.hpp.
  explicit health_record(time_point now, double spread = 0)
      : asked_(now), spread_(spread) {}

  /// Whether it is to be asked now, if it has nothing else to do.
  bool due(const pool_settings& limits, time_point now) const {
    if (limits.health_interval == infinite)
      return false;
    auto pause = failures_ == 0
                     ? limits.health_interval
                     : std::min(limits.health_interval, limits.health_timeout);
    return !waiting_ && reached((now - asked_).count(), pause.count(), spread_);
  }

  void ask(time_point now) {
    asked_ = now;
    waiting_ = true;
  }

  /// It was busy after all, or is gone: that says nothing.
  void no_answer() { waiting_ = false; }

  void good_answer() {
    waiting_ = false;
    failures_ = 0;
  }

  /// Whether it is to be replaced.
  bool bad_answer(const pool_settings& limits) {
    waiting_ = false;
    return ++failures_ >= limits.health_failures;
  }

  std::uint32_t failures() const noexcept { return failures_; }

private:
  time_point asked_;
  double spread_;
  bool waiting_ = false;
  std::uint32_t failures_ = 0; // in a row
};

} // namespace charmer
