// Pools of native workers that are started later and stopped.
#include "native_fixture.hpp"

#include "charmer/supervision/supervisor.hpp"

#include <array>
#include <thread>
#include <vector>

using namespace charmer_tests;

TEST_CASE("a stop lets finish what was accepted, and refuses what comes") {
  native_fixture f{lab(2)};
  std::vector<native_fixture::asked> open;
  for (int i = 0; i < 6; ++i)
    open.push_back(f.ask(wait_at(f.door)));
  REQUIRE(f.door.wait_for(2));
  auto& app = *f.app;
  std::thread stopping{[&] { CHECK(!app.stop_pool("default", limit)); }};
  auto& door = f.pool.actor();
  CHECK(f.eventually([&](auto& x) { return x.draining; }));
  caf::error refused;
  f.self->request(door, caf::infinite, work())
      .receive([](std::uint64_t) {},
               [&](caf::error& e) { refused = std::move(e); });
  CHECK(refused == pool_errc::shutting_down);
  f.door.open();
  for (auto& x : open) {
    auto got = f.answer(x);
    CHECK_MESSAGE(got, describe(got.why));
  }
  stopping.join();
  CHECK(!app.stop_pool("default"));
  CHECK(app.pool("default").error() == pool_errc::no_such_pool);
}

TEST_CASE("a stop with a limit answers who is left, and waits for nobody") {
  auto x = lab(1);
  x.worker_shutdown = 0s;
  x.pool_sup_shutdown = shutdown::brutal_kill();
  native_fixture f{x};
  auto running = f.ask(wait_at(f.door));
  auto waiting = f.ask(work());
  REQUIRE(f.door.wait_for(1));
  auto before = std::chrono::steady_clock::now();
  std::thread stopping{[&] { f.app->stop_pool("default", 400ms); }};
  CHECK(f.answer(waiting).why == pool_errc::shutting_down);
  CHECK(f.answer(running).why);
  stopping.join();
  CHECK(std::chrono::steady_clock::now() - before < 30s);
  f.door.open();
}

TEST_CASE("a stop without a limit waits for nobody, and nothing is restarted") {
  auto x = lab(1);
  x.worker_shutdown = 10min;
  native_fixture f{x};
  auto running = f.ask(wait_at(f.door));
  auto waiting = f.ask(work());
  REQUIRE(f.door.wait_for(1));
  CHECK(!f.app->stop_pool("default", 0s));
  CHECK(f.answer(running).why == pool_errc::shutting_down);
  CHECK(f.answer(waiting).why == pool_errc::shutting_down);
  CHECK(f.app->start_pool(lab(1)));
  f.door.open();
  for (auto& x : f.events.all()) {
    CHECK(x.name != event_name::child_restarting);
    CHECK_MESSAGE(x.name != event_name::shutdown_error, x.text);
  }
}

TEST_CASE("who is idle when it is killed, or nearly so, is not left behind") {
  native_fixture f{lab(3)};
  constexpr std::size_t rounds = 50;
  for (std::size_t i = 0; i < rounds; ++i) {
    if (i % 2 == 1)
      CHECK(f.call());
    CHECK(!f.app->stop_pool("default", 0s));
    auto again = f.app->start_pool(lab(3));
    REQUIRE(again);
    f.pool = *again;
    REQUIRE(!f.app->await_all(limit));
  }
  CHECK(f.events.wait_for("charmer.worker.terminated", 3 * rounds));
  for (auto& x : f.events.all())
    CHECK_MESSAGE(x.name != "charmer.worker.abandoned", x.text);
}

TEST_CASE("two stops without a limit wait for the same end") {
  native_fixture f{lab(1)};
  f.occupy(1);
  std::vector<std::thread> threads;
  std::array<caf::error, 4> got;
  for (auto& x : got)
    threads.emplace_back([&] { x = f.app->stop_pool("default", 0s); });
  for (auto& x : threads)
    x.join();
  for (auto& x : got)
    CHECK_MESSAGE(!x, describe(x));
  f.door.open();
}

TEST_CASE("a used name is refused, and free again after the stop") {
  native_fixture f{lab(1)};
  CHECK(f.app->start_pool(lab(1)).error() == pool_errc::already_started);
  CHECK(!f.app->stop_pool("default"));
  auto again = f.app->start_pool(lab(2));
  REQUIRE(again);
  auto old = std::exchange(f.pool, *again);
  CHECK(f.call());
  f.pool = old;
  CHECK(f.call().why == pool_errc::shutting_down);
}

TEST_CASE("several threads may start and stop one pool at once") {
  native_fixture f{lab(1)};
  auto& app = *f.app;
  std::mutex mutex;
  std::set<std::string> wrong;
  auto check = [&](const caf::error& why, pool_errc allowed) {
    std::lock_guard guard{mutex};
    if (why && why != allowed)
      wrong.insert(describe(why));
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k)
        check(app.stop_pool("default", limit), pool_errc::shutting_down);
    });
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k)
        if (auto started = app.start_pool(lab(1)); !started)
          check(started.error(), pool_errc::already_started);
    });
  }
  for (auto& x : threads)
    x.join();
  CHECK(wrong == std::set<std::string>{});
  CHECK(!app.stop_pool("default", limit));
  auto again = app.start_pool(lab(1));
  REQUIRE_MESSAGE(again, describe(again.error()));
  CHECK(app.pool("default")->actor() == again->actor());
  CHECK(!app.stop_pool("default", limit));
  auto tree = app.tree();
  REQUIRE(tree);
  for (auto& x : tree->children)
    CHECK(x.id != "pool default");
}

TEST_CASE("a pool of native workers below the application's own supervisor") {
  config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self{sys};
  auto child = make_pool_child(sys, lab(2));
  REQUIRE(child);
  auto top = start_supervisor(sys, {.name = "own", .children = {child->spec}});
  REQUIRE(top);
  auto ask = [&] {
    caf::error why;
    self->request(child->handle.actor(), caf::infinite, work())
        .receive([](std::uint64_t) {},
                 [&](caf::error& e) { why = std::move(e); });
    return why;
  };
  CHECK(!ask());
  self->monitor(*top);
  ask_to_stop(self->address(), *top);
  auto down = false;
  self->receive([&](const caf::down_msg&) { down = true; },
                caf::after(limit) >> [] {});
  REQUIRE(down);
  CHECK(ask() == pool_errc::shutting_down);
}
