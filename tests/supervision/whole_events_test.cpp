// What each event tells, to the last field: a supervisor's reports are what an
// operator has, and what programs read.
#include "managed.hpp"

#include <nlohmann/json.hpp>

using namespace test;
using nlohmann::json;

namespace {

/// The event without what differs from run to run: it is there, or not.
json fields_of(const event& e, bool of_an_actor) {
  auto result = json::parse(to_json(e));
  CHECK(e.monotonic_ns > 0);
  CHECK(e.wall != caf::timestamp{});
  CHECK((e.actor_id != 0) == of_an_actor);
  for (auto key : {"wall", "monotonic_ns", "actor_id"})
    result.erase(key);
  return result;
}

json reason(const char* category, int code, const char* text) {
  return {{"category", category}, {"code", code}, {"text", text}};
}

json runtime_error() {
  return reason("system", 28, "runtime_error");
}

json shutdown_reason() {
  return reason("exit", 4, "user_shutdown");
}

json killed() {
  return reason("exit", 5, "kill");
}

json refused() {
  return reason("supervisor", 7, "start_failed: refused");
}

/// A supervisor whose child "a" has a detail of its own.
struct reporting : managed {
  child_spec a(manners how = {}) {
    auto x = worker("a", how);
    x.details["shelf"] = "7";
    x.retry = backoff{.minimum = 1s, .jitter = 0};
    return x;
  }

  void begin(child_spec x) {
    supervise({.name = "root",
               .intensity = {.intensity = 3, .period = 1h},
               .children = {std::move(x)}});
    advance(3s);
  }

  void stop() {
    caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
    run();
  }

  /// The last event of this name is exactly this, besides its name.
  void check_last(std::string_view name, bool of_an_actor, json expected) {
    auto all = named(name);
    REQUIRE(!all.empty());
    expected["name"] = name;
    CHECK(fields_of(all.back(), of_an_actor) == expected);
  }
};

} // namespace

TEST_CASE_FIXTURE(reporting, "what supervisor_started and child_started tell") {
  begin(a());
  check_last(event_name::supervisor_started, false,
             {{"level", "info"}, {"path", "root"}});
  check_last(event_name::child_started, true,
             {{"level", "info"},
              {"path", "root"},
              {"child", "a"},
              {"details", {{"incarnation", 1}, {"shelf", 7}}}});
  CHECK(named(event_name::child_started).front().actor_id == handles["a"].id());
}

TEST_CASE_FIXTURE(reporting, "what child_terminated and child_restarting tell "
                             "of a crash") {
  begin(a());
  auto first = handles["a"].id();
  crash("a");
  check_last(event_name::child_terminated, true,
             {{"level", "error"},
              {"path", "root"},
              {"child", "a"},
              {"reason", runtime_error()},
              {"text", "system_error(runtime_error)"},
              {"uptime_s", 3.0},
              {"details", {{"incarnation", 1}, {"shelf", 7}}}});
  CHECK(named(event_name::child_terminated).back().actor_id == first);
  check_last(event_name::child_restarting, false,
             {{"level", "info"},
              {"path", "root"},
              {"child", "a"},
              {"restarts", 1},
              {"attempt", 1},
              {"details", {{"incarnation", 1}, {"shelf", 7}}}});
  crash("a");
  check_last(event_name::child_restarting, false,
             {{"level", "info"},
              {"path", "root"},
              {"child", "a"},
              {"restarts", 2},
              {"attempt", 2},
              {"delay_s", 1.0},
              {"details", {{"incarnation", 2}, {"shelf", 7}}}});
  advance(1s);
  check_last(event_name::child_started, true,
             {{"level", "info"},
              {"path", "root"},
              {"child", "a"},
              {"restarts", 2},
              {"attempt", 2},
              {"details", {{"incarnation", 3}, {"shelf", 7}}}});
}

TEST_CASE_FIXTURE(reporting, "what child_restarting tells of a group") {
  auto x = a();
  supervise({.name = "root",
             .strategy = strategy::one_for_all,
             .intensity = {.intensity = 3, .period = 1h},
             .children = {x, worker("b")}});
  crash("a");
  crash("a");
  REQUIRE(named(event_name::child_restarting).size() == 2); // of the culprit
  check_last(event_name::child_restarting, false,
             {{"level", "info"},
              {"path", "root"},
              {"child", "a"},
              {"restarts", 2},
              {"attempt", 2},
              {"delay_s", 1.0},
              {"details", {{"incarnation", 2}, {"shelf", 7}}}});
}

