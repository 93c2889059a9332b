// Native workers that die, and pools that cannot hold theirs.
#include "native_fixture.hpp"

#include "../seed_of_run.hpp"

#include <algorithm>
#include <atomic>
#include <random>

using namespace charmer_tests;

namespace {

// Promises an answer and never gives it.
pool_settings silent(std::uint32_t size) {
  auto x = lab(size);
  register_native("silent", [](caf::actor_system& sys) {
    return sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
      auto held = std::make_shared<std::vector<caf::response_promise>>();
      return {[=](job& x) {
        x.run(self);
        held->push_back(self->make_response_promise());
        return caf::delegated<std::uint64_t>{};
      }};
    });
  });
  x.adapter = "silent";
  return x;
}

// Any number of its workers may die.
pool_settings frail(std::uint32_t size) {
  auto x = lab(size);
  x.intensity = 1'000'000;
  x.max_abandoned = 10'000;
  x.restart_backoff = {.minimum = 1ms, .maximum = 1ms};
  x.queue_timeout = limit;
  return x;
}

// Holds up who sends the first request, when it has arrived.
class slow_sender final : public native_profile {
public:
  void execute_request(const caf::strong_actor_ptr& worker,
                       caf::strong_actor_ptr from, caf::message_id id,
                       caf::message request, actor_runner* context) override {
    native_profile::execute_request(worker, std::move(from), id,
                                    std::move(request), context);
    if (!was_used_.exchange(true))
      sending.pass();
  }

  gate sending;

private:
  std::atomic<bool> was_used_ = false;
};

} // namespace

TEST_CASE("a worker that is killed while idle is replaced") {
  native_fixture f{lab(2)};
  auto before = *f.app->workers();
  kill(f.self->address(), before[0].handle);
  CHECK(f.eventually([&](auto&) {
    auto living = *f.app->workers();
    return living.size() == 2
           && std::none_of(living.begin(), living.end(), [&](auto& x) {
                return x.handle == before[0].handle;
              });
  }));
  CHECK(f.events.wait_for("charmer.worker.terminated"));
  CHECK(f.stats().counts.failed == 0);
}

TEST_CASE("one that is killed while busy: its caller is told, who waits runs") {
  native_fixture f{silent(1)};
  gate begun;
  begun.open();
  auto first = f.ask(wait_at(begun));
  REQUIRE(begun.wait_for(1));
  auto second = f.ask(wait_at(begun));
  CHECK(f.comes_to(0, 1, 1));
  kill(f.self->address(), f.app->workers()->at(0).handle);
  auto told = f.answer(first);
  CHECK(told.why == pool_errc::worker_died);
  CHECK(failure_of(told.why).worker == "worker-1");
  CHECK(failure_of(told.why).begun);
  CHECK(begun.wait_for(2));
  kill(f.self->address(), f.app->workers()->at(0).handle);
  CHECK(f.answer(second).why == pool_errc::worker_died);
}

