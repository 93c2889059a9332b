// Pools that come and go: later, below the application's own supervisor, and
// workers that are recycled.
#include "native_fixture.hpp"

#include "charmer/actors/collections.hpp"
#include "charmer/actors/recycling.hpp"
#include "charmer/actors/strategies.hpp"
#include "charmer/supervision/messages.hpp"
#include "charmer/supervision/supervisor.hpp"

#include <algorithm>
#include <future>
#include <thread>

using namespace charmer_tests;

TEST_CASE("a pool can be started later and stopped alone") {
  pool_fixture f{shop(1)};
  auto x = shop(1);
  x.name = "second";
  auto second = f.app->start_pool(x);
  REQUIRE(second);
  CHECK(f.app->start_pool(x).error() == pool_errc::already_started);
  CHECK(!f.app->await_ready(limit));
  auto first = f.pool;
  f.pool = *second;
  CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
  CHECK(!f.app->stop_pool("second"));
  CHECK(!f.app->stop_pool("second"));
  CHECK(f.call("ping").why == pool_errc::shutting_down);
  CHECK(f.app->pool("second").error() == pool_errc::no_such_pool);
  f.pool = first;
  CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
}

TEST_CASE("a pool lives below a supervisor of the application's own") {
  struct own_config : caf::actor_system_config {
    own_config() { configure(*this); }
  };
  own_config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self{sys};
  auto pool = make_pool_child(sys, shop(1));
  REQUIRE(pool);
  supervisor_spec spec;
  spec.name = "application";
  spec.children = {pool->spec};
  auto top = start_supervisor(sys, std::move(spec));
  REQUIRE(top);
  std::string answer;
  caf::error why;
  auto ask = [&] {
    charmer::call(self, pool->handle, "add", {{"a", 1}, {"b", 1}},
                  {.timeout = 60s, .queue_timeout = 60s})
        .receive([&](const reply& x) { answer = x.text(); },
                 [&](caf::error& e) { why = std::move(e); });
  };
  ask();
  CHECK_MESSAGE(answer == "2", describe(why));
  self->monitor(*top);
  caf::anon_send_exit(*top, caf::exit_reason::user_shutdown);
  auto down = false;
  self->receive([&](const caf::down_msg&) { down = true; },
                caf::after(limit) >> [] {});
  REQUIRE(down);
  ask();
  CHECK(why == pool_errc::shutting_down);
}

TEST_CASE(
    "who asks a pool before it is started waits no longer than its time") {
  config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self{sys};
  auto pool = make_pool_child(sys, shop(1));
  REQUIRE(pool);
  for (int i = 0; i < 2; ++i) {
    caf::error why;
    charmer::call(self, pool->handle, "ping", {}, {.queue_timeout = 50ms})
        .receive([](const reply&) {},
                 [&](caf::error& e) { why = std::move(e); });
    CHECK(why == pool_errc::wait_timeout);
  }
}

TEST_CASE("two pools of one name, or a wrong setting, start nothing") {
  config cfg;
  caf::actor_system sys{cfg};
  settings twice;
  twice.pools = {shop(1), shop(1)};
  auto started = start(sys, twice);
  REQUIRE(!started);
  settings wrong;
  wrong.pools = {shop(0)};
  wrong.pools[0].adapter = "";
  started = start(sys, wrong);
  REQUIRE(!started);
  CHECK(started.error() == pool_errc::invalid_settings);
  auto text = failure_of(started.error()).text;
  CHECK(text.find("size") != std::string::npos);
  CHECK(text.find("adapter") != std::string::npos);
  CHECK(start(sys, settings{}).error() == pool_errc::no_pools_configured);
}

TEST_CASE(
    "with pooling_enabled false no pool is started until one is asked for") {
  config cfg;
  caf::actor_system sys{cfg};
  settings disabled;
  disabled.pools = {shop(1)};
  disabled.pooling_enabled = false;
  auto app = start(sys, disabled);
  REQUIRE(app);
  CHECK(!app->await_ready(limit));
  CHECK(app->pool("default").error() == pool_errc::no_such_pool);
  CHECK(app->start_pool(shop(1)));
  CHECK(app->pool("default"));
}

TEST_CASE("a worker is due by age, requests or memory, and not before") {
  auto x = shop(8);
  CHECK(!due(x, {.uptime = 1000h, .requests = 1u << 30}, 0));
  x.ttl = 100s;
  x.max_requests = 1000;
  x.memory_limit = 1 << 20;
  CHECK(!due(x, {.uptime = 99s, .requests = 999, .memory = 1000}, 0));
  CHECK(due(x, {.uptime = 100s}, 0) == recycle_reason::ttl);
  CHECK(due(x, {.uptime = 91s}, 1) == recycle_reason::ttl);
  CHECK(!due(x, {.uptime = 89s}, 1));
  CHECK(due(x, {.requests = 1000}, 0) == recycle_reason::max_requests);
  CHECK(due(x, {.memory = 2 << 20}, 0) == recycle_reason::memory);
  // Those that grew alike from one model are not replaced together.
  CHECK(due(x, {.memory = 95 * (1 << 20) / 100}, 1) == recycle_reason::memory);
  CHECK(!due(x, {.memory = 95 * (1 << 20) / 100}, 0));
  CHECK(!due(x, {.memory = 89 * (1 << 20) / 100}, 1));
  CHECK(due(x, {.requests = 900}, 1) == recycle_reason::max_requests);
  CHECK(!due(x, {.requests = 899}, 1));
}

