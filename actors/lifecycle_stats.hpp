// What the lifecycle manager has done and is about to do, as a plain value
// (Snakepit's lifecycle statistics).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace charmer {

/// Of one pool, or of all together.
struct lifecycle_counts {
  std::uint64_t workers = 0;           ///< that are ready
  std::uint64_t requests = 0;          ///< that they have answered
  std::uint64_t near_ttl = 0;          ///< workers that soon are too old
  std::uint64_t near_max_requests = 0; ///< that soon have answered enough
  /// Workers that are past a limit and wait for others that were replaced and
  /// still run something (charmer.worker.recycle_delayed).
  std::uint64_t delayed = 0;
  /// How often workers were replaced, by reason: ttl, max_requests, memory,
  /// health, manual; hang: a request did not stop.
  std::map<std::string, std::uint64_t> recycled;

  lifecycle_counts& operator+=(const lifecycle_counts& x);
};

struct lifecycle_stats {
  lifecycle_counts total;
  std::map<std::string, lifecycle_counts> pools;
};

std::string to_json(const lifecycle_stats& x);

} // namespace charmer
