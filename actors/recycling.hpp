// When a worker has served long enough: a plain rule, apart from the lifecycle
// manager that acts on it. (Snakepit's ttl, max_requests and memory limit.)
#pragma once

#include "charmer/profiles/settings.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace charmer {

enum class recycle_reason : std::uint8_t {
  ttl,
  max_requests,
  memory,
  health, ///< it says, again and again, that it cannot work
  manual, ///< somebody asked for it
};

std::string_view to_string(recycle_reason x);

/// What the rule looks at.
struct worker_age {
  timespan uptime{0};
  std::uint64_t requests = 0;
  std::uint64_t memory = 0; ///< resident bytes
};

/// Why a worker is due for replacement, if it is. `spread`: see spread.hpp.
std::optional<recycle_reason> due(const pool_settings& limits,
                                  const worker_age& age, double spread);

/// Whether so much of a limit is used up that it will be reached soon: four
/// fifths, from where on the spread can take the rest. `limit` 0: there is
/// none.
bool is_near(double value, double limit);

/// How many workers of a pool that has so many may be replaced at once.
std::uint32_t surge_of(const pool_settings& x, std::uint32_t size);

} // namespace charmer
