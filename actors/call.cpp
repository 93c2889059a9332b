#include "charmer/actors/call.hpp"

namespace charmer::detail {

caf::duration response_limit(const caf::actor_system& sys,
                             const pool_handle& pool,
                             const call_options& options) {
  constexpr timespan usual = std::chrono::seconds(60); // as request_timeout
  constexpr timespan travel = std::chrono::seconds(5);
  if (pool.actor().node() == sys.node() || options.timeout == infinite)
    return caf::duration{caf::infinite};
  auto total = options.timeout == unsaid ? usual : options.timeout;
  return caf::duration{
      std::chrono::duration_cast<std::chrono::milliseconds>(total + travel)};
}

} // namespace charmer::detail
