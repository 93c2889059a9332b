// Who says that a command may run twice: its decorator, the settings, the
// request.
#include "pool_fixture.hpp"
#include "scratch_file.hpp"

#include <thread>

using namespace charmer_tests;

namespace {

pool_settings may_run_twice(std::vector<std::string> commands) {
  auto x = shop(1);
  x.idempotent = std::move(commands);
  return x;
}

// Whether a command whose worker is killed in the middle runs once more.
bool is_tried_again(const pool_settings& x, const std::string& command,
                    idempotence said) {
  pool_fixture f{x};
  auto pid = f.call("pid").json().get<pid_t>();
  scratch_file begun;
  std::thread killer{[&] {
    if (begun.wait_for(1))
      kill(pid, SIGKILL);
  }};
  auto out = f.call(command, {{"seconds", 0.3}, {"marker", begun.path}},
                    {.idempotent = said});
  killer.join();
  CHECK(f.stats().counts.retried == (out.why ? 0 : 1));
  if (out.why)
    CHECK(out.why == pool_errc::worker_died);
  return !out.why;
}

} // namespace

TEST_CASE("a command may run twice if its decorator or the settings say so") {
  constexpr auto unsaid = idempotence::unsaid;
  CHECK(!is_tried_again(may_run_twice({}), "hasty", unsaid));
  CHECK(is_tried_again(may_run_twice({}), "patient", unsaid));
  CHECK(is_tried_again(may_run_twice({"hasty"}), "hasty", unsaid));
  // A list of others takes nothing away.
  CHECK(is_tried_again(may_run_twice({"hasty"}), "patient", unsaid));
}

TEST_CASE("what the request says of it wins over both") {
  CHECK(is_tried_again(may_run_twice({}), "hasty", idempotence::yes));
  CHECK(!is_tried_again(may_run_twice({"hasty"}), "hasty", idempotence::no));
  CHECK(!is_tried_again(may_run_twice({}), "patient", idempotence::no));
}
