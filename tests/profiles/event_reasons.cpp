// What events say of the errors of pools.
#include "charmer/profiles/errors.hpp"
#include "charmer/supervision/errors.hpp"
#include "charmer/supervision/event.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace charmer;

namespace {

nlohmann::json reason_of(caf::error x) {
  event e{.name = "x", .reason = std::move(x)};
  return nlohmann::json::parse(to_json(e)).at("reason");
}

failure killed() {
  return {.text = "killed by SIGKILL",
          .pool = "default",
          .worker = "worker-3",
          .incarnation = 7,
          .command = "add",
          .traceback = "Traceback",
          .signal = 9,
          .stderr_tail = {"last words"}};
}

} // namespace

TEST_CASE("the reason of an event is a sentence, whatever the error carries") {
  auto reason = reason_of(make_error(pool_errc::worker_died, killed()));
  CHECK(reason.at("category") == "charmer");
  CHECK(reason.at("text")
        == "worker_died: killed by SIGKILL (pool default, worker-3 "
           "(incarnation 7), command add)");
  CHECK(reason_of(make_error(pool_errc::queue_full, failure{})).at("text")
        == "queue_full");
  CHECK(reason_of(caf::error{pool_errc::node_down}).at("text") == "node_down");
}

TEST_CASE("so is one whose worker's actor has said something as well") {
  auto why = with_context(make_error(pool_errc::worker_died, killed()),
                          exit_details{"worker-3 is gone", {{"pid", "1"}}});
  CHECK(reason_of(why).at("text")
        == "worker_died: killed by SIGKILL (pool default, worker-3 "
           "(incarnation 7), command add)");
  auto bare = with_context(caf::error{pool_errc::start_failed},
                           exit_details{"no memory", {}});
  CHECK(reason_of(bare).at("text") == "start_failed: no memory");
}

TEST_CASE("and one that led to another") {
  auto why = make_error(supervision_errc::start_failed, "child 'a'",
                        make_error(pool_errc::start_failed, "no module"));
  CHECK(reason_of(why).at("text")
        == "start_failed: child 'a' (start_failed: no module)");
  event e{.name = "x", .reason = why};
  CHECK(to_string(e).find("child 'a' (start_failed: no module)")
        != std::string::npos);
}
