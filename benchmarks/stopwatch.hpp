// Times of many repetitions.
//
// Threading: one thread. Units: microseconds.
//
//   double us = median_time(1s, [&] { echo.write(x); echo.read(y); });
#pragma once

#include "measure.hpp"

#include <chrono>
#include <vector>

namespace bench {

/// Takes times until it was long enough; the first part does not count.
class stopwatch {
public:
  using clock = std::chrono::steady_clock;

  /// The part of the time for which caches, pipes and estimates warm up first.
  static constexpr double warm_up = 0.2;

  explicit stopwatch(std::chrono::milliseconds time)
      : lap_(clock::now()),
        begin_(lap_
               + std::chrono::duration_cast<clock::duration>(time * warm_up)),
        end_(begin_ + time) {
    // nop
  }

  /// One repetition is over, and the next one begins.
  /// @returns false when it was long enough
  bool lap() {
    auto now = clock::now();
    if (lap_ >= begin_)
      times_.push_back(
          std::chrono::duration<double, std::micro>(now - lap_).count());
    lap_ = now;
    return now < end_ || times_.empty();
  }

  double median() const { return bench::median(times_); }

private:
  clock::time_point lap_;
  clock::time_point begin_;
  clock::time_point end_;
  std::vector<double> times_;
};

/// Repeats `f`: the median of its times.
template <class F>
double median_time(std::chrono::milliseconds time, F f) {
  stopwatch watch{time};
  do
    f();
  while (watch.lap());
  return watch.median();
}

} // namespace bench
