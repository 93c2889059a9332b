// How much room there is for requests that wait, where it is decided elsewhere
// who is served by whom: what an idle worker can take need not wait.
#include "bench.hpp"

namespace {

core_limits decided_elsewhere(std::uint64_t room) {
  core_limits x;
  x.size = 3;
  x.managed = true;
  x.queue_size = room;
  return x;
}

std::size_t accepted(bench& b, std::size_t count, worker_strategy how = {}) {
  std::size_t result = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto x = b.request("x");
    x.how = how;
    result += b.submit(std::move(x)).settlements.empty();
  }
  return result;
}

void hire_three(bench& b) {
  for (auto name : {"worker-1", "worker-2", "worker-3"})
    b.hire(name);
}

} // namespace

TEST_CASE("collections: 3 idle workers and room for 2: 5 are accepted, not 6") {
  bench b{decided_elsewhere(2)};
  hire_three(b);
  CHECK(accepted(b, 6) == 5);
}

TEST_CASE("strategies of the application's: the same") {
  auto limits = decided_elsewhere(2);
  limits.managed = false;
  bench b{limits};
  hire_three(b);
  CHECK(accepted(b, 6, custom_worker("mine")) == 5);
}

TEST_CASE("a strategy that always chooses the same one fills its line only") {
  auto limits = decided_elsewhere(2);
  limits.managed = false;
  bench b{limits};
  hire_three(b);
  REQUIRE(accepted(b, 5, custom_worker("mine")) == 5);
  effects out;
  for (auto& x : b.core.undecided(5))
    b.core.decide(x.reference, 1, b.now, out);
  CHECK(out.assignments.size() == 1);
  REQUIRE(out.settlements.size() == 2);
  CHECK(out.settlements[0].code == pool_errc::queue_full);
  CHECK(b.counts().waiting == 2);
}

TEST_CASE("a strategy that fails fills the pool's queue only") {
  auto limits = decided_elsewhere(2);
  limits.managed = false;
  bench b{limits};
  for (int round = 0; round < 3; ++round) {
    accepted(b, 2, custom_worker("mine"));
    effects out;
    for (auto& x : b.core.undecided(5))
      b.core.decide(x.reference, 0, b.now, out);
    CHECK(out.settlements.size() == (round == 0 ? 0 : 2));
    CHECK(b.counts().waiting == 2);
  }
}

TEST_CASE("who can have a worker beyond the size needs no room either") {
  auto limits = decided_elsewhere(2);
  limits.max_overflow = 4;
  SUBCASE("where collections decide") {}
  SUBCASE("where the core decides") {
    limits.managed = false;
  }
  bench b{limits};
  hire_three(b);
  CHECK(accepted(b, 10) == 9);
  // Also while those are being started, and not for more than there can be.
  for (auto& x : b.core.vacancies(9))
    b.core.add_worker(x, false);
  CHECK(accepted(b, 1) == 0);
}

TEST_CASE("no overflow worker is wanted while one is idle") {
  auto limits = decided_elsewhere(10);
  limits.max_overflow = 4;
  bench b{limits};
  hire_three(b);
  for (int i = 0; i < 3; ++i) {
    CHECK(!b.submit("x").administer);
    CHECK(b.core.vacancies(9).empty());
  }
  CHECK(b.submit("y").administer);
  CHECK(b.core.vacancies(9).size() == 1);
}

TEST_CASE("one is wanted when somebody else takes the idle worker") {
  auto limits = decided_elsewhere(10);
  limits.max_overflow = 4;
  bench b{limits};
  hire_three(b);
  for (int i = 0; i < 3; ++i)
    b.submit("x");
  auto y = b.request("y");
  y.how = next_available_worker;
  auto out = b.submit(std::move(y));
  REQUIRE(out.assignments.size() == 1);
  CHECK(out.administer);
  CHECK(b.core.vacancies(9).size() == 1);
}

TEST_CASE("requests for a seat that nobody has go to an idle overflow worker") {
  core_limits limits;
  limits.size = 0;
  limits.max_overflow = 1;
  limits.overflow_retention = 1h;
  bench b{limits};
  b.hire("overflow-1");
  auto x = b.request("x");
  x.how = best_worker;
  CHECK(b.submit(std::move(x)).wake);
  CHECK(b.dispatch().assignments.size() == 1);
}

TEST_CASE("one key with a long line leaves room for the others") {
  core_limits limits;
  limits.size = 2;
  limits.queue_size = 3;
  bench b{limits};
  b.hire("v");
  b.hire("w");
  CHECK(accepted(b, 9, hash_worker("hot")) == 1 + 3);
  CHECK(accepted(b, 9, hash_worker("cold")) >= 1 + 3);
  // All keys together have the room of all lines.
  for (auto key : {"a", "b", "c", "d"})
    accepted(b, 9, hash_worker(key));
  CHECK(b.counts().waiting <= 3 * 2 + 3 * 2);
}
