// Pool, queue manager and task monitor are killed, and nothing else: callers
// and workers notice nothing but a delay.
//
// Repeat a run with CHARMER_SEED=n.
#include "native_fixture.hpp"
#include "pool_parts.hpp"
#include "processes.hpp"

#include "../seed_of_run.hpp"

#include <future>
#include <random>

using namespace charmer_tests;

namespace {

struct tally {
  pool_handle pool;
  std::atomic<int> right = 0;
  std::mutex mutex;
  std::map<std::string, int> errors;

  void fail(const std::string& why) {
    std::lock_guard guard{mutex};
    ++errors[why];
  }
};

struct caller_state {
  int left = 0;
  int open = 0;
  std::mt19937_64 random;
};

using caller = caf::stateful_actor<caller_state>;

auto ask(caller* self, const pool_handle& pool, int x, worker_strategy how) {
  return self->request(
      pool.actor(), caf::infinite,
      call_options{.timeout = limit, .queue_timeout = limit, .strategy = how},
      caf::make_message(x));
}

void step(caller* self, tally* t);

void done(caller* self, tally* t) {
  --self->state.open;
  step(self, t);
}

auto expecting(caller* self, tally* t, int wanted) {
  return [=](int x) {
    x == wanted ? static_cast<void>(++t->right) : t->fail("a wrong answer");
    done(self, t);
  };
}

auto failing(caller* self, tally* t) {
  return [=](caf::error& e) {
    t->fail(describe(e));
    done(self, t);
  };
}

// Asks for a worker, asks that one, and gives it back.
void borrow(caller* self, tally* t, int x) {
  checkout(self, t->pool, {.timeout = limit, .queue_timeout = limit})
      .then(
          [=](lease worker) {
            ask(self, worker.pool(), x, {})
                .then(
                    [=](int y) mutable {
                      worker.give_back();
                      expecting(self, t, x + 1)(y);
                    },
                    failing(self, t));
          },
          failing(self, t));
}

// Keeps a few requests open until all have their outcome, then ends.
void step(caller* self, tally* t) {
  auto& st = self->state;
  for (; st.left > 0 && st.open < 8; --st.left) {
    ++st.open;
    auto x = static_cast<int>(st.random() % 1000);
    worker_strategy how;
    switch (st.random() % 6) {
      case 0:
        borrow(self, t, x);
        continue;
      case 1:
        how = hash_worker(x % 7);
        break;
      case 2:
        how = custom_worker("last of all");
        break;
      case 3:
        how = next_worker;
        break;
      default:
        how = available_worker;
    }
    ask(self, t->pool, x, how)
        .then(expecting(self, t, x + 1), failing(self, t));
  }
  if (st.left == 0 && st.open == 0)
    self->quit();
}

void run_callers(pool_fixture& f, tally& t, int callers, int each,
                 std::uint64_t seed) {
  for (int i = 0; i < callers; ++i)
    f.self->spawn<caf::monitored>([=, &t](caller* self) -> caf::behavior {
      self->state.left = each;
      self->state.random.seed(seed + static_cast<std::uint64_t>(i));
      self->send(self, 0);
      return {[=, &t](int) { step(self, &t); }};
    });
  for (int i = 0; i < callers; ++i) {
    auto down = false;
    f.self->receive([&](const caf::down_msg&) { down = true; },
                    caf::after(limit) >> [] {});
    REQUIRE_MESSAGE(down, "a caller still waits for an outcome");
  }
}

pool_settings incrementing() {
  register_strategy("last of all",
                    [](const std::string&, auto& xs) { return xs.back(); });
  register_native("increment", [](caf::actor_system& sys) {
    return sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
      replace_default_handlers(self);
      return {[](int x) { return x + 1; }};
    });
  });
  pool_settings x;
  x.profile = "native";
  x.adapter = "increment";
  x.size = 4;
  x.pool_sup_intensity = 1'000'000;
  return x;
}

void survive(const pool_settings& x) {
  auto seed = seed_of_run();
  CAPTURE(seed);
  pool_fixture f{x};
  auto before = incarnations(f.stats());
  tally t;
  t.pool = f.pool;
  std::atomic<bool> stop = false;
  auto strikes = 0;
  std::thread chaos{[&] {
    std::mt19937_64 random{seed};
    pool_parts parts{f};
    for (; !stop; std::this_thread::sleep_for(1ms)) { // paces the load
      auto victims = parts.parts();
      if (victims.empty())
        continue;
      auto& victim = victims[random() % victims.size()].handle;
      if (victim)
        caf::anon_send_exit(victim, caf::exit_reason::kill);
      strikes += static_cast<bool>(victim);
    }
  }};
  constexpr int callers = 16;
  constexpr int each = 4000;
  run_callers(f, t, callers, each, seed);
  stop = true;
  chaos.join();
  MESSAGE(strikes << " kills");
  CHECK(strikes > 10);
  for (auto& [why, count] : t.errors)
    FAIL_CHECK(count << " times: " << why);
  CHECK(t.right == callers * each);
  CHECK(f.eventually([](auto& s) { return s.counts.running == 0; }));
  auto last = f.stats();
  CHECK(last.counts.balanced());
  CHECK(last.counts.waiting == 0);
  CHECK(last.counts.failed + last.counts.cancelled + last.counts.refused == 0);
  CHECK(incarnations(last) == before);
}

} // namespace