TEST_CASE("a quarter of a pool is replaced at once, of what it has now") {
  auto x = shop(8);
  CHECK(surge_of(x, 8) == 2);
  CHECK(surge_of(x, 100) == 25);
  CHECK(surge_of(x, 1) == 1);
  x.max_surge = 3;
  CHECK(surge_of(x, 100) == 3);
}

TEST_CASE("a worker that has served enough is replaced, and no call fails") {
  auto x = shop(1);
  x.max_requests = 10;
  x.lifecycle_check = 1s;
  pool_fixture f{x};
  auto first = f.call("pid").json();
  auto recycled = false;
  auto end = std::chrono::steady_clock::now() + limit;
  while (!recycled && std::chrono::steady_clock::now() < end) {
    auto out = f.call("pid");
    REQUIRE_MESSAGE(!out.why, describe(out.why));
    recycled = out.json() != first;
  }
  CHECK(recycled);
  CHECK(f.events.wait_for("charmer.worker.recycled"));
  CHECK(f.stats().counts.failed == 0);
}

TEST_CASE("a pool whose stop took longer than its limit can be started again") {
  auto x = lab(1);
  x.worker_shutdown = 500ms;
  native_fixture f{x};
  f.occupy(1);
  CHECK(f.app->stop_pool("default", 50ms) == pool_errc::shutting_down);
  auto again = f.app->start_pool(lab(1));
  REQUIRE_MESSAGE(again, describe(again ? caf::error{} : again.error()));
  f.pool = *again;
  CHECK(f.call());
}

TEST_CASE("who observes is called no more when the stop is over") {
  auto told = std::make_shared<std::atomic<std::size_t>>(0);
  pool_fixture f{shop(4)};
  REQUIRE(f.app->observe([told](const event&) {
    std::this_thread::sleep_for(1ms);
    ++*told;
  }));
  CHECK(!f.app->stop());
  auto then = told->load();
  CHECK(then != 0);
  f.self->receive(caf::after(100ms) >> [] {});
  CHECK(told->load() == then);
}

TEST_CASE("what a stopped runtime is asked it answers with shutting_down") {
  pool_fixture f{shop(1)};
  CHECK(!f.app->stop());
  CHECK(f.app->stats().error() == pool_errc::shutting_down);
  CHECK(f.app->resize("default", 2).error() == pool_errc::shutting_down);
  CHECK(f.app->workers().error() == pool_errc::shutting_down);
  CHECK(f.app->debug_information().error() == pool_errc::shutting_down);
  CHECK(f.app->add_callbacks("default", "x", {}) == pool_errc::shutting_down);
  CHECK(f.app->stats("other").error() == pool_errc::no_such_pool);
}

TEST_CASE("whoever stops it at the same time waits for the same end") {
  pool_fixture f{shop(1)};
  std::thread other{[&] { CHECK(!f.app->stop()); }};
  CHECK(!f.app->stop());
  CHECK(f.call("ping").why == pool_errc::shutting_down);
  other.join();
  CHECK(!f.app->stop());
}

TEST_CASE("who waits for a name when everything stops starts no pool") {
  native_fixture f{lab(1)};
  auto running = f.ask(wait_at(f.door));
  REQUIRE(f.door.wait_for(1));
  std::thread stopping{[&] { CHECK(!f.app->stop_pool("default", limit)); }};
  CHECK(f.eventually([](auto& s) { return s.draining; }));
  caf::error refused;
  std::thread starting{[&] {
    if (auto pool = f.app->start_pool(lab(1)); !pool)
      refused = pool.error();
  }};
  std::thread whole{[&] { f.app->stop(limit); }};
  while (f.app->supervisor()) // until the stop has begun
    std::this_thread::yield();
  f.door.open();
  for (auto who : {&stopping, &starting, &whole})
    who->join();
  CHECK(refused == pool_errc::shutting_down);
  CHECK(f.answer(running));
}

