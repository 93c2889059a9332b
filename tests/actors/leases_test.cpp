// Workers in one's own hands: poolex's and poolboy's checkouts, wpool's run.
#include "native_fixture.hpp"

#include "charmer/supervision/supervisor.hpp"

using namespace charmer_tests;

namespace {

lease take(native_fixture& f, call_options options = {}) {
  lease result;
  checkout(f.self, f.pool, std::move(options))
      .receive([&](lease x) { result = std::move(x); },
               [](const caf::error& e) { FAIL(describe(e)); });
  return result;
}

caf::error refused(native_fixture& f, call_options options = {}) {
  caf::error result;
  checkout(f.self, f.pool, std::move(options))
      .receive([](lease) { FAIL("there was a worker"); },
               [&](caf::error& e) { result = std::move(e); });
  return result;
}

// An actor that holds a worker until it is told to end. It asks without a
// lease, which would give the worker back by itself.
caf::actor holder(native_fixture& f) {
  return f.sys.spawn([&f](caf::event_based_actor* self) -> caf::behavior {
    self->request(f.pool.actor(), caf::infinite, checkout_atom_v,
                  call_options{.id = call_id::next()})
        .then([](const granted&) {}, [](const caf::error&) {});
    return {[self](const std::string&) { self->quit(); }};
  });
}

worked errand(native_fixture& f, const lease& x, caf::message what = work()) {
  worked result;
  f.self->request(x.actor(), caf::infinite, std::move(what))
      .receive([&](std::uint64_t who) { result.who = who; },
               [&](caf::error& e) { result.why = std::move(e); });
  return result;
}

} // namespace

TEST_CASE("the holder has its worker alone, until it gives it back") {
  native_fixture f{lab(2)};
  auto mine = take(f);
  CHECK(f.comes_to(1, 1, 0));
  auto who = errand(f, mine).who;
  CHECK(who != 0);
  for (int i = 0; i < 10; ++i)
    CHECK(f.call().who != who);
  CHECK(errand(f, mine).who == who);
  CHECK(f.comes_to(1, 1, 0));
  mine.give_back();
  CHECK(f.comes_to(2, 0, 0));
}

TEST_CASE("a waiter gets the worker that is given back") {
  native_fixture f{lab(1)};
  auto mine = take(f);
  auto name = mine.worker();
  auto waits = f.ask(work());
  CHECK(f.comes_to(0, 1, 1));
  CHECK(refused(f, {.queue_timeout = 50ms}) == pool_errc::wait_timeout);
  CHECK(refused(f, {.strategy = next_available_worker})
        == pool_errc::no_available_worker);
  mine.give_back();
  CHECK(f.answer(waits));
  CHECK(take(f).worker() == name);
}

TEST_CASE("who waits for a worker that is held, and replaced, is told why") {
  auto x = lab(1);
  x.cancel_grace = 1ms;
  native_fixture f{x};
  auto mine = take(f);
  auto hangs = f.self->request(mine.actor(), caf::infinite,
                               call_options{.timeout = 50ms}, wait_at(f.door));
  auto waits =
      f.self->request(mine.actor(), caf::infinite, call_options{}, work());
  CHECK(f.answer(hangs).why == pool_errc::exec_timeout);
  auto why = f.answer(waits).why;
  CHECK(why == pool_errc::worker_died);
  CHECK(describe(why).find("did not stop") != std::string::npos);
  CHECK(!failure_of(why).begun);
}

TEST_CASE("a second, a foreign and a stale return are ignored") {
  native_fixture f{lab(1)};
  auto id = call_id::next();
  auto hold = [&] {
    f.self
        ->request(f.pool.actor(), caf::infinite, checkout_atom_v,
                  call_options{.id = id})
        .receive([](const granted&) {}, [](caf::error&) { FAIL("refused"); });
  };
  auto give_back = [&](auto& whose) {
    auto result = false;
    whose->request(f.pool.actor(), caf::infinite, checkin_atom_v, id)
        .receive([&](bool x) { result = x; }, [](caf::error&) {});
    return result;
  };
  hold();
  {
    caf::scoped_actor stranger{f.sys};
    CHECK(!give_back(stranger));
  }
  CHECK(f.status().busy_workers == 1);
  CHECK(give_back(f.self));
  CHECK(!give_back(f.self));
  auto old = std::exchange(id, call_id::next());
  hold();
  auto present = std::exchange(id, old);
  CHECK(!give_back(f.self));
  CHECK(f.status().busy_workers == 1);
  id = present;
  CHECK(give_back(f.self));
}

