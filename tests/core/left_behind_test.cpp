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

// -- more of them than may be
// --------------------------------------------------

namespace {

// A pool of three, of which one may be left behind.
struct bounded : bench {
  bounded() : bench(limits()) {
    for (auto* name : {"worker-1", "worker-2", "worker-3"})
      workers.push_back(hire(name));
  }

  static core_limits limits() {
    core_limits x;
    x.size = 3;
    x.max_abandoned = 1;
    x.max_overflow = 5;
    return x;
  }

  effects leave_behind(std::size_t which) {
    effects out;
    core.left_behind(workers[which], "too many", now, out);
    core.worker_died(workers[which], "killed", now, out);
    return out;
  }

  effects come_back(std::size_t which) {
    effects out;
    recovered = core.returned(workers[which], now, out);
    return out;
  }

  std::vector<std::string> wanted() const {
    std::vector<std::string> result;
    for (auto& x : core.vacancies(10))
      result.push_back(x.worker);
    return result;
  }

  std::vector<std::uint64_t> workers;
  bool recovered = false;
};

using names = std::vector<std::string>;

} // namespace

TEST_CASE("a place is filled again as long as few are left behind") {
  bounded b;
  b.leave_behind(1);
  CHECK(b.wanted() == names{"worker-2"});
  CHECK(b.core.wants({"worker-2", 1}));
}

TEST_CASE("with too many left behind a pool serves with those it has, and has "
          "no more until one of them ends") {
  bounded b;
  b.leave_behind(0);
  b.hire("worker-1");
  CHECK(!b.leave_behind(1).degraded);
  CHECK(b.wanted().empty());
  CHECK(!b.core.wants({"worker-2", 1}));
  CHECK(!b.core.wants({"overflow-1", no_index}));
  CHECK(b.submit("a").assignments.size() == 1);
  CHECK(b.submit("b").assignments.size() == 1);
  CHECK(b.submit("c").settlements.empty()); // waits
  CHECK(b.wanted().empty());
  CHECK(!b.core.snapshot(b.now).degraded);
  CHECK(b.come_back(0).administer);
  CHECK(!b.recovered);
  CHECK(b.wanted() == names{"worker-2", "overflow-1"});
}

TEST_CASE("one that dies meanwhile has a successor all the same") {
  bounded b;
  b.leave_behind(0);
  b.leave_behind(1);
  CHECK(b.wanted() == names{"worker-1"}); // the other one's place stays empty
  b.hire("worker-1");
  b.kill(b.workers[2]);
  CHECK(b.wanted().size() == 1);
  CHECK(b.core.wants({"worker-3", 2}));
}

TEST_CASE("who is left without any worker is told why, until one can be had") {
  bounded b;
  b.leave_behind(0);
  b.workers.push_back(b.hire("worker-1"));
  b.leave_behind(1);
  b.leave_behind(2);
  b.arrived(b.submit("runs").assignments.at(0));
  CHECK(b.submit("waits").settlements.empty());
  auto out = b.leave_behind(3);
  CHECK(out.degraded);
  REQUIRE(out.settlements.size() == 2);
  CHECK(out.settlements[0].who == "runs");
  CHECK(out.settlements[0].code == pool_errc::worker_died);
  CHECK(out.settlements[1].who == "waits");
  CHECK(out.settlements[1].code == pool_errc::pool_degraded);
  out = b.submit("refused");
  CHECK(out.settlements.at(0).code == pool_errc::pool_degraded);
  CHECK(out.settlements.at(0).why == "too many");
  b.come_back(1);
  CHECK(b.recovered);
  CHECK(b.wanted().size() == 1);
  CHECK(b.submit("waits again").settlements.empty());
  b.hire("worker-1");
  CHECK(b.met.assignments.size() + b.dispatch().assignments.size() == 1);
}

TEST_CASE("workers beyond the size that are left behind cost no place of the "
          "others") {
  bounded b;
  for (auto* name : {"overflow-1", "overflow-2", "overflow-3"}) {
    auto worker = b.hire(name);
    effects out;
    b.core.left_behind(worker, "too many", b.now, out);
    b.core.worker_died(worker, "killed", b.now, out);
    CHECK(!out.degraded);
  }
  b.kill(b.workers[1]);
  CHECK(b.wanted() == names{"worker-2"});
  for (auto i : {0, 2})
    b.submit("x" + std::to_string(i));
  b.submit("waits");
  CHECK(b.wanted() == names{"worker-2"}); // and none beyond the size
}

TEST_CASE("keys and sessions whose worker has no successor go to the others") {
  for (auto crashed : {false, true}) {
    CAPTURE(crashed);
    auto limits = bounded::limits();
    limits.size = 2;
    limits.max_abandoned = 0;
    limits.affinity = session_affinity::wait;
    bench b{limits};
    std::map<std::string, std::uint64_t> runs; // by worker
    auto take = [&](const effects& x) {
      for (auto& given : x.assignments) {
        b.arrived(given);
        runs[given.to] = given.lease;
      }
    };
    auto first = b.hire("worker-1");
    auto second = b.hire("worker-2");
    for (std::uint64_t key = 0; key < 20; ++key) {
      auto x = b.request("keyed");
      x.how = {choice::hash_worker, key};
      take(b.submit(std::move(x)));
      auto session = "s" + std::to_string(key);
      auto y = b.request("of a session");
      y.session = session;
      take(b.submit(std::move(y)));
    }
    REQUIRE(b.counts().waiting == 38);
    if (crashed) // just then, so that there is nobody to go to
      take(b.kill(second));
    effects out;
    b.core.left_behind(first, "too many", b.now, out);
    b.core.worker_died(first, "killed", b.now, out);
    take(out);
    if (crashed) {
      b.hire("worker-2");
      take(b.met);
    }
    for (int i = 0; i < 50 && b.counts().waiting != 0; ++i)
      take(b.answer(runs.at("worker-2")));
    CHECK(b.counts().waiting == 0);
  }
}
