#include "charmer/actors/circuit_breaker.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/settings.hpp"

#include <algorithm>

namespace charmer {

breaker_limits limits_of(const breaker_settings& x) {
  breaker_limits result{.enabled = x.enabled,
                        .consecutive = x.consecutive,
                        .rate = x.rate,
                        .minimum = x.minimum,
                        .window = x.window,
                        .cooldown = x.cooldown};
  auto last = static_cast<unsigned>(pool_errc::shutting_down);
  for (unsigned code = 0; code <= last; ++code) {
    auto name = to_string(static_cast<pool_errc>(code));
    if (std::find(x.failures.begin(), x.failures.end(), name)
        != x.failures.end())
      result.failures |= std::uint64_t{1} << code;
  }
  return result;
}

} // namespace charmer
