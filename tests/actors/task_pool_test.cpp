// Functions as requests: PhoenixGenApi's worker pools, and what becomes of
// tasks that cannot be ended.
#include "native_fixture.hpp"

#include "charmer/actors/task.hpp"

#include <future>

using namespace charmer_tests;

namespace {

pool_settings tasks(std::uint32_t size, timespan task_limit = limit) {
  auto x = task_pool("default");
  x.size = size;
  x.request_timeout = task_limit;
  x.restart_backoff.minimum = 10ms;
  return x;
}

struct task_fixture : native_fixture {
  using native_fixture::native_fixture;

  // Why the task was not accepted.
  caf::error start(std::function<void()> f, call_options options = {}) {
    caf::error result;
    execute_async(self, pool, std::move(f), std::move(options))
        .receive([] {}, [&](caf::error& e) { result = std::move(e); });
    return result;
  }

  // Why it was not done.
  caf::error finish(std::function<void()> f, call_options options = {}) {
    caf::error result;
    execute(self, pool, std::move(f), std::move(options))
        .receive([] {}, [&](caf::error& e) { result = std::move(e); });
    return result;
  }

  std::function<void()> blocked() {
    return [this] { door.pass(); };
  }
};

// Runs for ever, as far as its pool can see.
pool_settings hanging(std::uint32_t size, std::uint32_t max_abandoned) {
  auto x = tasks(size, 50ms);
  x.max_abandoned = max_abandoned;
  x.breaker.enabled = false;
  return x;
}

} // namespace

TEST_CASE("three kinds of pools, by size and limit, with a name of their own") {
  CHECK(async_pool("a").size == 100);
  CHECK(async_pool("a").request_timeout == 30s);
  CHECK(stream_pool("s").size == 50);
  CHECK(stream_pool("s").request_timeout > async_pool("a").request_timeout);
  CHECK(task_pool("t").size == 10);
  CHECK(task_pool("t").breaker.enabled);
  for (auto& x : {async_pool("a"), stream_pool("s"), task_pool("t")})
    CHECK(validate(x).empty());
  auto mistakes = validate(task_pool(""));
  REQUIRE(mistakes.size() == 1);
  CHECK(mistakes[0].where.find("name") != std::string::npos);
}

TEST_CASE("tasks that nobody wants any more, and that end, cost no worker") {
  auto x = tasks(8);
  x.max_abandoned = 1;
  x.cancel_grace = 1ms;
  task_fixture f{x};
  for (int i = 0; i < 5; ++i) {
    auto gone = f.sys.spawn([&f](caf::event_based_actor* self) {
      execute(self, f.pool, f.blocked()).then([] {}, [](caf::error&) {});
    });
    REQUIRE(f.door.wait_for(static_cast<std::size_t>(i) + 1));
    caf::anon_send_exit(gone, caf::exit_reason::kill);
  }
  CHECK(!f.finish([] {}));
  f.door.open();
  CHECK(f.eventually([](auto& s) { return s.counts.running == 0; }));
  auto now = f.stats();
  CHECK(!now.degraded);
  for (auto& w : now.workers)
    CHECK(w.incarnation <= 8);
}

TEST_CASE("a task that was accepted waits as long as it may take") {
  auto x = tasks(1);
  x.queue_timeout = 20ms;
  task_fixture f{x};
  CHECK(!f.start(f.blocked()));
  REQUIRE(f.door.wait_for(1));
  std::promise<void> done;
  CHECK(!f.start([&] { done.set_value(); }));
  // Who says nothing else waits for as long as the pool says, in the meantime.
  CHECK(f.finish([] {}) == pool_errc::wait_timeout);
  f.door.open();
  CHECK(done.get_future().wait_for(limit) == std::future_status::ready);
}

TEST_CASE("what a native pool is when nothing else is said") {
  auto x = native_pool("default");
  CHECK(x.size == 100);
  CHECK(x.request_timeout == 5s);
  CHECK(x.queue_timeout == 5s);
  CHECK(!x.breaker.enabled);
  CHECK(x.overrun_warning == infinite);
  CHECK(x.worker_shutdown == 5s);
  CHECK(validate(x).empty());
  task_fixture f{x};
  CHECK(f.comes_to(100, 0, 0));
  auto ran = 0;
  CHECK(!f.finish([&] { ++ran; }));
  CHECK(ran == 1);
  for (int i = 0; i < 20; ++i)
    CHECK(f.finish([] { throw std::runtime_error("bad luck"); })
          == task_failed);
  CHECK(!f.finish([&] { ++ran; }));
  CHECK(ran == 2);
}