TEST_CASE("parts of a pool die at random, and no request fails of it") {
  survive(incrementing());
}

TEST_CASE("nor in a pool with collections of the application's") {
  auto x = incrementing();
  x.idle_workers_impl = "fifo_workers";
  survive(x);
}

TEST_CASE("a start that fails when the pool that asked for it has been killed "
          "is tried again") {
  SUBCASE("at once") {
    gate door;
    std::atomic<bool> sick = true;
    register_native("sick_at_first", [&](caf::actor_system& sys) {
      if (sick.exchange(false)) {
        door.pass();
        throw std::runtime_error{"not today"};
      }
      return caf::actor{sys.spawn(
          []() -> caf::behavior { return {[](int x) { return x; }}; })};
    });
    auto x = lab(1);
    x.adapter = "sick_at_first";
    native_fixture f{x, false};
    REQUIRE(door.wait_for(1));
    pool_parts{f}.kill_part("pool", 1);
    door.open();
    CHECK(!f.app->await_all(limit));
  }
  SUBCASE("later") {
    auto before = child_processes();
    auto x = shop(1);
    x.adapter = "crowd:Crowd";
    x.adapter_options = R"({"start_seconds": 1})";
    pool_fixture f{x, false};
    std::set<pid_t> fresh;
    REQUIRE(f.eventually([&](auto&) {
      fresh = child_processes();
      for (auto pid : before)
        fresh.erase(pid);
      return !fresh.empty();
    }));
    pool_parts{f}.kill_part("pool", 1);
    for (auto pid : fresh)
      kill(pid, SIGKILL);
    CHECK(!f.app->await_all(limit));
  }
}

TEST_CASE("a pool that is being stopped takes no requests also if its "
          "supervisor dies meanwhile, and finishes what it has") {
  native_fixture f{lab(1)};
  f.occupy(1);
  CHECK(!f.cast(wait_at(f.door))); // waits
  auto stopped = std::async(std::launch::async,
                            [&] { return f.app->stop_pool("default", limit); });
  REQUIRE(f.eventually([](auto& x) { return x.draining; }));
  kill(pool_parts{f}.supervisor());
  REQUIRE(f.door.wait_for(2)); // a successor gave it to a new worker
  CHECK(f.call(work(), {.queue_timeout = 1s}).why == pool_errc::shutting_down);
  f.door.open();
  CHECK(!stopped.get());
}

TEST_CASE(
    "who has a worker replaced is told if the lifecycle manager is killed "
    "meanwhile") {
  gate door;
  std::atomic<int> starts = 0;
  register_native("slow_successor", [&](caf::actor_system& sys) {
    if (++starts == 2)
      door.pass();
    return caf::actor{
        sys.spawn([]() -> caf::behavior { return {[](int x) { return x; }}; })};
  });
  auto x = lab(1);
  x.adapter = "slow_successor";
  native_fixture f{x};
  auto replaced = std::async(std::launch::async, [&] {
    return f.app->recycle_worker("default", "worker-1");
  });
  REQUIRE(door.wait_for(1));
  kill(pool_parts{f}.child(f.app->supervisor(), "lifecycle_manager"));
  auto told = replaced.wait_for(20s);
  door.open();
  CHECK(told == std::future_status::ready);
  CHECK(replaced.get() == pool_errc::shutting_down);
}

TEST_CASE("5 deaths of parts within pool_sup_period touch no worker") {
  native_fixture f{lab(2)};
  auto before = incarnations(f.stats());
  auto running = f.ask(wait_at(f.door));
  REQUIRE(f.door.wait_for(1));
  pool_parts{f}.kill_part("queue_manager", 5);
  CHECK(f.call());
  f.door.open();
  CHECK(f.answer(running));
  CHECK(incarnations(f.stats()) == before);
}

TEST_CASE("the 6th takes the workers along; new ones serve who comes") {
  native_fixture f{lab(2)};
  auto before = incarnations(f.stats());
  pool_parts{f}.kill_part("queue_manager", 6);
  CHECK(f.eventually([&](auto& s) {
    auto after = incarnations(s);
    return after.size() == 2
           && std::none_of(before.begin(), before.end(),
                           [&](auto x) { return after.count(x) != 0; });
  }));
  CHECK(f.call(work(), {.timeout = limit, .queue_timeout = limit}));
  CHECK(f.stats().counts.balanced());
}

TEST_CASE("deaths that are further apart than the period are forgotten") {
  auto x = lab(1);
  x.pool_sup_intensity = 1;
  x.pool_sup_period = 1ms;
  native_fixture f{x};
  auto before = incarnations(f.stats());
  for (int i = 0; i < 5; ++i) {
    pool_parts{f}.kill_part("queue_manager", 1);
    f.self->receive(caf::after(20ms) >> [] {}); // the period passes
  }
  CHECK(f.call());
  CHECK(incarnations(f.stats()) == before);
}
