// What becomes of the other requests of a worker that has to go, and when a
// worker is worn.
#include "bench.hpp"

namespace {

// One worker that runs several requests at once.
struct crowd : bench {
  explicit crowd(core_limits limits = {}) : bench(limits) { hire_one(); }

  void hire_one() {
    proof = std::make_shared<told>();
    incarnation = hire("w", proof, 4);
    for (auto& x : met.assignments)
      proof->leases.insert(x.lease);
  }

  // It begins at once.
  std::uint64_t begin(core_type::submission x) {
    auto lease = submit(std::move(x)).assignments.at(0).lease;
    proof->leases.insert(lease);
    return lease;
  }

  core_type::submission patient(std::string what,
                                std::optional<bool> idempotent = {}) {
    auto x = request(std::move(what));
    x.deadline = core_type::time_point::max();
    x.queue_deadline = x.deadline;
    x.idempotent = idempotent;
    return x;
  }

  std::uint64_t begin_hanging() {
    auto x = request("hangs");
    x.deadline = now + 1s;
    return begin(x);
  }

  // Until its worker is expelled; all that was asked for on the way.
  std::vector<effects> wait_for_expulsion() {
    std::vector<effects> all;
    for (int i = 0; i < 100; ++i) {
      all.push_back(pass(100ms));
      if (!all.back().expulsions.empty())
        return all;
    }
    FAIL("not expelled");
    return all;
  }

  std::shared_ptr<told> proof;
  std::uint64_t incarnation = 0;
};

} // namespace

TEST_CASE("who runs beside one that hangs goes on, beside a successor") {
  crowd b;
  b.begin_hanging();
  auto innocent = b.begin(b.patient("innocent"));
  CHECK(b.pass(1'001ms).settlements.at(0).code == pool_errc::exec_timeout);
  auto out = b.pass(501ms);
  CHECK(out.expulsions.empty());
  CHECK(out.replacements == std::vector<std::string>{"w"});
  CHECK(b.submit("later").assignments.empty()); // it is given nothing more
  auto old = b.proof;
  b.hire_one();
  CHECK(b.met.assignments.at(0).what == "later");
  CHECK(b.pass(2s).expulsions.empty());
  CHECK(b.pass(501ms).replacements.empty()); // one is enough
  out = b.answer(innocent);
  CHECK(b.answered == "innocent");
  CHECK(out.expulsions.size() == 1); // nothing speaks for it any more
}

TEST_CASE(
    "who has a deadline beside one that hangs goes on until then, however "
    "long") {
  core_limits limits;
  limits.worker_shutdown = 3s;
  crowd b{limits};
  b.begin_hanging();
  auto innocent = b.request("innocent");
  innocent.deadline = b.now + 60s;
  b.begin(innocent);
  for (int i = 0; i < 599; ++i)
    CHECK(b.pass(100ms).expulsions.empty());
  CHECK(b.pass(101ms).settlements.at(0).code == pool_errc::exec_timeout);
  b.wait_for_expulsion();
}

TEST_CASE("workers that hang beside others are as many as the pool has, at "
          "most: with one more the one that hangs for longest goes") {
  core_limits limits;
  limits.size = 2;
  crowd b{limits};
  std::vector<std::uint64_t> incarnations;
  std::vector<std::uint64_t> innocents;
  for (int i = 0; i < 4; ++i) {
    CAPTURE(i);
    incarnations.push_back(b.incarnation);
    b.begin_hanging();
    auto innocent = b.request("innocent " + std::to_string(i));
    innocent.deadline = b.now + 600s;
    innocents.push_back(b.begin(innocent));
    b.pass(1'001ms);
    auto out = b.pass(501ms);
    CHECK(out.replacements == std::vector<std::string>{"w"});
    REQUIRE(out.expulsions.size() == (i < 2 ? 0 : 1));
    b.hire_one();
    if (i < 2)
      continue;
    out = b.kill(incarnations[i - 2]);
    REQUIRE(out.settlements.size() == 1);
    CHECK(out.settlements[0].who == "innocent " + std::to_string(i - 2));
    CHECK(out.settlements[0].code == pool_errc::worker_died);
    CHECK(out.settlements[0].ending == worker_ending::expulsion);
    CHECK(out.settlements[0].deaths == 0);
  }
  b.answer(innocents[2]);
  CHECK(b.answered == "innocent 2");
  b.answer(innocents[3]);
  CHECK(b.answered == "innocent 3");
  CHECK(b.counts().expelled == 4);
}

TEST_CASE("a worker that was replaced has the time it needs, until it is asked "
          "for the second time") {
  core_limits limits;
  limits.poison_after = 1;
  crowd b{limits};
  auto once = b.begin(b.patient("once"));
  b.begin(b.patient("blamed"));
  auto old = b.incarnation;
  b.hire_one();
  effects out;
  CHECK(b.core.worker_retiring(old, b.now, out));
  CHECK(b.answer(once).dismissals.empty());
  CHECK_FALSE(b.core.worker_retiring(old, b.now, out));
  CHECK_FALSE(b.core.worker_retiring(b.incarnation, b.now, out));
  CHECK(out.dismissals.size() == 1); // of the one that has nothing
  out = b.kill(old);
  CHECK(out.settlements.at(0).ending == worker_ending::stop);
}

TEST_CASE("a worker that was replaced and dies by itself has died of what it "
          "ran") {
  crowd b;
  b.begin(b.patient("blamed"));
  auto old = b.incarnation;
  b.hire_one();
  effects out;
  CHECK(b.core.worker_retiring(old, b.now, out));
  out = b.kill(old);
  CHECK(out.settlements.at(0).ending == worker_ending::death);
  CHECK(out.worn); // who waited for that is looked at
}

TEST_CASE("who is not done in time is told why, and blamed for nothing") {
  core_limits limits;
  limits.worker_shutdown = 3s;
  limits.breaker.enabled = true;
  limits.breaker.consecutive = 1;
  limits.breaker.failures = 1ull
                            << static_cast<unsigned>(pool_errc::worker_died);
  crowd b{limits};
  b.begin_hanging();
  b.begin(b.patient("once"));
  auto all = b.wait_for_expulsion();
  CHECK(all.size() >= 45);
  CHECK(all.size() <= 50); // deadline, grace, and what worker_shutdown allows
  auto out = b.kill(b.incarnation);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].who == "once");
  CHECK(out.settlements[0].code == pool_errc::worker_died);
  CHECK(out.settlements[0].ending == worker_ending::expulsion);
  CHECK(out.settlements[0].begun);
  CHECK(out.settlements[0].deaths == 0);
  CHECK(out.circuit == breaker_change::none);
}

TEST_CASE("an idempotent request that sits beside what hangs is tried again, "
          "however often") {
  core_limits limits;
  limits.poison_after = 2;
  crowd b{limits};
  b.begin(b.patient("again", true));
  for (int i = 1; i <= 4; ++i) {
    b.begin_hanging();
    b.wait_for_expulsion();
    CHECK(b.kill(b.incarnation).settlements.empty());
    CHECK(b.counts().retried == static_cast<std::uint64_t>(i));
    b.hire_one();
    REQUIRE(b.met.assignments.size() == 1);
    CHECK(b.met.assignments[0].what == "again");
  }
  // A death of its own counts as ever.
  CHECK(b.kill(b.incarnation).settlements.empty());
  b.hire_one();
  auto out = b.kill(b.incarnation);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::poisoned);
  CHECK(out.settlements[0].deaths == 2);
}

