// What each event of a supervisor says: its level, the restarts in the window,
// the attempt, the delay, and what else belongs to it.
#include "charmer/supervision/supervision_tree.hpp"

#include "world.hpp"

using namespace test;

namespace {

struct told : world {
  /// The only event of this name since the last look.
  event only(std::string_view name) {
    auto all = named(name);
    REQUIRE_MESSAGE(all.size() == 1, string{name}, ": ", all.size());
    return all.front();
  }

  event last(std::string_view name) {
    auto all = named(name);
    REQUIRE_MESSAGE(!all.empty(), string{name});
    return all.back();
  }

  void forget() { events.clear(); }

  void stop() {
    caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
    run();
  }
};

} // namespace

TEST_CASE_FIXTURE(told, "a supervisor that started says so, and one that was "
                        "stopped in order") {
  supervise({.name = "root", .path_prefix = "app", .children = {worker("a")}});
  auto up = only(event_name::supervisor_started);
  CHECK(up.level == severity::info);
  CHECK(up.path == "app/root");
  CHECK(up.child.empty());
  auto progress = only(event_name::child_started);
  CHECK(progress.level == severity::info);
  CHECK(progress.path == "app/root");
  CHECK(progress.child == "a");
  CHECK(progress.actor_id == handles["a"].id());
  CHECK(progress.details.at("incarnation") == "1");
  CHECK(progress.restarts == 0);
  stop();
  auto child = only(event_name::child_terminated);
  CHECK(child.level == severity::info); // a graceful stop is told, too
  CHECK(is(child.reason, caf::exit_reason::user_shutdown));
  auto down = only(event_name::supervisor_stopped);
  CHECK(down.level == severity::info);
  CHECK(is(down.reason, caf::exit_reason::user_shutdown));
  CHECK(down.path == "app/root");
}

TEST_CASE_FIXTURE(told, "each restart tells how many were in the window, which "
                        "attempt it is and when it will be") {
  auto a = worker("a");
  a.retry = backoff{.minimum = 200ms, .jitter = 0};
  supervise({.name = "root",
             .intensity = {.intensity = 5, .period = 10s},
             .children = {a}});
  crash("a");
  auto first = only(event_name::child_restarting);
  CHECK(first.level == severity::info);
  CHECK(first.restarts == 1);
  CHECK(first.attempt == 1);
  CHECK(first.delay == timespan{0});
  auto died = only(event_name::child_terminated);
  CHECK(died.level == severity::error);
  CHECK(died.restarts == 0); // before the one that it brought about
  CHECK(last(event_name::child_started).restarts == 1);
  crash("a");
  auto second = last(event_name::child_restarting);
  CHECK(second.restarts == 2);
  CHECK(second.attempt == 2);
  CHECK(second.delay == 200ms);
  advance(200ms);
  advance(11s); // both are out of the window, but it has not lived long
  crash("a");
  CHECK(last(event_name::child_terminated).restarts == 0);
  CHECK(last(event_name::child_terminated).uptime == 11s);
  auto third = last(event_name::child_restarting);
  CHECK(third.restarts == 1);
  CHECK(third.attempt == 3);
  CHECK(third.delay == 400ms);
}

TEST_CASE_FIXTURE(told, "a start that fails is an error, of a restart with its "
                        "number, of start_child without") {
  supervise({.name = "root",
             .intensity = {.intensity = 2, .period = 1h},
             .children = {worker("a")}});
  refuse["b"] = 1;
  auto b = worker("b");
  b.details["kind"] = "\"extra\"";
  CHECK_FALSE(ask<caf::actor>(root, start_child_atom_v, b).ok());
  auto added = only(event_name::start_error);
  CHECK(added.level == severity::error);
  CHECK(added.child == "b");
  CHECK(added.restarts == 0);
  CHECK(added.text.find("refused") != string::npos);
  CHECK(is(added.reason, supervision_errc::start_failed));
  CHECK(added.details.at("kind") == "\"extra\"");
  forget();
  refuse["a"] = 1;
  crash("a");
  auto failed = only(event_name::start_error);
  CHECK(failed.level == severity::error);
  CHECK(failed.restarts == 1);
  CHECK(failed.attempt == 1);
  CHECK(named(event_name::child_restarting).size() == 2);
  CHECK(last(event_name::child_restarting).restarts == 2);
}

