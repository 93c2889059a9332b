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

// Has the supervisor of the workers end one of them.
template <class Atom>
caf::error order(native_fixture& f, Atom what, const std::string& worker) {
  pool_parts parts{f};
  caf::error result;
  f.self
      ->request(parts.child(parts.supervisor(), "workers"), limit, what, worker)
      .receive([] {}, [&](caf::error& e) { result = std::move(e); });
  return result;
}

// How often it was started since it ended for the last time.
std::size_t starts_since_end(const std::string& worker, recorder& events) {
  std::size_t result = 0;
  for (auto& x : events.all()) {
    if (x.child != worker)
      continue;
    if (x.name == "charmer.worker.terminated")
      result = 0;
    else if (x.name == "charmer.worker.spawned")
      ++result;
  }
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

TEST_CASE("a worker that its supervisor was told to end is started again") {
  native_fixture f{lab(2)};
  auto last = by_name(f.stats())["worker-2"];
  auto is_back = [&](const pool_stats& x) {
    auto now = by_name(x);
    return now.size() == 2 && now["worker-2"] > last;
  };
  CHECK(!order(f, terminate_child_atom_v, "worker-2"));
  CHECK(f.eventually(is_back));
  last = by_name(f.stats())["worker-2"];
  CHECK(!order(f, kill_child_atom_v, "worker-2"));
  CHECK(f.eventually(is_back));
  auto is_told = [](const event& x) {
    return x.name == "charmer.worker.ready" && x.child == "worker-2";
  };
  CHECK(f.events.wait_for(is_told, 2));
  CHECK(f.stats().counts.failed == 0);
}

TEST_CASE("so is one that waited for its restart when it was told to stop") {
  auto x = lab(2);
  x.restart_backoff = {.minimum = 10min, .maximum = 10min};
  native_fixture f{x};
  auto kill_it = [&] {
    auto all = *f.app->workers();
    for (auto& w : all)
      if (w.worker == "worker-2")
        kill(f.self->address(), w.handle);
  };
  auto last = by_name(f.stats())["worker-2"];
  auto is_back = [&](auto& s) { return by_name(s)["worker-2"] > last; };
  kill_it(); // the first time it is back at once
  REQUIRE(f.eventually(is_back));
  last = by_name(f.stats())["worker-2"];
  kill_it();
  REQUIRE(f.events.wait_for(std::string{event_name::child_restarting}, 2));
  CHECK(!order(f, terminate_child_atom_v, "worker-2"));
  CHECK(f.eventually(is_back));
}

TEST_CASE("who was to go and was ended by an order comes when it is wanted") {
  native_fixture f{lab(2)};
  f.occupy(2);
  REQUIRE(f.app->resize("default", 1));
  CHECK(!order(f, kill_child_atom_v, "worker-2"));
  f.door.open();
  CHECK(f.eventually([](auto& s) { return s.workers.size() == 1; }));
  REQUIRE(f.app->resize("default", 2));
  CHECK(f.eventually([](auto& s) { return by_name(s).size() == 2; }));
}

TEST_CASE("who was to go and dies is not started once more for nothing") {
  native_fixture f{lab(2)};
  f.occupy(2);
  auto all = *f.app->workers();
  REQUIRE(f.app->resize("default", 1));
  for (auto& w : all)
    if (w.worker == "worker-2")
      kill(f.self->address(), w.handle);
  // With what it runs ended it would go as it was told to.
  REQUIRE(f.events.wait_for(std::string{event_name::child_restarting}));
  f.door.open();
  pool_parts parts{f};
  CHECK(f.eventually([&](auto&) { return parts.workers().size() == 1; }));
  std::size_t ends = 0;
  for (auto& x : f.events.all())
    ends += x.name == "charmer.worker.terminated";
  CHECK(ends == 1);
  CHECK(starts_since_end("worker-2", f.events) == 0);
  REQUIRE(f.app->resize("default", 2));
  CHECK(f.eventually([](auto& s) { return by_name(s).size() == 2; }));
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
