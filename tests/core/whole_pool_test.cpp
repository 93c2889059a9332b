// Leases by hand, overflow, changes of size, the breaker, overruns: as far as
// the books know them.
#include "bench.hpp"

namespace {

core_limits of_size(std::uint32_t size, std::uint32_t overflow = 0) {
  core_limits result;
  result.size = size;
  result.max_overflow = overflow;
  return result;
}

core_type::submission lease_request(bench& b, std::uint64_t number,
                                    caller_key who = nullptr) {
  auto x = b.request("lease " + std::to_string(number));
  x.lease = true;
  x.key = {1, number};
  x.caller = who;
  return x;
}

core_type::submission errand(bench& b, std::uint64_t lease, std::string what,
                             caller_key who = nullptr) {
  auto x = b.request(std::move(what));
  x.within = {1, lease};
  x.caller = who;
  return x;
}

int somebody;

} // namespace

// -- leases by hand -----------------------------------------------------------

TEST_CASE("a worker that is held is given to nobody else") {
  bench b{of_size(1)};
  b.hire("worker-1");
  auto out = b.submit(lease_request(b, 1));
  REQUIRE(out.grants.size() == 1);
  CHECK(out.grants[0].handle == "worker-1");
  CHECK(b.submit("other").assignments.empty());
  CHECK(b.counts().running == 1);
  effects back;
  CHECK(b.core.give_back({1, 1}, nullptr, b.now, back));
  CHECK(back.assignments.at(0).what == "other");
  CHECK(!b.core.give_back({1, 1}, nullptr, b.now, back));
  CHECK(b.counts().replied == 1);
}

TEST_CASE("only its holder gives a worker back") {
  bench b{of_size(1)};
  b.hire("worker-1");
  int other;
  b.submit(lease_request(b, 1, &somebody));
  effects out;
  CHECK(!b.core.give_back({1, 1}, &other, b.now, out));
  CHECK(!b.core.give_back({1, 2}, &somebody, b.now, out));
  CHECK(b.core.give_back({1, 1}, &somebody, b.now, out));
}

TEST_CASE("errands go to the held worker, one after the other") {
  bench b{of_size(2)};
  b.hire("a");
  b.hire("b");
  auto held = b.submit(lease_request(b, 1)).grants.at(0).handle;
  auto first = b.submit(errand(b, 1, "first"));
  CHECK(first.assignments.at(0).to == held);
  CHECK(b.submit(errand(b, 1, "second")).assignments.empty());
  CHECK(b.submit("free").assignments.at(0).to != held);
  auto second = b.done(first);
  CHECK(second.assignments.at(0).what == "second");
  CHECK(b.counts().running == 3); // the lease, the errand, the other one
}

TEST_CASE("an errand after the lease finds no worker") {
  bench b{of_size(1)};
  b.hire("worker-1");
  b.submit(lease_request(b, 1));
  effects out;
  b.core.give_back({1, 1}, nullptr, b.now, out);
  auto late = b.submit(errand(b, 1, "late"));
  CHECK(late.settlements.at(0).code == pool_errc::no_available_worker);
}

TEST_CASE("the death of its holder frees a worker and ends its errands") {
  bench b{of_size(1)};
  b.hire("worker-1");
  b.submit(lease_request(b, 1, &somebody));
  auto running = b.submit(errand(b, 1, "running", &somebody));
  b.submit(errand(b, 1, "waiting", &somebody));
  effects out;
  b.core.caller_died(&somebody, b.now, out);
  CHECK(out.cancellations.size() == 1);
  CHECK(b.counts().cancelled == 3);
  b.submit("next");
  // The worker is free only when it has let go of the errand.
  CHECK(b.done(running).assignments.at(0).what == "next");
  CHECK(!b.answered);
}

TEST_CASE("a held worker that dies ends its lease and the errands") {
  bench b{of_size(1)};
  auto w = b.hire("worker-1");
  b.submit(lease_request(b, 1));
  auto out = b.submit(errand(b, 1, "running"));
  b.arrived(out.assignments[0]);
  b.submit(errand(b, 1, "waiting"));
  auto end = b.kill(w);
  CHECK(end.settlements.size() == 2);
  for (auto& x : end.settlements)
    CHECK(x.code == pool_errc::worker_died);
  CHECK(b.counts().failed == 3);
  CHECK(b.counts().running == 0);
}

