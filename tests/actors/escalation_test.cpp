// How far a failure goes: on_exhausted = escalate, and what takes nobody along.
#include "native_fixture.hpp"

#include "charmer/supervision/supervision_tree.hpp"

using namespace charmer_tests;

namespace {

/// Workers whose first death is one too many.
pool_settings frail(on_exhausted how) {
  auto x = lab(1);
  x.name = "frail";
  x.intensity = 0;
  x.exhausted = how;
  return x;
}

bool is_up(const event& x, const std::string& child) {
  return x.name == event_name::child_started && x.child == child;
}

/// Waits until the worker is there for the nth time, and kills it.
void kill_worker(native_fixture& f, std::size_t nth) {
  REQUIRE(f.events.wait_for(
      [](const event& x) {
        return x.name == "charmer.worker.ready"
               && x.path.find("pool frail") != std::string::npos;
      },
      nth));
  caf::actor worker;
  REQUIRE(f.eventually([&](const pool_stats&) {
    auto workers = f.app->workers("frail");
    if (workers && !workers->empty())
      worker = workers->front().handle;
    return worker && !has_ended(worker);
  }));
  kill(f.self->address(), worker);
}

} // namespace

TEST_CASE("a pool that escalates ends with what its workers ended with, and is "
          "restarted also where only failures are") {
  recorder events; // outlives who writes it
  config cfg;
  caf::actor_system sys{cfg};
  auto hub = std::make_shared<event_hub>(sys);
  hub->observe([&](const event& x) { events.add(x); });
  auto pool = make_pool_child(sys, frail(on_exhausted::escalate), hub, "app");
  REQUIRE(pool);
  pool->spec.restart = restart_type::transient;
  auto app = start_supervisor(
      sys, {.name = "app", .children = {pool->spec}, .events = hub});
  REQUIRE(app);
  auto is_ready = [](const event& x) {
    return x.name == "charmer.worker.ready";
  };
  REQUIRE(events.wait_for(is_ready));
  caf::scoped_actor self{sys};
  self->request(pool->handle.actor(), caf::infinite, call_options{}, suicide())
      .receive([](std::uint64_t) {}, [](caf::error&) {});
  CHECK(events.wait_for(is_ready, 2));
  auto ends = 0;
  for (auto& x : events.all())
    if (x.name == event_name::child_terminated && x.child == "pool frail") {
      ++ends;
      CHECK(x.reason == supervision_errc::restart_intensity_reached);
      CHECK(x.level == severity::error);
    }
  CHECK(ends == 1);
  auto answered = false;
  for (auto tries = 0; !answered && tries < 1000; ++tries) {
    self->request(pool->handle.actor(), limit, call_options{}, work())
        .receive([&](std::uint64_t) { answered = true; }, [](caf::error&) {});
    if (!answered)
      self->receive(caf::after(5ms) >> [] {});
  }
  CHECK(answered);
  self->monitor(*app);
  ask_to_stop(self->address(), *app);
  self->receive([](const caf::down_msg&) {});
}

TEST_CASE("a pool takes the application along only if it is told to escalate") {
  for (auto how : {on_exhausted::degrade, on_exhausted::escalate}) {
    CAPTURE(how);
    native_fixture f{lab(1)};
    auto x = frail(how);
    x.restart_backoff.minimum = 1ms;
    auto started = f.app->start_pool(x);
    REQUIRE(started);
    kill_worker(f, 1);
    kill_worker(f, 2); // root allows one in five seconds
    auto stopped = [](const event& x) {
      return x.name == event_name::supervisor_stopped && x.path == "root";
    };
    if (how == on_exhausted::degrade) {
      CHECK(f.events.wait_for("charmer.pool.recovered", 2));
      CHECK(f.call());
      continue;
    }
    REQUIRE(f.events.wait_for(stopped));
    auto all = f.events.all();
    auto end = std::find_if(all.begin(), all.end(), stopped);
    CHECK(end->reason == supervision_errc::restart_intensity_reached);
    CHECK_FALSE(f.call()); // the other pool has fallen with it
    f.pool = *started;
    CHECK(f.eventually([&](const pool_stats&) {
      return f.call().why == pool_errc::shutting_down;
    }));
    CHECK(!f.app->stop_pool("frail"));
    CHECK(f.app->start_pool(x).error() == supervision_errc::shutting_down);
  }
}

TEST_CASE("the event manager and the lifecycle manager take no pool along") {
  native_fixture f{lab(1)};
  for (std::string part : {"events", "lifecycle_manager"})
    for (std::size_t n = 1; n <= 3; ++n) {
      // Its first start was before anybody observed.
      REQUIRE(f.events.wait_for([&](const event& x) { return is_up(x, part); },
                                n - 1));
      auto tree = f.app->tree(limit);
      REQUIRE(tree);
      auto i = std::find_if(tree->children.begin(), tree->children.end(),
                            [&](auto& x) { return x.id == part; });
      REQUIRE(i != tree->children.end());
      CHECK(tree->charged == 0);
      auto who = caf::actor_cast<caf::actor>(i->address);
      REQUIRE(who);
      kill(f.self->address(), who);
    }
  CHECK(f.call());
}