TEST_CASE("a worker is reclaimed when its holder is killed or ends normally") {
  native_fixture f{lab(1)};
  for (auto by_force : {true, false}) {
    CAPTURE(by_force);
    auto owner = holder(f);
    REQUIRE(f.comes_to(0, 1, 0));
    if (by_force)
      kill(f.self->address(), owner);
    else
      f.self->send(owner, std::string{"end"});
    CHECK(f.comes_to(1, 0, 0));
    CHECK(f.call());
  }
}

TEST_CASE("a function on a worker gives it back, also when it throws") {
  native_fixture f{lab(1)};
  auto result = run(f.self, f.pool, [&](lease& x, timespan left) {
    CHECK(left == infinite);
    return errand(f, x).who;
  });
  REQUIRE(result);
  CHECK(*result != 0);
  CHECK(f.comes_to(1, 0, 0));
  CHECK_THROWS(run(f.self, f.pool, [](lease&, timespan) {
    throw std::runtime_error("in the middle of it");
  }));
  CHECK(f.comes_to(1, 0, 0));
  CHECK(f.call().who == *result);
}

TEST_CASE("a function on a worker is told the time that is left") {
  native_fixture f{lab(1)};
  auto why = run(f.self, f.pool,
                 [&](lease&, timespan left) {
                   CHECK(left > 0s);
                   CHECK(left <= 30s);
                 },
                 {.timeout = 30s});
  CHECK(!why);
}

TEST_CASE("a lease whose time is over has no worker any more") {
  native_fixture f{lab(1)};
  auto mine = take(f, {.timeout = 50ms});
  CHECK(f.comes_to(1, 0, 0));
  CHECK(errand(f, mine).why == pool_errc::no_available_worker);
  CHECK(f.call());
}

TEST_CASE("an errand has no more time than its lease") {
  native_fixture f{lab(1)};
  auto mine = take(f, {.timeout = 100ms});
  CHECK(errand(f, mine, wait_at(f.door)).why == pool_errc::exec_timeout);
  f.door.open();
  CHECK(f.comes_to(1, 0, 0));
}

TEST_CASE("two waiters and a held worker that dies: both get living workers") {
  native_fixture f{lab(1)};
  auto mine = take(f);
  auto first = f.ask(work());
  auto second = f.ask(work());
  auto dead = errand(f, mine, suicide()).who;
  REQUIRE(dead != 0);
  for (auto* x : {&first, &second}) {
    auto got = f.answer(*x);
    CHECK_MESSAGE(got, describe(got.why));
    CHECK(got.who != dead);
  }
  CHECK(errand(f, mine).why == pool_errc::no_available_worker);
}

TEST_CASE("leases of a stopped pool end, and later ones are refused") {
  native_fixture f{lab(1)};
  auto mine = take(f);
  f.app->stop(100ms);
  CHECK(refused(f) == pool_errc::shutting_down);
  CHECK(errand(f, mine).why == pool_errc::no_available_worker);
}

TEST_CASE("3 supervisors as workers, 9 children by next_worker: 3 for each") {
  register_native("supervisor", [](caf::actor_system& sys) {
    return *start_supervisor(sys, {.name = "worker"});
  });
  auto x = lab(3);
  x.adapter = "supervisor";
  native_fixture f{x};
  std::map<std::string, std::uint64_t> active;
  for (int i = 0; i < 9; ++i) {
    child_spec child;
    child.id = "child-" + std::to_string(i);
    child.start = [](const start_context& where) {
      return started{where.self->spawn([](caf::event_based_actor*) {
        return caf::behavior{[](int x) { return x; }};
      })};
    };
    auto why = run(
        f.self, f.pool,
        [&](lease& worker, timespan) {
          f.self
              ->request(worker.actor(), caf::infinite, start_child_atom_v,
                        child)
              .receive([](const caf::actor& x) { CHECK(x); },
                       [](caf::error& e) { FAIL(describe(e)); });
          f.self->request(worker.actor(), caf::infinite, count_children_atom_v)
              .receive(
                  [&](const child_counts& n) {
                    active[worker.worker()] = n.active;
                  },
                  [](caf::error& e) { FAIL(describe(e)); });
        },
        {.strategy = next_worker});
    CHECK(!why);
  }
  CHECK(active.size() == 3);
  for (auto& [worker, count] : active)
    CHECK(count == 3);
}

TEST_CASE("a worker that was asked for, and that nobody takes, is free again") {
  native_fixture f{lab(1)};
  { auto ignored = checkout(f.self, f.pool); }
  CHECK(f.comes_to(1, 0, 0));
  CHECK(f.call());
}

TEST_CASE("a lease may outlive its pool and its actor system") {
  lease mine;
  {
    native_fixture f{lab(1)};
    mine = take(f);
    f.app->stop(20ms); // which would wait until the worker is given back
  }
  CHECK(mine);
  mine.give_back();
  CHECK(!mine);
}
