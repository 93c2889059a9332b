// When a worker is to be asked whether it can work, and what its answers mean:
// a plain rule, apart from the lifecycle manager that asks.
//
// It is asked every health_interval; after a bad answer sooner, after
// health_timeout, so that a worker that cannot work is not kept for long, and
// one that had a bad moment has another chance. Workers that became ready
// together are not asked together: each interval is shorter by up to 10 %.
//
// Threading: a plain value. Time comes from the caller.
#pragma once

#include "charmer/profiles/settings.hpp"

#include <algorithm>

namespace charmer {

class health_record {
public:
  /// `now`: the worker is ready, and taken to be well. `spread` from 0 to 1,
  /// fixed for each incarnation, is how much of those 10 % is its own.
  explicit health_record(time_point now, double spread = 0)
      : asked_(now), share_(1.0 - spread / 10) {}

  /// Whether it is to be asked now, if it has nothing else to do.
  bool due(const pool_settings& limits, time_point now) const {
    if (limits.health_interval == infinite)
      return false;
    auto pause = failures_ == 0
                     ? limits.health_interval
                     : std::min(limits.health_interval, limits.health_timeout);
    auto since = static_cast<double>((now - asked_).count());
    return !waiting_ && since >= static_cast<double>(pause.count()) * share_;
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
  double share_;
  bool waiting_ = false;
  std::uint32_t failures_ = 0; // in a row
};

} // namespace charmer
