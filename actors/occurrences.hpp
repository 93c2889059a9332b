// Counts what may happen very often, so that it is told at most once a second
// and then with how often it has happened.
//
// Threading: thread-safe.
#pragma once

#include "charmer/supervision/caf.hpp"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

namespace charmer {

class occurrences {
public:
  /// One more. If it is to be told: how many since the last time it was.
  std::optional<std::uint64_t> add(time_point now) {
    std::lock_guard guard{mutex_};
    ++count_;
    if (told_ && now - *told_ < std::chrono::seconds(1))
      return std::nullopt;
    told_ = now;
    return std::exchange(count_, 0);
  }

private:
  std::mutex mutex_;
  std::uint64_t count_ = 0;
  std::optional<time_point> told_;
};

} // namespace charmer