TEST_CASE("an errand that is still in flight when its worker dies is told") {
  bench b{of_size(1)};
  auto w = b.hire("worker-1");
  b.submit(lease_request(b, 1));
  auto out = b.submit(errand(b, 1, "in flight"));
  CHECK(b.kill(w).settlements.empty());
  effects more;
  b.core.bounced(out.assignments[0].lease, true, b.now, more);
  CHECK(more.settlements.at(0).code == pool_errc::worker_died);
  CHECK(b.counts().waiting == 0);
}

TEST_CASE("two waiters and a held worker that dies: both get living workers") {
  bench b{of_size(1)};
  auto w = b.hire("worker-1");
  b.submit(lease_request(b, 1));
  b.submit(lease_request(b, 2));
  b.submit(lease_request(b, 3));
  CHECK(b.kill(w).grants.empty());
  b.hire("worker-1");
  CHECK(b.met.grants.size() == 1);
  effects out;
  b.core.give_back({1, 2}, nullptr, b.now, out);
  CHECK(out.grants.size() == 1);
}

TEST_CASE("a lease ends at its deadline") {
  bench b{of_size(1)};
  b.hire("worker-1");
  b.submit(lease_request(b, 1));
  b.submit("next");
  b.pass(4s);
  CHECK(b.counts().waiting == 1);
  b.pass(57s);
  CHECK(b.counts().failed == 2); // the other one had waited long enough
  CHECK(b.submit("later").assignments.size() == 1);
}

// -- overflow -----------------------------------------------------------------

TEST_CASE("overflow workers are wanted while requests wait") {
  bench b{of_size(1, 5)};
  b.hire("worker-1");
  b.submit("1");
  CHECK(b.core.vacancies(100).empty());
  std::vector<effects> given;
  for (int i = 2; i <= 5; ++i)
    CHECK(b.submit(std::to_string(i)).administer);
  auto places = b.core.vacancies(100);
  REQUIRE(places.size() == 4);
  CHECK(places[0].worker == "overflow-1");
  for (auto& x : places)
    b.hire(x.worker);
  CHECK(b.counts().running == 5);
  CHECK(b.core.vacancies(100).empty());
  CHECK(b.core.snapshot(b.now).overflow == 4);
}

TEST_CASE("never more than size and overflow together") {
  bench b{of_size(1, 2)};
  b.hire("worker-1");
  for (int i = 0; i < 10; ++i)
    b.submit("x");
  CHECK(b.core.vacancies(100).size() == 2);
  b.core.add_worker(b.core.vacancies(1).at(0));
  CHECK(b.core.vacancies(100).size() == 1);
  b.core.add_worker(b.core.vacancies(1).at(0));
  CHECK(b.core.vacancies(100).empty());
}

TEST_CASE("an idle overflow worker goes at once, a base worker never") {
  bench b{of_size(1, 1)};
  b.hire("worker-1");
  auto one = b.submit("1");
  b.submit("2");
  b.hire("overflow-1");
  auto two = b.met;
  b.done(one);
  CHECK(b.core.leftovers().empty());
  CHECK(b.done(two).administer);
  auto left = b.core.leftovers();
  REQUIRE(left.size() == 1);
  CHECK(left[0].name == "overflow-1");
}

TEST_CASE("retention keeps an idle overflow worker for a while") {
  auto limits = of_size(1, 1);
  limits.overflow_retention = 200ms;
  bench b{limits};
  b.hire("worker-1");
  b.submit("1");
  b.submit("2");
  b.hire("overflow-1");
  auto again = b.done(b.met);
  b.pass(150ms);
  CHECK(b.core.leftovers().empty());
  auto reused = b.submit("3");
  CHECK(reused.assignments.at(0).to == "overflow-1");
  b.pass(150ms);
  b.done(reused);
  b.pass(150ms);
  CHECK(b.core.leftovers().empty());
  CHECK(b.pass(51ms).administer);
  CHECK(b.core.leftovers().size() == 1);
}

