// Requests that nobody wants any more, with workers that cannot be told so.
#include "bench.hpp"

namespace {

struct deaf : bench {
  deaf() : bench(limits()) { hire("w"); }

  static core_limits limits() {
    core_limits x;
    x.size = 1;
    x.cancellable = false;
    x.cancel_grace = 500ms;
    return x;
  }

  // One that runs, and that nobody wants any more.
  std::uint64_t unwanted(std::chrono::nanoseconds timeout) {
    auto x = request("x");
    x.key = {1, 1};
    if (timeout == std::chrono::nanoseconds::max())
      x.deadline = core_type::time_point::max();
    else
      x.deadline = now + timeout;
    auto given = submit(std::move(x)).assignments.at(0);
    arrived(given);
    effects out;
    REQUIRE(core.cancel({1, 1}, now, out));
    CHECK(out.settlements.at(0).code == pool_errc::cancelled);
    CHECK(out.cancellations.empty());
    return given.lease;
  }
};

} // namespace

TEST_CASE("it is let run until its own deadline, and then has a grace") {
  deaf b;
  b.unwanted(10s);
  CHECK(b.pass(10'400ms).expulsions.empty());
  CHECK(b.pass(200ms).expulsions.size() == 1);
}

TEST_CASE("it is let run for ever if it has no deadline") {
  deaf b;
  auto lease = b.unwanted(std::chrono::nanoseconds::max());
  CHECK(b.pass(24h).expulsions.empty());
  CHECK(b.answer(lease).settlements.empty());
  CHECK(!b.answered);
  CHECK(b.submit("next").assignments.size() == 1);
}

TEST_CASE("its worker is given nothing else before it is done") {
  deaf b;
  auto lease = b.unwanted(10s);
  CHECK(!b.core.snapshot(b.now).workers.at(0).idle);
  CHECK(b.submit("next").assignments.empty());
  CHECK(b.answer(lease).assignments.size() == 1);
}

TEST_CASE("one that is too late has its grace, as with any worker") {
  deaf b;
  auto x = b.request("x");
  x.deadline = b.now + 1s;
  b.arrived(b.submit(std::move(x)).assignments.at(0));
  CHECK(b.pass(1'001ms).settlements.at(0).code == pool_errc::exec_timeout);
  CHECK(b.pass(400ms).expulsions.empty());
  CHECK(b.pass(101ms).expulsions.size() == 1);
}
