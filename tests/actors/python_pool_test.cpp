// Pools of Python workers do what those of native ones do, with processes.
#include "pool_fixture.hpp"

#include <set>

using namespace charmer_tests;

namespace {

std::set<pid_t> pids(pool_fixture& f) {
  std::set<pid_t> result;
  auto metadata = *f.app->metadata();
  for (auto& x : metadata)
    result.insert(static_cast<pid_t>(x.pid));
  return result;
}

} // namespace

TEST_CASE("statistics tell what runs, for how long, and how large it is") {
  pool_fixture f{shop(1)};
  auto pending = charmer::call(f.self, f.pool, "wait_for_cancel");
  worker_stats seen;
  CHECK(f.eventually([&](auto& x) {
    seen = x.workers.at(0);
    return seen.running == 1 && seen.runtime > 50ms;
  }));
  CHECK(seen.task == "wait_for_cancel");
  CHECK(seen.memory > (1u << 20));
  pending.cancel();
  pending.receive([](const reply&) { FAIL("cancelled"); },
                  [](caf::error& e) { CHECK(e == pool_errc::cancelled); });
}

TEST_CASE("a broadcall asks every process") {
  pool_fixture f{shop(3)};
  std::set<pid_t> answered;
  broadcall(f.self, f.pool, command("pid"))
      .receive(
          [&](gathered& x) {
            for (auto& y : x.replies)
              answered.insert(y.value.get_as<reply>(0).json().get<pid_t>());
          },
          [](caf::error& e) { FAIL(describe(e)); });
  CHECK(answered == pids(f));
}

TEST_CASE("a worker that is held is one process, for several calls") {
  pool_fixture f{shop(3)};
  auto why = run(f.self, f.pool, [&](lease& worker, timespan) {
    std::set<pid_t> seen;
    for (int i = 0; i < 3; ++i)
      charmer::call(f.self, worker.pool(), "pid")
          .receive([&](const reply& x) { seen.insert(x.json().get<pid_t>()); },
                   [](caf::error& e) { FAIL(describe(e)); });
    CHECK(seen.size() == 1);
  });
  CHECK(!why);
}
