// Observing in one line, whoever made the hub.
#include "charmer/supervision/observe.hpp"

#include "world.hpp"

using namespace test;

TEST_CASE_FIXTURE(world, "a function observes a system in one line") {
  supervise({.name = "root", .children = {worker("a")}});
  std::vector<string> got;
  auto name = observe(
      system, [&](const event& e) { got.push_back(e.name + " " + e.child); },
      {.name = "*.child_terminated"});
  REQUIRE(name);
  crash("a");
  CHECK(got
        == std::vector<string>{string{event_name::child_terminated} + " a"});
  CHECK(stop_observing(system, *name));
  CHECK_FALSE(stop_observing(system, *name));
  crash("a");
  CHECK(got.size() == 1);
}

TEST_CASE_FIXTURE(world, "a name that is made up is one that nobody has") {
  auto next = "observer " + std::to_string(hub->which().size() + 1);
  REQUIRE_FALSE(hub->add({.name = next, .on_event = [](const event&) {}}));
  auto made_up = hub->observe([](const event&) {});
  REQUIRE(made_up);
  CHECK(*made_up != next);
}

TEST_CASE_FIXTURE(world, "an actor observes a system in one line") {
  supervise({.name = "root", .children = {worker("a")}});
  std::vector<string> got;
  auto handler = system.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](const event& e) { got.push_back(e.child); }};
  });
  auto name = observe(system, handler, {.name = "*.child_terminated"});
  REQUIRE(name);
  crash("a");
  CHECK(got == std::vector<string>{"a"});
  CHECK(stop_observing(system, *name));
  run();
  CHECK_FALSE(has_ended(handler)); // it belongs to whoever made it
  crash("a");
  CHECK(got.size() == 1);
  caf::anon_send_exit(handler, caf::exit_reason::user_shutdown);
}

TEST_CASE_FIXTURE(world, "an observer that throws is removed alone") {
  supervise({.name = "root", .children = {worker("a")}});
  int before = 0;
  auto bad = observe(system, [&](const event&) {
    ++before;
    throw std::runtime_error("boom");
  });
  int others = 0;
  auto good = observe(system, [&](const event&) { ++others; });
  REQUIRE(good);
  crash("a");
  CHECK(before == 1);
  CHECK(others > 2);
  CHECK(stop_observing(system, *good));
  CHECK_FALSE(stop_observing(system, *bad));
  auto told = named(event_name::handler_removed);
  REQUIRE(told.size() == 1);
  CHECK(told.front().text.find("boom") != string::npos);
  CHECK(alive("a"));
}

TEST_CASE_FIXTURE(world, "all hubs of a system are observed, and no other's") {
  auto second = std::make_shared<event_hub>(system);
  config other_settings;
  caf::actor_system other{other_settings};
  auto elsewhere = std::make_shared<event_hub>(other);
  std::vector<string> got;
  auto name = observe(system, [&](const event& e) { got.push_back(e.name); });
  hub->notify({.name = "first"});
  second->notify({.name = "second"});
  elsewhere->notify({.name = "elsewhere"});
  run();
  CHECK(got == std::vector<string>{"first", "second"});
  CHECK(event_hub::all_of(system).size() == 2);
  second.reset();
  CHECK(event_hub::all_of(system).size() == 1);
  CHECK(stop_observing(system, *name));
  elsewhere.reset();
}

TEST_CASE("a system without a hub cannot be observed, and says so") {
  config settings;
  caf::actor_system system{settings};
  auto name = observe(system, [](const event&) {});
  REQUIRE_FALSE(name);
  CHECK(is(name.error(), supervision_errc::not_found));
  CHECK_FALSE(stop_observing(system, "observer of the system 1"));
}