TEST_CASE("a pool of overflow workers alone works") {
  bench b{of_size(0, 2)};
  b.submit("1");
  b.submit("2");
  b.submit("3");
  CHECK(b.core.vacancies(9).size() == 2);
  b.hire("overflow-1");
  CHECK(b.met.assignments.at(0).what == "1");
  CHECK(b.done(b.met).assignments.at(0).what == "2");
}

// -- size ---------------------------------------------------------------------

TEST_CASE("a pool that grows serves who waits first") {
  bench b{of_size(1)};
  b.hire("worker-1");
  b.submit("1");
  b.submit("2");
  effects out;
  b.core.resize(2, b.now, out);
  CHECK(out.administer);
  CHECK(b.core.vacancies(9).size() == 1);
  b.hire("worker-2");
  CHECK(b.met.assignments.at(0).what == "2");
}

TEST_CASE("a pool that shrinks lets its last workers finish, then stops them") {
  bench b{of_size(3)};
  for (auto name : {"worker-1", "worker-2", "worker-3"})
    b.hire(name);
  auto one = b.submit("1");
  auto two = b.submit("2");
  effects out;
  b.core.resize(1, b.now, out);
  CHECK(out.administer);
  CHECK(b.core.vacancies(9).empty());
  // Both were given to the youngest, which are the ones that go.
  CHECK(b.core.leftovers().empty());
  b.done(one);
  b.done(two);
  CHECK(b.core.leftovers().size() == 2);
}

TEST_CASE("who was dismissed and is still busy is taken back when the pool "
          "grows again") {
  bench b{of_size(2)};
  b.hire("worker-1");
  b.hire("worker-2");
  auto one = b.submit("1");
  auto two = b.submit("2");
  b.submit("3");
  effects out;
  b.core.resize(1, b.now, out);
  CHECK(b.core.members().size() == 1);
  b.core.resize(2, b.now, out);
  CHECK(b.core.members().size() == 2);
  CHECK(b.core.vacancies(9).empty());
  CHECK(b.done(one).assignments.at(0).what == "3");
  b.done(two);
  CHECK(b.core.leftovers().empty());
  CHECK(b.submit("4").assignments.size() == 1);
}

TEST_CASE("who was dismissed and is held is taken back with its lease") {
  bench b{of_size(2)};
  b.hire("worker-1");
  b.hire("worker-2");
  for (std::uint64_t i : {1, 2})
    CHECK(b.submit(lease_request(b, i)).grants.size() == 1);
  effects out;
  b.core.resize(1, b.now, out);
  b.core.resize(2, b.now, out);
  b.submit("1");
  b.submit("2");
  for (std::uint64_t i : {1, 2}) {
    effects given;
    b.core.give_back({1, i}, nullptr, b.now, given);
    CHECK(given.assignments.size() == 1);
  }
}

TEST_CASE("beside one that is being stopped its place is filled") {
  bench b{of_size(2)};
  b.hire("worker-1");
  auto second = b.hire("worker-2");
  effects out;
  b.core.resize(1, b.now, out);
  CHECK(b.core.leftovers().size() == 1);
  CHECK(b.core.leftovers().empty());
  CHECK(b.core.vacancies(9).empty());
  b.core.resize(2, b.now, out);
  auto places = b.core.vacancies(9);
  REQUIRE(places.size() == 1);
  CHECK(places[0].worker == "worker-2");
  b.core.worker_retiring(second, b.now, out);
  b.hire("worker-2");
  CHECK(b.core.members().size() == 2);
  b.kill(second);
  CHECK(b.core.members().size() == 2);
  CHECK(b.core.vacancies(9).empty());
}

TEST_CASE("one that is taken back ends the time without workers") {
  bench b{of_size(2)};
  auto first = b.hire("worker-1");
  b.hire("worker-2");
  auto one = b.submit("1"); // the one that was hired last has it
  effects out;
  b.core.resize(1, b.now, out);
  b.kill(first);
  CHECK(b.core.degrade("why", b.now, out));
  CHECK(b.core.resize(2, b.now, out));
  CHECK(b.done(one).settlements.empty());
  CHECK(b.submit("2").assignments.size() == 1);
}