TEST_CASE("what a killed worker had not begun goes to another one") {
  gate busy;
  native_fixture f{silent(1)};
  register_native("late_riser", [&](caf::actor_system& sys) {
    return sys.spawn<caf::detached>(
        [&busy](caf::event_based_actor* self) -> caf::behavior {
          replace_default_handlers(self);
          return {[=, &busy](job& x) {
            x.run(self);
            auto answer = self->make_response_promise<std::uint64_t>();
            answer.deliver(std::uint64_t{self->id()});
            busy.pass(); // it has answered, and is not free
            return answer;
          }};
        });
  });
  auto x = silent(1);
  x.name = "late";
  x.adapter = "late_riser";
  auto pool = f.app->start_pool(x);
  REQUIRE(pool);
  f.pool = *pool;
  CHECK(f.call());
  REQUIRE(busy.wait_for(1));
  auto begun = 0;
  auto second = f.ask(work([&] { ++begun; }));
  auto is_with_worker = [&] {
    auto now = f.app->stats("late");
    return now && now->counts.running == 1;
  };
  auto end = std::chrono::steady_clock::now() + limit;
  while (!is_with_worker() && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
  REQUIRE(is_with_worker());
  kill(f.self->address(), f.app->workers("late")->at(0).handle);
  auto told = f.answer(second);
  CHECK_MESSAGE(told, describe(told.why));
  CHECK(f.app->stats("late")->counts.requeued == 1);
  busy.open();
  CHECK(f.call());
  CHECK(begun == 1);
}

TEST_CASE("of workers that are killed at random: every request is begun, and "
          "once") {
  constexpr std::size_t count = 3000;
  std::vector<std::atomic<int>> begun(count);
  native_fixture f{frail(4)};
  register_native("cooperative", [](caf::actor_system& sys) {
    return sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
      replace_default_handlers(self);
      return {[=](job& x) {
        x.run(self);
        return std::uint64_t{self->id()};
      }};
    });
  });
  // What it looks at too late is its end, and no request.
  register_native("blocking", [](caf::actor_system& sys) -> caf::actor {
    return sys.spawn<caf::detached>([](caf::blocking_actor* self) {
      auto over = false;
      self->receive_while([&] { return !over; })(
          [=](job& x) {
            x.run(nullptr);
            return std::uint64_t{self->id()};
          },
          [&](caf::exit_msg&) { over = true; });
    });
  });
  auto x = frail(4);
  x.name = "killed";
  SUBCASE("of event-based actors") {
    x.adapter = "cooperative";
  }
  SUBCASE("of blocking actors that handle their end") {
    x.adapter = "blocking";
  }
  auto pool = f.app->start_pool(x);
  REQUIRE(pool);
  f.pool = *pool;
  std::atomic<bool> done = false;
  std::thread killer{[&] {
    std::mt19937_64 random{seed_of_run()};
    while (!done) {
      if (auto all = f.app->workers("killed"); all && !all->empty())
        charmer::kill(all->at(random() % all->size()).handle);
      std::this_thread::yield();
    }
  }};
  std::size_t lost = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto told = f.call(work([&begun, i] { ++begun[i]; }),
                       {.timeout = limit, .queue_timeout = limit});
    if (!told) {
      CHECK_MESSAGE(told.why == pool_errc::worker_died, describe(told.why));
      ++lost;
    }
  }
  done = true;
  killer.join();
  MESSAGE(lost << " of " << count << " were lost with their worker");
  CHECK(f.eventually([&](auto&) { // one that was left behind may still do it
    return std::all_of(begun.begin(), begun.end(),
                       [](auto& x) { return x == 1; });
  }));
}

TEST_CASE("a key is free when what had it was cancelled, and its worker died "
          "before the sender was done") {
  auto profile = std::make_shared<slow_sender>();
  register_profile("slow_sender", profile);
  auto x = silent(1);
  x.profile = "slow_sender";
  x.cancel_grace = limit;
  native_fixture f{x};
  call_options same{.timeout = limit,
                    .queue_timeout = limit,
                    .strategy = hash_worker("key"),
                    .id = call_id::next()};
  std::thread sender{[&] { charmer::cast(f.pool, work(), same); }};
  REQUIRE(profile->sending.wait_for(1));
  auto first = f.app->workers()->at(0);
  caf::anon_send(f.pool.actor(), cancel_atom_v, same.id);
  same.id = {};
  CHECK(f.stats().counts.cancelled == 1);
  f.door.open();
  CHECK(!f.cast(caf::make_message(job{[&](caf::event_based_actor* self) {
                  f.door.pass();
                  self->quit(caf::sec::runtime_error);
                }}),
                same));
  kill(f.self->address(), first.handle);
  CHECK(f.eventually([&](auto& s) {
    return s.workers.size() == 1 && s.workers[0].state == worker_state::ready
           && s.workers[0].incarnation != first.incarnation;
  }));
  profile->sending.open();
  sender.join();
  CHECK(f.door.wait_for(1));
  register_profile("slow_sender", nullptr);
}