TEST_CASE("a worker that hangs with nothing beside it goes at once") {
  crowd b;
  b.begin_hanging();
  b.begin_hanging();
  b.pass(1'001ms);
  auto out = b.pass(501ms);
  CHECK(out.expulsions.size() == 1);
  CHECK(out.replacements.empty());
}

TEST_CASE("a request that outlives a planned stop is not to blame for it") {
  core_limits limits;
  limits.poison_after = 1;
  crowd b{limits};
  b.begin(b.patient("again", true));
  b.begin(b.patient("once"));
  effects out;
  b.core.worker_retiring(b.incarnation, b.now, out);
  out = b.kill(b.incarnation);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].who == "once");
  CHECK(out.settlements[0].ending == worker_ending::stop);
  CHECK(b.counts().retried == 1);
}

TEST_CASE("a worker that has answered max_requests is told of once") {
  core_limits limits;
  limits.max_requests = 100;
  bench b{limits};
  auto last = first_to_reach(100, spread_of(b.hire("w")));
  CHECK(last > 90);
  CHECK(last <= 100);
  for (std::uint64_t i = 1; i <= 200; ++i) {
    CAPTURE(i);
    CHECK(b.done(b.submit("a")).worn == (i == last));
  }
}

TEST_CASE("limits are spread over a tenth, each incarnation's fixed") {
  double least = 1;
  double most = 0;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    auto x = spread_of(i);
    CHECK(x == spread_of(i));
    least = std::min(least, x);
    most = std::max(most, x);
  }
  CHECK(least < 0.05);
  CHECK(most > 0.95);
  CHECK(first_to_reach(1000, 0) == 1000);
  CHECK(first_to_reach(1000, 1) == 900);
  CHECK(first_to_reach(1, 1) == 1);
  CHECK(first_to_reach(0, 1) == 0);
  CHECK(reached(900, 1000, 1));
  CHECK(!reached(899, 1000, 1));
}
