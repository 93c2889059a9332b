// A host that stood still: the clock has moved, and nobody has turned the wheel
// of deadlines yet. What waits too long already never runs.
#include "bench.hpp"

namespace {

void check_late(const effects& out, const std::string& who) {
  CHECK(out.assignments.empty());
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::wait_timeout);
  CHECK(out.settlements[0].who == who);
  CHECK(!out.settlements[0].begun);
}

} // namespace

TEST_CASE("a worker that is free again is not given what is too late") {
  bench b;
  b.hire("w");
  auto first = b.submit("a");
  b.submit("late");
  b.now += 5s;
  check_late(b.done(first), "late");
  CHECK(b.submit("b").assignments.size() == 1);
  CHECK(b.counts().unserved == 1);
}

TEST_CASE(
    "what is not too late goes before what comes, also behind late ones") {
  bench b;
  b.hire("w");
  auto first = b.submit("a");
  b.submit("late");
  b.submit("late, too");
  b.now += 3s;
  b.submit("in time");
  b.now += 2s;
  auto out = b.done(first);
  CHECK(out.settlements.size() == 2);
  REQUIRE(out.assignments.size() == 1);
  CHECK(out.assignments[0].what == "in time");
}

TEST_CASE("a new worker, and a look at the queue, give out nothing late") {
  bench b;
  b.submit("a");
  b.now += 6s;
  b.hire("w");
  check_late(b.met, "a");
  auto w = b.hire("v");
  auto sent = b.submit("b").assignments.at(0);
  effects out;
  b.core.bounced(sent.lease, true, b.now, out);
  b.now += 5s;
  out = b.dispatch();
  b.kill(w);
  check_late(out, "b");
}

TEST_CASE("nor do the lines of a worker, of a key and of a lease") {
  core_limits limits;
  limits.size = 1;
  bench b{limits};
  b.hire("w");
  auto keyed = [&](const char* what) {
    auto x = b.request(what);
    x.how = hash_worker("k");
    return b.submit(std::move(x));
  };
  auto first = keyed("first");
  keyed("second");
  keyed("third");
  b.now += 5s;
  auto out = b.done(first);
  CHECK(out.assignments.empty());
  CHECK(out.settlements.size() == 2);

  auto held = b.request("lease");
  held.key = {1, 1};
  held.lease = true;
  REQUIRE(b.submit(std::move(held)).grants.size() == 1);
  auto errand = [&](const char* what) {
    auto x = b.request(what);
    x.within = {1, 1};
    return b.submit(std::move(x));
  };
  auto runs = errand("runs");
  errand("waits");
  b.now += 5s;
  check_late(b.done(runs), "waits");
  CHECK(errand("next").assignments.size() == 1);
}

TEST_CASE("nor do collections of the application's") {
  core_limits limits;
  limits.size = 1;
  limits.managed = true;
  bench b{limits};
  auto w = b.hire("w");
  b.submit("a");
  auto seen = b.core.movements().value();
  b.now += 5s;
  effects out;
  CHECK(b.core.assign(seen.at(1).reference, w, b.now, out)
        == assignment_result::request_gone);
  check_late(out, "a");
}

TEST_CASE("the time with a worker is not held against what waits again") {
  bench b;
  auto w = b.hire("w");
  auto x = b.request("a");
  x.idempotent = true;
  b.arrived(b.submit(std::move(x)).assignments.at(0));
  b.now += 30s;
  CHECK(b.kill(w).settlements.empty());
  CHECK(b.pass(4s).settlements.empty());
  b.hire("w");
  REQUIRE(b.met.assignments.size() == 1);
  CHECK(b.met.assignments[0].what == "a");
}

TEST_CASE("a pool that is closed dismisses who waited to have nothing left") {
  bench b;
  auto w = b.hire("w");
  b.submit("a");
  effects out;
  b.core.worker_retiring(w, b.now, out);
  CHECK(out.dismissals.empty());
  b.core.close(b.now, out);
  CHECK(out.dismissals.size() == 1);
}