TEST_CASE("a worker that ends while it owes an answer: its caller is told") {
  native_fixture f{silent(2)};
  auto got = f.call(suicide());
  CHECK(got.why == pool_errc::worker_died);
  CHECK(f.comes_to(2, 0, 0));
}

TEST_CASE("who is to be run again, and is not, is told that it had begun") {
  auto x = silent(1);
  x.restart_backoff = {.minimum = 10min, .maximum = 10min};
  call_options again{.timeout = limit, .idempotent = idempotence::yes};
  SUBCASE("because its time to wait is over") {
    native_fixture f{x};
    again.queue_timeout = 50ms;
    auto got = f.call(suicide(), again);
    CHECK(got.why == pool_errc::wait_timeout);
    CHECK(failure_of(got.why).text
          == "its worker died, and no other was free in time to run it again");
  }
  SUBCASE("because it is cancelled") {
    native_fixture f{x};
    again.queue_timeout = limit;
    again.id = call_id::next();
    auto asked = f.ask(suicide(), again);
    REQUIRE(f.events.wait_for(std::string{event_name::child_restarting}));
    REQUIRE(f.eventually([](auto& s) {
      return s.counts.retried != 0 && s.counts.waiting == 1;
    }));
    caf::anon_send(f.pool.actor(), cancel_atom_v, again.id);
    auto got = f.answer(asked);
    CHECK(got.why == pool_errc::cancelled);
    CHECK(failure_of(got.why).text
          == "cancelled before it could run again, for its worker died");
  }
}

TEST_CASE("an exception ends its worker and reaches the caller") {
  native_fixture f{lab(1)};
  auto got = f.call(work([] { throw std::runtime_error("bad luck"); }));
  CHECK(got.why);
  CHECK(describe(got.why).find("bad luck") != std::string::npos);
  CHECK(f.events.wait_for("charmer.worker.terminated"));
  CHECK(f.call());
}

TEST_CASE(
    "workers that die at once: a pause that grows, and other pools live") {
  static std::atomic<int> starts;
  starts = 0;
  native_fixture f{lab(2)};
  register_native("mayfly", [](caf::actor_system& sys) {
    ++starts;
    return sys.spawn([](caf::event_based_actor* self) {
      self->quit(caf::sec::runtime_error);
    });
  });
  auto x = lab(2);
  x.name = "mayflies";
  x.adapter = "mayfly";
  x.restart_backoff.minimum = 20ms;
  auto pool = f.app->start_pool(x);
  REQUIRE(pool);
  CHECK(f.events.wait_for([](const event& e) {
    return e.name == "charmer.pool.degraded" && e.path == "root/pool mayflies";
  }));
  auto before = starts.load();
  f.self->receive(caf::after(300ms) >> [] {});
  CHECK(starts - before < 50);
  auto healthy = std::exchange(f.pool, *pool);
  CHECK(f.call(work(), {.timeout = 5s}).why);
  f.pool = healthy;
  CHECK(f.call());
  CHECK(f.stats().workers.size() == 2);
  CHECK(!f.stats().degraded);
}

TEST_CASE("a start that throws anything, or makes no actor, is tried again") {
  static std::atomic<int> tries = 0;
  tries = 0;
  register_native("clumsy", [](caf::actor_system& sys) -> caf::actor {
    switch (tries++) {
      case 0:
        throw 42;
      case 1:
        return {};
      default:
        return sys.spawn([](caf::event_based_actor*) -> caf::behavior {
          return {[](int x) { return x; }};
        });
    }
  });
  auto x = lab(1);
  x.adapter = "clumsy";
  x.intensity = 9;
  native_fixture f{x, false};
  CHECK(f.eventually([](const pool_stats& s) {
    return s.workers.size() == 1 && s.workers[0].state == worker_state::ready;
  }));
  CHECK(tries == 3);
}