TEST_CASE_FIXTURE(reporting,
                  "what start_error tells of a restart, of one that is added, "
                  "and of a replacement") {
  begin(a());
  refuse["a"] = 1;
  crash("a");
  check_last(event_name::start_error, false,
             {{"level", "error"},
              {"path", "root"},
              {"child", "a"},
              {"reason", refused()},
              {"text", "start_failed: refused"},
              {"restarts", 1},
              {"attempt", 1},
              {"details", {{"incarnation", 2}, {"shelf", 7}}}});
  advance(1s);
  REQUIRE(alive("a"));
  refuse["b"] = 1;
  CHECK_FALSE(ask<caf::actor>(root, start_child_atom_v, worker("b")).ok());
  check_last(event_name::start_error, false,
             {{"level", "error"},
              {"path", "root"},
              {"child", "b"},
              {"reason", refused()},
              {"text", "start_failed: refused"},
              {"restarts", 2},
              {"details", {{"incarnation", 1}}}});
  refuse["a"] = 1;
  CHECK_FALSE(ask<caf::actor>(root, replace_child_atom_v, string{"a"}).ok());
  check_last(
      event_name::start_error, true,
      {{"level", "warning"},
       {"path", "root"},
       {"child", "a"},
       {"reason", refused()},
       {"text", "start_failed: refused"},
       {"restarts", 2},
       {"attempt", 2},
       {"details", {{"incarnation", 4}, {"shelf", 7}, {"replacement", true}}}});
}

TEST_CASE_FIXTURE(reporting, "what child_replaced tells") {
  begin(a());
  auto first = handles["a"].id();
  REQUIRE(ask<caf::actor>(root, replace_child_atom_v, string{"a"}).ok());
  check_last(
      event_name::child_replaced, true,
      {{"level", "info"},
       {"path", "root"},
       {"child", "a"},
       {"uptime_s", 3.0},
       {"details",
        {{"incarnation", 2}, {"shelf", 7}, {"retired_actor_id", first}}}});
  CHECK(named(event_name::child_replaced).back().actor_id == handles["a"].id());
}

TEST_CASE_FIXTURE(reporting, "what is told when restarts are used up") {
  begin(a());
  refuse["a"] = 10;
  crash("a");
  advance(1min);
  CHECK(ended);
  check_last(event_name::restart_intensity_reached, false,
             {{"level", "error"},
              {"path", "root"},
              {"child", "a"},
              {"reason", refused()},
              {"text", "start_failed: refused"},
              {"restarts", 4}, // the one that was not allowed, too
              {"attempt", 3},
              {"details", {{"incarnation", 4}, {"shelf", 7}}}});
  auto why = "restart_intensity_reached: child 'a' of root (start_failed: "
             "refused)";
  check_last(event_name::supervisor_stopped, false,
             {{"level", "error"},
              {"path", "root"},
              {"reason", reason("supervisor", 10, why)},
              {"text", why},
              {"restarts", 4}});
}

TEST_CASE_FIXTURE(reporting, "what a stop tells that goes well") {
  begin(a());
  stop();
  check_last(event_name::child_terminated, true,
             {{"level", "info"},
              {"path", "root"},
              {"child", "a"},
              {"reason", shutdown_reason()},
              {"text", "exit_reason(user_shutdown)"},
              {"uptime_s", 3.0},
              {"details", {{"incarnation", 1}, {"shelf", 7}}}});
  check_last(event_name::supervisor_stopped, false,
             {{"level", "info"},
              {"path", "root"},
              {"reason", shutdown_reason()},
              {"text", "exit_reason(user_shutdown)"}});
}

TEST_CASE_FIXTURE(reporting, "what shutdown_error tells") {
  begin(a({.stubborn = true}));
  stop();
  advance(5s);
  CHECK(ended);
  check_last(event_name::shutdown_error, true,
             {{"level", "error"},
              {"path", "root"},
              {"child", "a"},
              {"reason", killed()},
              {"text", "exit_reason(kill)"},
              {"uptime_s", 8.0},
              {"details", {{"incarnation", 1}, {"shelf", 7}}}});
}

TEST_CASE_FIXTURE(reporting, "what child_abandoned tells") {
  auto x = deaf_worker("a");
  x.details["shelf"] = "7";
  begin(x);
  auto gone = ask<nothing>(root, terminate_child_atom_v, string{"a"});
  advance(5s); // up to the kill, and not a nanosecond longer
  advance(5s);
  CHECK(gone.ok());
  auto why = "abandoned: it does not return from a message";
  check_last(event_name::child_abandoned, true,
             {{"level", "error"},
              {"path", "root"},
              {"child", "a"},
              {"reason", reason("supervisor", 15, why)},
              {"text", why},
              {"uptime_s", 13.0},
              {"details", {{"incarnation", 1}, {"shelf", 7}}}});
  let_go("a");
}

TEST_CASE_FIXTURE(reporting, "what handler_removed and handler_overflow tell") {
  auto x = recorder("h");
  x.capacity = 1;
  x.filter.name = "x";
  CHECK(add(x).ok());
  hub->notify(named_event("x"));
  hub->notify(named_event("x"));
  run();
  check_last(event_name::handler_overflow, false,
             {{"level", "warning"},
              {"text", "handler 'h' is too slow, its queue is full"},
              {"details", {{"handler", "h"}}}});
  caf::anon_send_exit(hub->host("h"), caf::exit_reason::kill);
  run();
  check_last(event_name::handler_removed, false,
             {{"level", "error"},
              {"reason",
               reason("supervisor", 16, "handler_failed: it was ended (kill)")},
              {"text", "handler 'h': handler_failed: it was ended (kill)"},
              {"details", {{"handler", "h"}}}});
}
