#include "charmer/actors/call.hpp"

namespace charmer::detail {

answer_limit response_limit(const caf::actor_system& sys,
                            const pool_handle& pool,
                            const call_options& options) {
  // As request_timeout and stream_timeout.
  auto usual = std::chrono::seconds(options.window == 0 ? 60 : 300);
  constexpr timespan travel = std::chrono::seconds(5);
  if (!pool || pool.actor().node() == sys.node() || options.timeout == infinite)
    return to_answer_limit(infinite);
  auto total = options.timeout == unsaid ? timespan{usual} : options.timeout;
  return to_answer_limit(total + travel);
}

} // namespace charmer::detail