TEST_CASE_FIXTURE(told, "one restart too many is an error, with all that led "
                        "to it") {
  supervise({.name = "root",
             .intensity = {.intensity = 1, .period = 1h},
             .children = {worker("a")}});
  crash("a");
  forget();
  crash("a", caf::sec::cannot_open_file);
  auto e = only(event_name::restart_intensity_reached);
  CHECK(e.level == severity::error);
  CHECK(e.child == "a");
  CHECK(e.restarts == 2);
  CHECK(is(e.reason, caf::sec::cannot_open_file));
  auto down = only(event_name::supervisor_stopped);
  CHECK(down.level == severity::error);
  CHECK(is(down.reason, supervision_errc::restart_intensity_reached));
  CHECK(is(cause_of(down.reason), caf::sec::cannot_open_file));
}

TEST_CASE_FIXTURE(told, "a child with a budget of its own counts in that") {
  auto a = worker("a");
  a.intensity = restart_intensity{.intensity = 3, .period = 1h};
  supervise({.name = "root", .children = {a, worker("b")}});
  crash("b");
  crash("a");
  crash("a");
  CHECK(last(event_name::child_restarting).restarts == 2);
  CHECK(last(event_name::child_restarting).child == "a");
}

TEST_CASE_FIXTURE(told, "the restart of a group tells its delay once, for the "
                        "one that died") {
  auto b = worker("b");
  b.retry = backoff{.minimum = 3s, .jitter = 0};
  supervise({.name = "root",
             .strategy = strategy::one_for_all,
             .intensity = {.intensity = 9},
             .children = {worker("a"), b}});
  crash("b");
  forget();
  crash("b");
  auto e = only(event_name::child_restarting);
  CHECK(e.child == "b");
  CHECK(e.delay == 3s);
  CHECK(e.attempt == 2);
  CHECK(e.restarts == 2);
}

TEST_CASE_FIXTURE(told, "what did not stop as it was asked to is an error") {
  auto a = worker("a", {.stubborn = true});
  a.stop = shutdown::after(1s);
  a.details["pool"] = "\"default\"";
  supervise({.name = "root", .children = {a}, .kill_grace = 1s});
  SUBCASE("of a child") {
    CHECK_FALSE(ask<nothing>(root, terminate_child_atom_v, string{"a"}).came());
  }
  SUBCASE("of one that retires") {
    auto replaced = ask<caf::actor>(root, replace_child_atom_v, string{"a"});
    CHECK(replaced.ok());
    auto e = only(event_name::child_replaced);
    CHECK(e.level == severity::info);
    CHECK(e.restarts == 0);
  }
  advance(1s);
  auto e = only(event_name::shutdown_error);
  CHECK(e.level == severity::error);
  CHECK(e.child == "a");
  CHECK(e.uptime == 1s);
  CHECK(e.details.at("pool") == "\"default\"");
  CHECK(is(e.reason, caf::exit_reason::kill));
}

TEST_CASE("what is abandoned is an error and keeps its details") {
  told w;
  auto deaf = w.deaf_worker("deaf");
  deaf.details["pool"] = "\"default\"";
  deaf.stop = shutdown::brutal_kill();
  w.supervise({.name = "root", .children = {deaf}, .kill_grace = 1s});
  auto first = w.handles["deaf"];
  SUBCASE("a child") {
    w.ask<nothing>(w.root, terminate_child_atom_v, string{"deaf"});
  }
  SUBCASE("one that retires") {
    CHECK(w.ask<caf::actor>(w.root, replace_child_atom_v, string{"deaf"}).ok());
  }
  w.advance(1s);
  auto e = w.only(event_name::child_abandoned);
  CHECK(e.level == severity::error);
  CHECK(e.actor_id == first.id());
  CHECK(e.details.at("pool") == "\"default\"");
  w.stop();
  w.advance(1s);
  CHECK(w.ended);
  auto second = w.handles["deaf"];
  w.handles["deaf"] = first; // or they would count as left over
  w.let_go("deaf");
  if (second != first) {
    w.handles["deaf"] = second;
    w.let_go("deaf");
  }
}

TEST_CASE_FIXTURE(told, "a death is told also if it comes before the child is "
                        "ready and while others are being stopped") {
  auto slow = slow_worker("a");
  supervise({.name = "root",
             .intensity = {.intensity = 9},
             .children = {slow, worker("b", {.last_will = 2s})}});
  make_ready("a");
  crash("a");
  REQUIRE(child("a").state == child_state::starting);
  forget();
  stop(); // "b" first, which takes its time
  crash("a", caf::sec::bad_function_call);
  auto e = only(event_name::child_terminated);
  CHECK(e.child == "a");
  CHECK(e.level == severity::error);
  CHECK(is(e.reason, caf::sec::bad_function_call));
  advance(2s);
  CHECK(ended);
  CHECK(named(event_name::child_terminated).size() == 2);
  CHECK(named(event_name::shutdown_error).empty());
}
