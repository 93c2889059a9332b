// Keys of a worker that hangs and was left behind: what it runs goes on
// running, and nothing of the same key may run beside it.
#include "bench.hpp"

namespace {

struct hung : bench {
  hung() : bench(limits()) {
    worker = hire("w");
    arrived(keyed("hangs", 1s).assignments.at(0));
    CHECK(keyed("behind").assignments.empty());
    pass(1'001ms);
    CHECK(pass(501ms).expulsions.size() == 1);
    effects out;
    core.left_behind(worker, "too many", now, out);
    kill(worker);
  }

  static core_limits limits() {
    core_limits x;
    x.size = 1;
    return x;
  }

  effects keyed(const char* what, std::chrono::nanoseconds timeout = 60s) {
    auto x = request(what);
    x.how = hash_worker("k");
    x.deadline = now + timeout;
    return submit(std::move(x));
  }

  std::uint64_t worker = 0;
};

} // namespace

TEST_CASE("those of the same key wait until it has ended after all") {
  hung b;
  b.hire("w");
  CHECK(b.met.assignments.empty());
  CHECK(b.keyed("another").assignments.empty());
  CHECK(b.submit("without a key").assignments.size() == 1);
  b.hire("w");
  effects out;
  b.core.returned(b.worker, b.now, out);
  REQUIRE(out.assignments.size() == 1);
  CHECK(out.assignments[0].what == "behind");
  CHECK(b.done(out).assignments.at(0).what == "another");
}

TEST_CASE("if it never ends, they get wait_timeout and never run") {
  hung b;
  b.hire("w");
  auto out = b.pass(5s);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::wait_timeout);
  CHECK(b.counts().waiting == 0);
}

TEST_CASE("a pool that is closed meanwhile answers them") {
  hung b;
  effects out;
  b.core.close(b.now, out);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].who == "behind");
  CHECK(out.settlements[0].code == pool_errc::shutting_down);
  b.core.reopen();
  b.core.returned(b.worker, b.now, out);
  b.hire("w");
  CHECK(b.keyed("later").assignments.size() == 1);
}

TEST_CASE("an errand that outlives its lease keeps the key of the lease") {
  bench b{hung::limits()};
  b.hire("w");
  auto x = b.request("lease");
  x.key = {1, 1};
  x.lease = true;
  x.how = hash_worker("k");
  REQUIRE(b.submit(std::move(x)).grants.size() == 1);
  auto y = b.request("errand");
  y.within = {1, 1};
  auto runs = b.submit(std::move(y));
  REQUIRE(runs.assignments.size() == 1);
  effects out;
  b.core.give_back({1, 1}, nullptr, b.now, out);
  b.core.resize(8, b.now, out);
  for (int i = 2; i <= 8; ++i)
    b.hire(std::to_string(i));
  auto z = b.request("next");
  z.how = hash_worker("k");
  CHECK(b.submit(std::move(z)).assignments.empty());
  CHECK(b.done(runs).assignments.at(0).what == "next");
}

TEST_CASE("an errand that is left behind keeps the key of the lease within "
          "which it ran") {
  bench b{hung::limits()};
  auto worker = b.hire("w");
  auto x = b.request("lease");
  x.key = {1, 1};
  x.lease = true;
  x.how = hash_worker("k");
  x.deadline = core_type::time_point::max();
  REQUIRE(b.submit(std::move(x)).grants.size() == 1);
  auto y = b.request("errand");
  y.within = {1, 1};
  y.deadline = b.now + 1s;
  b.arrived(b.submit(std::move(y)).assignments.at(0));
  CHECK(b.pass(1'001ms).settlements.size() == 1);
  CHECK(b.pass(501ms).expulsions.size() == 1);
  effects out;
  b.core.left_behind(worker, "too many", b.now, out);
  b.kill(worker);
  b.hire("w");
  auto z = b.request("next");
  z.how = hash_worker("k");
  CHECK(b.submit(std::move(z)).assignments.empty());
  b.core.returned(worker, b.now, out);
  REQUIRE(out.assignments.size() == 1);
  CHECK(out.assignments[0].what == "next");
}

TEST_CASE("one that was killed while it ran does not run beside itself") {
  bench b{hung::limits()};
  auto worker = b.hire("w");
  auto x = b.request("first");
  x.how = hash_worker("k");
  x.idempotent = true;
  b.arrived(b.submit(std::move(x)).assignments.at(0));
  effects out;
  b.core.left_behind(worker, "too many", b.now, out);
  out = b.kill(worker);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::worker_died);
  b.hire("w");
  auto y = b.request("next");
  y.how = hash_worker("k");
  CHECK(b.submit(std::move(y)).assignments.empty());
  effects later;
  b.core.returned(worker, b.now, later);
  CHECK(later.assignments.size() == 1);
}