TEST_CASE("shrinking moves the keys of closed seats, in order") {
  bench b{of_size(4)};
  for (auto name : {"worker-1", "worker-2", "worker-3", "worker-4"})
    b.hire(name);
  std::vector<effects> running;
  for (int key = 0; key < 40; ++key)
    for (int i = 0; i < 3; ++i) {
      auto x = b.request(std::to_string(key) + ":" + std::to_string(i));
      x.how = hash_worker(key);
      auto out = b.submit(std::move(x));
      if (!out.assignments.empty())
        running.push_back(out);
    }
  effects out;
  b.core.resize(1, b.now, out);
  std::map<std::string, int> progress;
  auto note = [&](const effects& given) {
    for (auto& x : given.assignments) {
      auto colon = x.what.find(':');
      CHECK(progress[x.what.substr(0, colon)]++
            == std::stoi(x.what.substr(colon + 1)));
    }
  };
  for (auto& x : running)
    note(x);
  for (std::size_t i = 0; i < running.size(); ++i)
    for (auto& x : std::vector(running[i].assignments)) {
      auto next = b.answer(x.lease);
      note(next);
      if (!next.assignments.empty())
        running.push_back(next);
    }
  CHECK(b.counts().replied == 120);
}

// -- the breaker --------------------------------------------------------------

TEST_CASE("an open breaker refuses, and one probe closes it") {
  auto limits = of_size(2);
  limits.breaker.enabled = true;
  limits.breaker.consecutive = 3;
  limits.breaker.cooldown = 5s;
  limits.breaker.failures =
      1u << static_cast<unsigned>(pool_errc::python_exception);
  bench b{limits};
  b.hire("a");
  b.hire("b");
  auto last = effects{};
  for (int i = 0; i < 3; ++i)
    last = b.answer(b.submit("x").assignments.at(0).lease, verdict::failure);
  CHECK(last.circuit == breaker_change::opened);
  CHECK(b.submit("x").settlements.at(0).code == pool_errc::circuit_open);
  b.pass(5s);
  auto probe = b.submit("probe");
  CHECK(probe.assignments.size() == 1);
  CHECK(b.submit("x").settlements.at(0).code == pool_errc::circuit_open);
  CHECK(b.done(probe).circuit == breaker_change::closed);
  CHECK(b.submit("x").assignments.size() == 1);
}

TEST_CASE("a probe that is cancelled lets the next one probe") {
  auto limits = of_size(1);
  limits.breaker.enabled = true;
  limits.breaker.consecutive = 1;
  limits.breaker.cooldown = 5s;
  bench b{limits};
  b.hire("worker-1");
  b.answer(b.submit("x").assignments.at(0).lease, verdict::failure);
  b.pass(5s);
  auto x = b.request("probe");
  x.key = {1, 1};
  auto probe = b.submit(std::move(x));
  effects out;
  b.core.cancel({1, 1}, b.now, out);
  b.done(probe);
  CHECK(b.submit("again").assignments.size() == 1);
}

TEST_CASE("who holds a worker while the breaker is half open keeps no probe "
          "from running") {
  auto limits = of_size(2);
  limits.breaker.enabled = true;
  limits.breaker.consecutive = 1;
  limits.breaker.cooldown = 5s;
  bench b{limits};
  b.hire("a");
  b.hire("b");
  auto checkout = [&] {
    auto x = b.request("lease");
    x.lease = true;
    return b.submit(std::move(x));
  };
  b.answer(b.submit("x").assignments.at(0).lease, verdict::failure);
  CHECK(checkout().settlements.at(0).code == pool_errc::circuit_open);
  b.pass(5s);
  CHECK(checkout().grants.size() == 1);
  auto probe = b.submit("probe");
  REQUIRE(probe.assignments.size() == 1);
  CHECK(b.done(probe).circuit == breaker_change::closed);
}

// -- overruns -----------------------------------------------------------------