TEST_CASE("run waits for a worker as long as the pool says, call as well") {
  auto x = native_pool("default");
  x.size = 1;
  x.queue_timeout = 100ms;
  x.request_timeout = limit;
  task_fixture f{x};
  CHECK(!f.start(f.blocked()));
  REQUIRE(f.door.wait_for(1));
  auto ran = false;
  CHECK(run(f.self, f.pool, [&](lease&, timespan) { ran = true; })
        == pool_errc::wait_timeout);
  CHECK(f.finish([&] { ran = true; }) == pool_errc::wait_timeout);
  CHECK(!ran);
  f.door.open();
}

TEST_CASE(
    "tasks of a stream pool send while they run, for as long as it says") {
  auto x = stream_pool("default");
  x.size = 2;
  task_fixture f{x};
  struct seen {
    std::mutex mutex;
    std::map<int, std::vector<int>> of;
  } all;
  auto listener = f.sys.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](int who, int number) {
      std::lock_guard guard{all.mutex};
      all.of[who].push_back(number);
    }};
  });
  auto came = [&](int who) {
    std::lock_guard guard{all.mutex};
    return all.of[who].size();
  };
  for (int who : {1, 2})
    CHECK(!f.start([&, who] {
      for (int i = 0; i < 1000; ++i) {
        if (i == 500)
          f.door.pass();
        caf::anon_send(listener, who, i);
      }
    }));
  REQUIRE(f.door.wait_for(2));
  CHECK(f.eventually([&](auto&) { return came(1) + came(2) == 1000; }));
  CHECK(f.comes_to(0, 2, 0));
  f.door.open();
  CHECK(f.eventually([&](auto&) { return came(1) + came(2) == 2000; }));
  for (auto& [who, numbers] : all.of)
    CHECK(std::is_sorted(numbers.begin(), numbers.end()));
  CHECK(f.comes_to(2, 0, 0));
  CHECK(f.status().total_tasks_failed == 0);
  kill(f.self->address(), listener);
}

TEST_CASE("an async pool runs 100 tasks at once") {
  auto x = async_pool("default");
  task_fixture f{x};
  for (int i = 0; i < 100; ++i)
    CHECK(!f.start(f.blocked()));
  CHECK(f.door.wait_for(100));
  CHECK(f.comes_to(0, 100, 0));
  f.door.open();
  CHECK(f.comes_to(100, 0, 0));
  CHECK(f.status().total_tasks_executed == 100);
}

TEST_CASE("a task is accepted, or it is told why not") {
  auto x = tasks(1);
  x.max_queue_size = 1;
  x.breaker.consecutive = 2;
  x.breaker.cooldown = limit;
  task_fixture f{x};
  CHECK(!f.start(f.blocked()));
  REQUIRE(f.door.wait_for(1));
  CHECK(!f.start([] {}));
  CHECK(f.start([] {}) == pool_errc::queue_full);
  f.door.open();
  CHECK(f.comes_to(1, 0, 0));
  for (int i = 0; i < 2; ++i)
    CHECK(f.finish([] { throw std::runtime_error("bad luck"); })
          == task_failed);
  CHECK(f.start([] {}) == pool_errc::circuit_open);
  f.app->stop();
  CHECK(f.start([] {}) == pool_errc::shutting_down);
}

TEST_CASE("a task that throws says what, and its worker serves on") {
  task_fixture f{tasks(1)};
  auto why = f.finish([] { throw std::runtime_error("bad luck"); });
  CHECK(why == task_failed);
  CHECK(failure_of(why).text.find("bad luck") != std::string::npos);
  CHECK(f.finish([] { throw 42; }) == task_failed);
  CHECK(!f.finish([] {}));
  CHECK(!f.start([] { throw std::runtime_error("nobody listens"); }));
  CHECK(f.events.wait_for([](const event& e) {
    return e.name == "charmer.request.failed"
           && e.text.find("nobody listens") != std::string::npos;
  }));
  auto status = f.status();
  CHECK(status.total_tasks_executed == 4);
  CHECK(status.total_tasks_failed == 3);
  for (auto& e : f.events.all())
    CHECK(e.name != "charmer.worker.terminated");
}

TEST_CASE("a pool of 2 never runs more than 2 of 60 tasks at once") {
  task_fixture f{tasks(2)};
  std::atomic<int> done{0};
  for (int i = 0; i < 60; ++i)
    CHECK(!f.start([&] {
      f.door.pass();
      ++done;
    }));
  for (std::size_t i = 1; i <= 30; ++i) {
    REQUIRE(f.door.wait_for(2 * i));
    f.door.let(2);
  }
  CHECK(f.eventually([&](auto&) { return done == 60; }));
  CHECK(f.door.most() == 2);
  CHECK(f.comes_to(2, 0, 0));
  CHECK(f.status().total_tasks_executed == 60);
}

