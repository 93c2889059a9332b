#include "charmer/supervision/backoff.hpp"

#include <algorithm>
#include <cmath>

namespace charmer {

timespan backoff::delay(std::uint32_t attempt, double random01) const {
  if (attempt == 0)
    return timespan{0};
  // In double, because factor^attempt leaves every integer behind.
  auto limit = static_cast<double>(maximum.count());
  auto base = static_cast<double>(minimum.count());
  if (base > 0) // 0 times infinity is no number
    base *= std::pow(factor, static_cast<double>(attempt - 1));
  base = std::min(base, limit);
  auto spread = base * (1 + jitter * (2 * random01 - 1));
  auto result = std::clamp(spread, 0.0, limit);
  return result < limit ? timespan{static_cast<std::int64_t>(result)} : maximum;
}

} // namespace charmer