TEST_CASE("a long task is reported once, and goes on") {
  auto limits = of_size(1);
  limits.overruns = {1s, 0};
  bench b{limits};
  b.hire("worker-1");
  auto out = b.submit("long");
  CHECK(b.pass(999ms).overruns.empty());
  auto report = b.pass(2ms).overruns;
  REQUIRE(report.size() == 1);
  CHECK(report[0].worker == "worker-1");
  CHECK(report[0].runtime >= 1s);
  CHECK(report[0].alert == overrun_alert::overrun);
  CHECK(b.pass(498ms).overruns.empty());
  b.done(out);
  CHECK(b.pass(10s).overruns.empty());
  CHECK(b.counts().replied == 1);
}

TEST_CASE("the last report ends the task and its worker, which is no crash") {
  auto limits = of_size(1);
  limits.overruns = {500ms, 2};
  bench b{limits};
  b.hire("worker-1");
  b.submit("long");
  CHECK(b.pass(501ms).overruns.size() == 1);
  auto out = b.pass(501ms);
  REQUIRE(out.overruns.size() == 1);
  CHECK(out.overruns[0].alert == overrun_alert::max_overrun_limit);
  CHECK(out.settlements.at(0).code == pool_errc::exec_timeout);
  CHECK(out.expulsions.size() == 1);
}

TEST_CASE("what waits is no overrun, it counts from its own start") {
  auto limits = of_size(1);
  limits.overruns = {1s, 0};
  bench b{limits};
  b.hire("worker-1");
  auto first = b.submit("first");
  b.submit("second");
  b.pass(900ms);
  b.done(first);
  CHECK(b.pass(900ms).overruns.empty());
  CHECK(b.pass(101ms).overruns.size() == 1);
}

TEST_CASE("an errand has no more time than its lease") {
  bench b{of_size(1)};
  b.hire("worker-1");
  auto x = lease_request(b, 1);
  x.deadline = b.now + 1s;
  REQUIRE(b.submit(std::move(x)).grants.size() == 1);
  CHECK(b.submit(errand(b, 1, "runs")).assignments.size() == 1);
  CHECK(b.pass(999ms).settlements.empty());
  auto out = b.pass(2ms);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].who == "runs");
  CHECK(out.settlements[0].code == pool_errc::exec_timeout);
}

TEST_CASE("how a worker ends that was told to is not why a pool is degraded") {
  bench b{of_size(1)};
  auto w = b.hire("worker-1");
  effects out;
  b.core.worker_retiring(w, b.now, out);
  b.kill(w);
  CHECK(b.core.degrade("too many died", b.now, out));
  CHECK(b.core.last_error() == "too many died");
}

TEST_CASE("who overruns is told that, and not that a deadline passed") {
  auto limits = of_size(1);
  limits.overruns = {1s, 1};
  bench b{limits};
  b.hire("worker-1");
  b.submit("slow");
  auto out = b.pass(1'001ms);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].overrun);
}

TEST_CASE(
    "workers that are all to be stopped finish what they have, and nobody "
    "waits for them") {
  bench b{of_size(2)};
  auto w = b.hire("worker-1");
  auto late = b.core.add_worker({"worker-2", 1});
  auto x = b.request("a");
  x.idempotent = true;
  auto running = b.submit(std::move(x));
  b.submit("b");
  effects out;
  b.core.retire_all(b.now, out);
  CHECK(b.core.degrade("too often", b.now, out));
  CHECK(out.settlements.at(0).who == "b");
  CHECK(out.settlements.at(0).code == pool_errc::pool_degraded);
  CHECK(b.submit("c").settlements.at(0).code == pool_errc::pool_degraded);
  // One that was being started is ready all the same.
  out = {};
  CHECK_FALSE(b.core.worker_ready(late, "late", 1, nullptr, b.now, out));
  b.core.worker_retiring(late, b.now, out);
  CHECK(out.dismissals.size() == 1);
  CHECK(b.submit("d").settlements.at(0).code == pool_errc::pool_degraded);
  // What would be tried again waits for nobody, either.
  CHECK(b.arrived(running.assignments.at(0)).settlements.empty());
  CHECK(b.kill(w).settlements.at(0).code == pool_errc::pool_degraded);
  b.kill(late);
  CHECK(b.core.snapshot(b.now).degraded);
  b.hire("worker-1");
  CHECK_FALSE(b.core.snapshot(b.now).degraded);
  CHECK(b.submit("e").assignments.size() == 1);
}