TEST_CASE("idle, busy and queued are 3/0/0, then 1/2/0, then 0/3/2") {
  task_fixture f{tasks(3)};
  CHECK(f.comes_to(3, 0, 0));
  for (int i = 0; i < 2; ++i)
    CHECK(!f.start(f.blocked()));
  CHECK(f.comes_to(1, 2, 0));
  for (int i = 0; i < 3; ++i)
    CHECK(!f.start(f.blocked()));
  CHECK(f.comes_to(0, 3, 2));
  CHECK(!f.status().circuit_open);
  f.door.open();
  CHECK(f.comes_to(3, 0, 0));
  CHECK(f.status().total_tasks_executed == 5);
}

TEST_CASE(
    "a task beyond its limit: told, its worker left behind and replaced") {
  task_fixture f{hanging(1, 4)};
  auto late = f.finish(f.blocked());
  CHECK(late == pool_errc::exec_timeout);
  CHECK(failure_of(late).begun);
  REQUIRE(f.events.wait_for("charmer.worker.abandoned"));
  REQUIRE(f.comes_to(1, 0, 0));
  CHECK(!f.finish([] {}, {.timeout = limit}));
  CHECK(f.stats().abandoned == 1);
  CHECK(f.stats().counts.expelled == 1);
  auto stale = f.stats().counts.stale;
  f.door.open(); // the task ends after all: its reply is too late
  CHECK(f.eventually([](auto& x) { return x.abandoned == 0; }));
  CHECK(f.stats().counts.stale == stale + 1);
  CHECK(f.stats().counts.balanced());
  CHECK(f.status().total_tasks_failed == 1);
}

TEST_CASE("a task that nobody waits for is told as an event when it is late") {
  task_fixture f{hanging(1, 4)};
  CHECK(!f.start(f.blocked()));
  CHECK(f.events.wait_for([](const event& e) {
    return e.name == "charmer.request.failed"
           && e.text.find("exec_timeout") != std::string::npos;
  }));
}

TEST_CASE(
    "whom a pool leaves behind beyond max_abandoned has no successor, and "
    "with no worker left the pool is degraded") {
  task_fixture f{hanging(2, 1)};
  CHECK(f.finish(f.blocked()) == pool_errc::exec_timeout);
  CHECK(f.comes_to(2, 0, 0));
  CHECK(f.finish(f.blocked()) == pool_errc::exec_timeout);
  CHECK(f.events.wait_for([](const event& e) {
    return e.name == "charmer.worker.abandoned"
           && e.text.find("max_abandoned 1") != std::string::npos;
  }));
  CHECK(f.comes_to(1, 0, 0));
  CHECK(!f.finish([] {}, {.timeout = limit}));
  CHECK(!f.stats().degraded);
  CHECK(f.finish(f.blocked()) == pool_errc::exec_timeout);
  CHECK(f.events.wait_for("charmer.pool.degraded"));
  CHECK(f.stats().degraded);
  CHECK(f.stats().abandoned == 3);
  for (int i = 0; i < 3; ++i)
    CHECK(f.finish([] {}) == pool_errc::pool_degraded);
  CHECK(f.start([] {}) == pool_errc::pool_degraded);
  f.door.let(1); // one of them comes back
  CHECK(f.events.wait_for("charmer.pool.recovered"));
  CHECK(f.stats().abandoned == 2);
  CHECK(!f.stats().degraded);
  CHECK(!f.finish([] {}, {.timeout = limit}));
  f.door.let(1); // now both places can be filled
  CHECK(f.comes_to(2, 0, 0));
}

TEST_CASE("who waits when a pool has too many left behind is told at once") {
  auto x = hanging(1, 0);
  x.request_timeout = limit;
  task_fixture f{x};
  auto blocked = caf::make_message(task{f.blocked()});
  auto first = f.self->request(f.pool.actor(), caf::infinite,
                               call_options{.timeout = 50ms}, blocked);
  auto second = f.self->request(f.pool.actor(), caf::infinite,
                                call_options{.timeout = limit}, blocked);
  auto why = [](auto& response) {
    caf::error result;
    response.receive([] {}, [&](caf::error& e) { result = std::move(e); });
    return result;
  };
  CHECK(why(first) == pool_errc::exec_timeout);
  CHECK(why(second) == pool_errc::pool_degraded);
}
