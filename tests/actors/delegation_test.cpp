// Native workers that hand requests on to other actors, some of them dead: what
// comes of that is the worker's answer. What bounces off a worker that is dead
// itself goes to another one, and its caller notices nothing.
#include "native_fixture.hpp"

using namespace charmer_tests;

namespace {

caf::actor corpse(caf::actor_system& sys) {
  auto result = sys.spawn([](caf::event_based_actor* self) { self->quit(); });
  caf::scoped_actor self{sys};
  self->wait_for(result);
  return result;
}

// Does what it is told in a thread of its own.
caf::actor other_actor(caf::actor_system& sys) {
  return sys.spawn<caf::detached>(
      [](caf::event_based_actor* self) -> caf::behavior {
        return {[=](job& x) {
          x.run(self);
          return 1;
        }};
      });
}

// Workers that hand everything on.
pool_settings forwarders(std::uint32_t size = 3) {
  register_native("forwarder", [](caf::actor_system& sys) {
    return sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
      replace_default_handlers(self);
      return {
          [=](const caf::actor& whom, int x) {
            return self->delegate(whom, x);
          },
          [=](const caf::actor& whom, const job& x) {
            return self->delegate(whom, x);
          },
          [=](int x) { return x + 1; },
      };
    });
  });
  auto x = lab(size);
  x.adapter = "forwarder";
  return x;
}

// A job after which the worker is gone; until then it waits at the gate.
caf::message last_job(gate& where) {
  return caf::make_message(job{[&](caf::event_based_actor* self) {
    caf::anon_send_exit(self, caf::exit_reason::kill);
    where.pass();
  }});
}

struct forwarding_pool : native_fixture {
  forwarding_pool() : native_fixture(forwarders()) {}

  template <class... Ts>
  std::pair<int, caf::error> get(Ts&&... xs) {
    std::pair<int, caf::error> result;
    self->request(pool.actor(), caf::infinite, std::forward<Ts>(xs)...)
        .receive([&](int x) { result.first = x; },
                 [&](caf::error& e) { result.second = std::move(e); });
    return result;
  }

  std::set<std::uint64_t> incarnations() {
    std::set<std::uint64_t> result;
    auto workers = *app->workers();
    for (auto& x : workers)
      result.insert(x.incarnation);
    return result;
  }
};

} // namespace

TEST_CASE("a worker that delegates to a dead actor: its caller is told, and it "
          "serves on") {
  forwarding_pool f;
  auto before = f.incarnations();
  REQUIRE(before.size() == 3);
  auto dead = corpse(f.sys);
  for (int i = 0; i < 20; ++i) {
    CHECK(f.get(dead, 7).second == caf::sec::request_receiver_down);
    CHECK(f.get(7).first == 8);
  }
  CHECK(f.incarnations() == before);
  auto counts = f.stats().counts;
  CHECK(counts.failed == 20);
  CHECK(counts.replied == 20);
  CHECK(counts.requeued == 0);
  CHECK(f.comes_to(3, 0, 0));
}

TEST_CASE("the actor it delegated to dies later: the same") {
  forwarding_pool f;
  auto before = f.incarnations();
  auto other = other_actor(f.sys);
  job waits{[&](caf::event_based_actor*) { f.door.pass(); }};
  auto first = f.self->request(f.pool.actor(), caf::infinite, other, waits);
  REQUIRE(f.door.wait_for(1));
  auto second = f.self->request(f.pool.actor(), caf::infinite, other, waits);
  CHECK(f.comes_to(1, 2, 0));
  kill(f.self->address(), other);
  f.door.open();
  first.receive([](int x) { CHECK(x == 1); },
                [](caf::error& e) { FAIL(describe(e)); });
  second.receive(
      [](int) { FAIL("nobody can have answered"); },
      [](caf::error& e) { CHECK(e == caf::sec::request_receiver_down); });
  CHECK(f.incarnations() == before);
  CHECK(f.comes_to(3, 0, 0));
}

TEST_CASE("a cast that is handed on to a dead actor is told as an event") {
  forwarding_pool f;
  CHECK(!f.cast(caf::make_message(corpse(f.sys), 7)));
  CHECK(f.events.wait_for("charmer.request.failed"));
  CHECK(f.app->workers()->size() == 3);
}

TEST_CASE("what was in the mailbox of a worker that dies goes to another one") {
  native_fixture f{lab(1)};
  auto running = f.ask(last_job(f.door));
  REQUIRE(f.door.wait_for(1));
  auto waiting = f.ask(work());
  CHECK(f.comes_to(0, 1, 1));
  // It dies as soon as it has answered, and by then it has been given the next.
  f.door.open();
  auto first = f.answer(running);
  CHECK_MESSAGE(first, describe(first.why));
  auto second = f.answer(waiting);
  CHECK_MESSAGE(second, describe(second.why));
  CHECK(second.who != first.who);
  CHECK(f.stats().counts.requeued == 1);
}

TEST_CASE("many corpses in a row retire no request") {
  auto x = lab(2);
  x.intensity = 1000;
  x.restart_backoff = {.minimum = std::chrono::milliseconds(1)};
  native_fixture f{x};
  for (int i = 0; i < 6; ++i) {
    gate here;
    auto running = f.ask(last_job(here));
    REQUIRE(here.wait_for(1));
    auto stats = f.stats();
    auto workers = *f.app->workers();
    for (auto& x : stats.workers)
      for (auto& worker : workers)
        if (x.incarnation == worker.incarnation && x.running == 0)
          kill(f.self->address(), worker.handle);
    auto next = f.ask(work());
    here.open();
    CHECK(f.answer(running));
    auto got = f.answer(next);
    CHECK_MESSAGE(got, describe(got.why));
  }
}

TEST_CASE("a request that each worker sends to itself and ends is given up") {
  static std::atomic<int> runs;
  runs = 0;
  register_native("boomerang", [](caf::actor_system& sys) {
    return sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
      replace_default_handlers(self);
      return {[=](int x) {
        ++runs;
        self->quit(caf::sec::runtime_error);
        return self->delegate(caf::actor{self}, x);
      }};
    });
  });
  auto x = lab(3);
  x.adapter = "boomerang";
  x.intensity = 1000;
  x.restart_backoff = {.minimum = std::chrono::milliseconds(1)};
  native_fixture f{x};
  caf::error why;
  f.self->request(f.pool.actor(), caf::infinite, 7)
      .receive([](int) { FAIL("nobody can have answered"); },
               [&](caf::error& e) { why = std::move(e); });
  CHECK(why == pool_errc::worker_died);
  CHECK(failure_of(why).begun);
  CHECK(failure_of(why).text.find("in a row") != std::string::npos);
  CHECK(runs == 3);
  CHECK(f.comes_to(3, 0, 0));
}
