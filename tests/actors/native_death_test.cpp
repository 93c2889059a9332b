// Native workers that die, and pools that cannot hold theirs.
#include "native_fixture.hpp"

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

TEST_CASE("a worker that ends while it owes an answer: its caller is told") {
  native_fixture f{silent(2)};
  auto got = f.call(suicide());
  CHECK(got.why == pool_errc::worker_died);
  CHECK(f.comes_to(2, 0, 0));
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
