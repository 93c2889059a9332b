#include "charmer/actors/call.hpp"

namespace charmer::detail {

caf::error in_terms_of_pools(const pool_handle& pool, caf::error why) {
  if (!pool)
    return make_error(pool_errc::no_such_pool,
                      "the handle of the pool is empty");
  if (pool.is_remote() && why == caf::sec::request_timeout)
    return make_error(pool_errc::exec_timeout,
                      failure{.text = "the node of the pool did not answer in "
                                      "time; whether the request ran is not "
                                      "known",
                              .pool = pool.name(),
                              .begun = true});
  return why;
}

answer_limit response_limit(const pool_handle& pool,
                            const call_options& options) {
  constexpr timespan travel = std::chrono::seconds(5);
  auto usual =
      options.window == 0 ? pool.request_timeout() : pool.stream_timeout();
  auto total = options.timeout == unsaid ? usual : options.timeout;
  total = std::min(total, options.time_left);
  if (!pool.is_remote() || total == infinite)
    return to_answer_limit(infinite);
  return to_answer_limit(total + travel);
}

} // namespace charmer::detail
