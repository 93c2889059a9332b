// The settings of the two supervisors of a pool, where they have an effect.
#include "native_fixture.hpp"
#include "pool_parts.hpp"

#include "charmer/supervision/supervisor.hpp"

using namespace charmer_tests;

namespace {

std::map<std::string, std::uint64_t> by_name(const pool_stats& x) {
  std::map<std::string, std::uint64_t> result;
  for (auto& w : x.workers)
    if (w.state == worker_state::ready)
      result[w.worker] = w.incarnation;
  return result;
}

// How many of three workers are new after the second one was killed.
int replaced(const std::string& strategy) {
  auto x = lab(3);
  x.strategy = strategy;
  native_fixture f{x};
  auto before = by_name(f.stats());
  auto living = *f.app->workers();
  for (auto& w : living)
    if (w.worker == "worker-2")
      kill(f.self->address(), w.handle);
  CHECK(f.eventually([&](auto& s) {
    auto now = by_name(s);
    return now.size() == 3 && now["worker-2"] != before["worker-2"];
  }));
  auto result = 0;
  for (auto& [name, incarnation] : by_name(f.stats()))
    result += incarnation != before[name];
  for (int i = 0; i < 3; ++i)
    CHECK(f.call(work(), {.strategy = next_worker}));
  return result;
}

// Its workers may die once.
pool_settings brittle(on_exhausted then) {
  auto x = lab(1);
  x.intensity = 1;
  x.exhausted = then;
  x.worker_shutdown = 1s;
  return x;
}

void kill_worker(caf::scoped_actor& self, const pool_handle& pool) {
  self->request(pool.actor(), caf::infinite,
                call_options{.timeout = limit, .queue_timeout = limit},
                suicide())
      .receive([](std::uint64_t) {}, [](caf::error&) {});
}

bool serves_again(caf::scoped_actor& self, const pool_handle& pool) {
  auto end = std::chrono::steady_clock::now() + limit;
  auto done = false;
  while (!done && std::chrono::steady_clock::now() < end) {
    self->request(pool.actor(), caf::infinite, call_options{}, work())
        .receive([&](std::uint64_t) { done = true; }, [](caf::error&) {});
    if (!done)
      self->receive(caf::after(5ms) >> [] {});
  }
  return done;
}

bool ends(caf::scoped_actor& self, const caf::actor& who) {
  self->monitor(who);
  auto result = false;
  self->receive([&](const caf::down_msg&) { result = true; },
                caf::after(limit) >> [] {});
  return result;
}

// A pool below a supervisor of the user's that bears no restart.
struct below_a_strict_one {
  explicit below_a_strict_one(on_exhausted what) {
    auto pool = make_pool_child(sys, brittle(what));
    REQUIRE(pool);
    handle = pool->handle;
    supervisor_spec spec;
    spec.intensity = {0, 60s};
    spec.children = {pool->spec};
    auto started = start_supervisor(sys, std::move(spec));
    REQUIRE(started);
    top = *started;
  }

  config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self{sys};
  pool_handle handle;
  caf::actor top;
};

} // namespace

TEST_CASE("one_for_one: who dies is replaced; one_for_all: all are") {
  CHECK(replaced("one_for_one") == 1);
  CHECK(replaced("one_for_all") == 3);
}

TEST_CASE("rest_for_one: those that were started later are replaced, too") {
  CHECK(replaced("rest_for_one") == 2);
}

TEST_CASE("a pool that degrades never takes its supervisor along") {
  below_a_strict_one x{on_exhausted::degrade};
  for (int i = 0; i < 4; ++i)
    kill_worker(x.self, x.handle);
  CHECK(serves_again(x.self, x.handle));
  CHECK(!has_ended(x.top));
  ask_to_stop(x.self->address(), x.top);
  CHECK(ends(x.self, x.top));
}

TEST_CASE("a pool that escalates ends, and its supervisor decides") {
  below_a_strict_one x{on_exhausted::escalate};
  kill_worker(x.self, x.handle);
  CHECK(!has_ended(x.top));
  kill_worker(x.self, x.handle);
  CHECK(ends(x.self, x.top));
}
