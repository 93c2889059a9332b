// The line at the bottom of the terminal while `map` runs.
//
//   [########          ]  43%  12,345 done  3 failed  1,234/s  ETA 0:12
//
// Without a known size of the input (a pipe) there is no bar, percentage or
// ETA. The rate is that of the last seconds, the ETA counts bytes of input.
//
// Threading: a plain value. Time is handed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace charmer::tools {

struct progress {
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::uint64_t bytes = 0;                  ///< of input, taken
  std::optional<std::uint64_t> total_bytes; ///< if it is known
};

class progress_bar {
public:
  using clock = std::chrono::steady_clock;

  explicit progress_bar(clock::time_point now);

  void update(const progress& x, clock::time_point now);

  /// Never longer than the terminal is wide.
  std::string render(std::size_t columns) const;

private:
  std::string numbers() const;

  clock::time_point start_;
  clock::time_point last_;
  progress now_;
  double rate_ = 0; // items per second, smoothed
};

/// "12,345"
std::string with_commas(std::uint64_t x);

/// "0:07", "12:30", "3:02:01"
std::string as_clock(std::chrono::seconds x);

} // namespace charmer::tools
