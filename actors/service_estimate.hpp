// How long a command takes, as far as one can tell: a smoothed mean and a
// smoothed deviation, as TCP estimates round trips (RFC 6298).
//
// It decides how far ahead of a worker requests are sent: what is short and
// steady is, what is long or varies is not. A plain value.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>

namespace charmer {

class service_estimate {
public:
  using nanoseconds = std::chrono::nanoseconds;

  /// What a call costs a Python worker beside the command itself: reading,
  /// parsing, answering. Measured by the benchmark's row 2.
  static constexpr nanoseconds overhead = std::chrono::microseconds(5);

  void add(nanoseconds measured) {
    auto x = measured + overhead;
    if (samples_ == 0) {
      mean_ = x;
      deviation_ = x / 2;
    } else {
      auto error = x - mean_;
      mean_ += error / 8;
      deviation_ += (nanoseconds{std::abs(error.count())} - deviation_) / 4;
    }
    if (samples_ < enough)
      ++samples_;
  }

  /// Before a few calls were seen nothing is known.
  bool known() const noexcept { return samples_ == enough; }

  /// A cautious guess: the mean and twice the deviation.
  nanoseconds value() const noexcept { return mean_ + 2 * deviation_; }

private:
  static constexpr std::uint32_t enough = 4;

  nanoseconds mean_{0};
  nanoseconds deviation_{0};
  std::uint32_t samples_ = 0;
};

} // namespace charmer
