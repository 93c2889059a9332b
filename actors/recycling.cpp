#include "charmer/actors/recycling.hpp"

#include "charmer/actors/spread.hpp"

#include <algorithm>

namespace charmer {

std::string_view to_string(recycle_reason x) {
  switch (x) {
    case recycle_reason::ttl:
      return "ttl";
    case recycle_reason::max_requests:
      return "max_requests";
    case recycle_reason::memory:
      return "memory";
    case recycle_reason::health:
      return "health";
    case recycle_reason::manual:
      return "manual";
  }
  return "unknown";
}

std::optional<recycle_reason> due(const pool_settings& limits,
                                  const worker_age& age, double spread) {
  if (limits.memory_limit != 0
      && reached(age.memory, limits.memory_limit, spread))
    return recycle_reason::memory;
  if (limits.max_requests != 0
      && reached(age.requests, limits.max_requests, spread))
    return recycle_reason::max_requests;
  if (limits.ttl != infinite
      && reached(age.uptime.count(), limits.ttl.count(), spread))
    return recycle_reason::ttl;
  return std::nullopt;
}

bool is_near(double value, double limit) {
  return limit > 0 && value >= 0.8 * limit;
}

std::uint32_t surge_of(const pool_settings& x, std::uint32_t size) {
  return x.max_surge != 0 ? x.max_surge : std::max(1u, size / 4);
}

} // namespace charmer