TEST_CASE("one that hangs and is killed is left behind at once, and counted") {
  native_fixture f{lab(1)};
  auto hung = f.ask(wait_at(f.door));
  REQUIRE(f.door.wait_for(1));
  kill(f.self->address(), f.app->workers()->at(0).handle);
  CHECK(f.answer(hung).why == pool_errc::worker_died);
  CHECK(f.events.wait_for("charmer.worker.abandoned"));
  CHECK(f.stats().abandoned == 1);
  CHECK(f.call());
  f.door.open();
  CHECK(f.eventually([](auto& s) { return s.abandoned == 0; }));
}

TEST_CASE("workers that used up their intensity while one hangs: it is left "
          "behind, and the others come back") {
  auto x = lab(3);
  x.intensity = 1;
  x.worker_shutdown = 50ms;
  native_fixture f{x};
  auto hung = f.ask(wait_at(f.door));
  REQUIRE(f.door.wait_for(1));
  f.call(suicide());
  f.call(suicide());
  CHECK(f.events.wait_for("charmer.worker.abandoned"));
  CHECK(f.answer(hung).why == pool_errc::worker_died);
  CHECK(f.comes_to(3, 0, 0));
  CHECK(f.call());
  CHECK(f.stats().abandoned == 1);
  for (auto& x : f.events.all()) {
    CHECK(x.name != event_name::child_abandoned);
    if (x.name == "charmer.pool.degraded")
      CHECK(x.text.find("user_shutdown") == std::string::npos);
  }
  f.door.open();
}

TEST_CASE("workers that used up their intensity while one hangs: whoever calls "
          "is told so at once") {
  auto x = lab(3);
  x.intensity = 1;
  x.worker_shutdown = 10min;
  native_fixture f{x};
  auto hung = f.ask(wait_at(f.door));
  REQUIRE(f.door.wait_for(1));
  f.call(suicide());
  f.call(suicide());
  CHECK(f.events.wait_for("charmer.pool.degraded"));
  CHECK(f.stats().degraded);
  CHECK(f.call().why == pool_errc::pool_degraded);
  f.door.open();
  auto late = f.answer(hung);
  CHECK_MESSAGE(late, describe(late.why));
  CHECK(f.events.wait_for("charmer.pool.recovered"));
  CHECK(f.call());
}

// -- what never began ---------------------------------------------------------

TEST_CASE("workers that end after each request, when they were given the next "
          "one already: none is lost") {
  native_fixture f{frail(4)};
  std::vector<native_fixture::asked> all;
  for (int i = 0; i < 100; ++i)
    all.push_back(f.ask(
        caf::make_message(job{[](caf::event_based_actor* x) { x->quit(); }})));
  for (auto& x : all) {
    auto got = f.answer(x);
    CHECK_MESSAGE(got, describe(got.why));
  }
}

TEST_CASE("a blocking actor that hears of no end is left behind, and counted") {
  // Ends with the message below; CAF's exit messages mean nothing to it.
  static std::vector<caf::actor> deaf;
  register_native("deaf", [](caf::actor_system& sys) {
    caf::actor x = sys.spawn<caf::detached>([](caf::blocking_actor* self) {
      auto over = false;
      self->receive_while([&] { return !over; })([](int x) { return x; },
                                                 [&](bool) { over = true; },
                                                 [](caf::exit_msg&) {});
    });
    deaf.push_back(x);
    return x;
  });
  auto x = lab(2);
  x.adapter = "deaf";
  x.worker_shutdown = 50ms;
  native_fixture f{x};
  REQUIRE(f.app->resize("default", 1));
  CHECK(f.eventually([](auto& s) { return s.abandoned == 1; }));
  CHECK(f.eventually([](auto& s) { return s.workers.size() == 1; }));
  CHECK(!f.app->stop_pool("default", limit));
  for (auto& one : deaf)
    caf::anon_send(one, true);
  deaf.clear();
}
