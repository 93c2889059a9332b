// How many items may be in flight at once.
//
// One for each worker at first, and always for commands that are slow, so that
// no item's deadline is eaten by waiting behind others. While items come back
// quickly the window doubles, so that workers never run dry between two round
// trips.
//
// Threading: a plain value.
//
//   window w{4};
//   if (in_flight < w.size()) send(…);
//   w.answered(latency);
#pragma once

#include "charmer/supervision/caf.hpp"

#include <cstddef>

namespace charmer::tools {

class window {
public:
  /// A round, which is as many answers as the window has places, that took
  /// less on average lets the window double; one of twice as much halves it.
  static constexpr timespan quick = std::chrono::milliseconds(100);

  /// One answer that took so long takes the window back to the workers.
  static constexpr timespan slow = std::chrono::seconds(1);

  /// @param workers how many items really run at once; at least 1
  explicit window(std::size_t workers, std::size_t limit = 512);

  std::size_t size() const noexcept { return size_; }

  /// An item was answered so long after it was sent.
  void answered(timespan latency);

  /// An item waited in vain: too many were sent.
  void overfull();

private:
  void set(std::size_t x);

  std::size_t workers_;
  std::size_t limit_;
  std::size_t size_;
  std::size_t count_ = 0; // in this round
  timespan sum_{0};
};

} // namespace charmer::tools