TEST_CASE("a pool that was started alone ends with its starter") {
  config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self{sys};
  std::promise<linked_pool> made;
  auto starter = sys.spawn([&](caf::event_based_actor* me) -> caf::behavior {
    auto pool = start_linked(me, shop(1));
    REQUIRE(pool);
    made.set_value(*pool);
    return {[=](const std::string&) { me->quit(); }};
  });
  auto pool = made.get_future().get();
  auto ask = [&] {
    caf::error result;
    charmer::call(self, pool.handle, "ping", {}, {.queue_timeout = 60s})
        .receive([](const reply&) {},
                 [&](caf::error& e) { result = std::move(e); });
    return result;
  };
  CHECK(!ask());
  self->monitor(pool.supervisor);
  caf::anon_send(starter, std::string{"end"});
  auto down = false;
  self->receive([&](const caf::down_msg&) { down = true; },
                caf::after(limit) >> [] {});
  REQUIRE(down);
  CHECK(ask() == pool_errc::shutting_down);
}

TEST_CASE("whoever waits for a pool that was started alone is told when its "
          "starter is killed") {
  gate door;
  config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self{sys};
  std::promise<linked_pool> made;
  auto starter = sys.spawn([&](caf::event_based_actor* me) -> caf::behavior {
    auto pool = start_linked(me, lab(1));
    REQUIRE(pool);
    made.set_value(*pool);
    return {[](const std::string&) {}};
  });
  auto pool = made.get_future().get().handle;
  auto ask = [&](caf::message what) {
    return self->request(pool.actor(), limit, std::move(what));
  };
  auto runs = ask(wait_at(door));
  REQUIRE(door.wait_for(1));
  auto waits = ask(work());
  kill(self->address(), starter);
  auto told = [](auto& asked) {
    caf::error why;
    asked.receive([](std::uint64_t) {},
                  [&](caf::error& e) { why = std::move(e); });
    return why;
  };
  CHECK(told(waits) == pool_errc::shutting_down);
  auto late = ask(work());
  CHECK(told(late) == pool_errc::shutting_down);
  door.open();
  CHECK(told(runs));
}

TEST_CASE(
    "a pool that was started alone is there as long as its starter is, if "
    "only its handle is kept") {
  config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self{sys};
  std::promise<pool_handle> made;
  auto starter = sys.spawn([&](caf::event_based_actor* me) -> caf::behavior {
    made.set_value(start_linked(me, shop(1))->handle);
    return {[=](const std::string&) { me->quit(); }};
  });
  auto pool = made.get_future().get();
  for (int i = 0; i < 2; ++i) {
    caf::error why;
    charmer::call(self, pool, "ping", {}, {.queue_timeout = 60s})
        .receive([](const reply&) {}, [&](caf::error& e) { why = e; });
    CHECK_MESSAGE(!why, describe(why));
  }
  caf::anon_send(starter, std::string{"end"});
}

TEST_CASE("a pool that was started alone is stopped without its starter") {
  config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self{sys};
  CHECK(start_linked(self.ptr(), shop(0)).error()
        == pool_errc::invalid_settings);
  auto pool = start_linked(self.ptr(), shop(1));
  REQUIRE(pool);
  self->monitor(pool->supervisor);
  self->unlink_from(pool->supervisor);
  for (int i = 0; i < 2; ++i)
    caf::anon_send_exit(pool->supervisor, caf::exit_reason::user_shutdown);
  auto down = false;
  self->receive([&](const caf::down_msg&) { down = true; },
                caf::after(limit) >> [] {});
  CHECK(down);
}

TEST_CASE("a native behaviour that nobody registered is told at the start") {
  config cfg;
  caf::actor_system sys{cfg};
  pool_settings x;
  x.profile = "native";
  x.adapter = "nobody";
  auto started = start(sys, settings{.pools = {x}});
  REQUIRE(!started);
  CHECK(started.error() == pool_errc::invalid_settings);
  auto text = failure_of(started.error()).text;
  CHECK(text.find("adapter: found \"nobody\"") != std::string::npos);
  CHECK(text.find("register_native") != std::string::npos);
}

TEST_CASE("what is registered without a function is not there, nor offered") {
  config cfg;
  caf::actor_system sys{cfg};
  auto nobody = [](caf::actor_system&) { return caf::actor{}; };
  register_native("gone", nobody);
  register_native("gone", native_spawner{});
  register_profile("gone", nullptr);
  register_strategy("gone", {});
  register_callers("gone", {});
  register_workers("gone", {});
  register_function("gone", {});
  pool_settings x;
  x.profile = "native";
  x.adapter = "gone";
  auto started = start(sys, settings{.pools = {x}});
  REQUIRE(!started);
  auto text = failure_of(started.error()).text;
  CHECK(text.find("adapter: found \"gone\"") != std::string::npos);
  auto offered = text.find("there are: ");
  REQUIRE(offered != std::string::npos);
  CHECK(text.find("gone", offered) == std::string::npos);
  CHECK(!find_profile("gone"));
  auto known = registered_callers().names();
  CHECK(std::find(known.begin(), known.end(), "gone") == known.end());
}

TEST_CASE("limits without end are limits without end") {
  pool_fixture f{shop(1)};
  CHECK(!f.app->stop_pool("default", infinite));
  CHECK(!f.app->stop(infinite));
}
