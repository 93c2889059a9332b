// The callers of a soak: a seeded mix of calls, each with exactly one outcome.
//
// Threading: start and stop from one thread; the tally may be read from any.
#pragma once

#include "charmer/charmer.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace soak {

/// What the callers of one pool have seen.
class tally {
public:
  std::atomic<std::uint64_t> made = 0;
  std::atomic<std::uint64_t> replies = 0;
  std::atomic<std::uint64_t> errors = 0;
  /// Replies that are wrong, errors that nothing has caused, and outcomes of
  /// calls that had one.
  std::atomic<std::uint64_t> surprises = 0;

  void fail(const std::string& command, const caf::error& why);
  void surprise(const std::string& text);

  std::map<std::string, std::uint64_t> by_code() const;
  std::vector<std::string> first_surprises() const;

  std::uint64_t outcomes() const { return replies + errors; }

private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> by_code_;
  std::vector<std::string> surprises_;
};

/// What the callers of a pool ask for.
enum class manners : std::uint8_t {
  rough,  ///< also what fails, leaks, hangs and dies
  gentle, ///< only what succeeds; every error is a surprise
};

class load {
public:
  /// @param in_flight how many calls each caller has under way, always
  /// @param seen is added to; REQUIRES: outlives all outcomes
  load(caf::actor_system& sys, charmer::pool_handle pool, manners how,
       std::uint64_t seed, std::size_t callers, std::size_t in_flight,
       tally& seen);

  /// No more calls. @returns whether every one got its outcome in time
  bool stop(double seconds);

private:
  tally& seen_;
  std::shared_ptr<std::atomic<bool>> going_on_ =
      std::make_shared<std::atomic<bool>>(true);
};

} // namespace soak
