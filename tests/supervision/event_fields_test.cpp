// What events of a supervisor tell beyond the usual course, which
// whole_events_test has: of windows that have passed, of children with a budget
// of their own, of those that retire, and of a death that nobody waited for.
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

TEST_CASE_FIXTURE(told, "restarts leave the window, attempts are counted until "
                        "a child has lived long") {
  auto a = worker("a");
  a.retry = backoff{.minimum = 200ms, .jitter = 0};
  supervise({.name = "root",
             .intensity = {.intensity = 5, .period = 10s},
             .children = {a}});
  crash("a");
  crash("a");
  CHECK(last(event_name::child_restarting).restarts == 2);
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

TEST_CASE_FIXTURE(told, "whoever gives up names the end that was too much") {
  supervise({.name = "root",
             .path_prefix = "app",
             .intensity = {.intensity = 0},
             .children = {worker("a")}});
  crash("a", caf::sec::cannot_open_file);
  auto e = only(event_name::restart_intensity_reached);
  CHECK(e.path == "app/root");
  CHECK(is(e.reason, caf::sec::cannot_open_file));
  auto down = only(event_name::supervisor_stopped);
  CHECK(down.path == "app/root");
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

TEST_CASE_FIXTURE(told, "one that retires and does not stop as it was asked to "
                        "is an error, and keeps its details") {
  auto a = worker("a", {.stubborn = true});
  a.stop = shutdown::after(1s);
  a.details["pool"] = "\"default\"";
  supervise({.name = "root", .children = {a}, .kill_grace = 1s});
  CHECK(ask<caf::actor>(root, replace_child_atom_v, string{"a"}).ok());
  auto replaced = only(event_name::child_replaced);
  CHECK(replaced.level == severity::info);
  CHECK(replaced.restarts == 0);
  advance(1s);
  auto e = only(event_name::shutdown_error);
  CHECK(e.level == severity::error);
  CHECK(e.child == "a");
  CHECK(e.uptime == 1s);
  CHECK(e.details.at("pool") == "\"default\"");
  CHECK(is(e.reason, caf::exit_reason::kill));
}

TEST_CASE("one that retires and is abandoned is an error, and keeps its "
          "details") {
  told w;
  auto deaf = w.deaf_worker("deaf");
  deaf.details["pool"] = "\"default\"";
  deaf.stop = shutdown::brutal_kill();
  w.supervise({.name = "root", .children = {deaf}, .kill_grace = 1s});
  auto first = w.handles["deaf"];
  CHECK(w.ask<caf::actor>(w.root, replace_child_atom_v, string{"deaf"}).ok());
  w.advance(1s);
  auto e = w.only(event_name::child_abandoned);
  CHECK(e.level == severity::error);
  CHECK(e.actor_id == first.id());
  CHECK(e.details.at("pool") == "\"default\"");
  w.stop();
  w.advance(1s);
  CHECK(w.ended);
  auto second = std::exchange(w.handles["deaf"], first);
  w.let_go("deaf"); // or they would count as left over
  w.handles["deaf"] = second;
  w.let_go("deaf");
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

TEST_CASE_FIXTURE(told, "what a dying actor says does not replace what is "
                        "known of it") {
  auto x = worker("a");
  x.details["zone"] = "1";
  supervise({.name = "root", .children = {x}});
  crash("a", make_error(
                 supervision_errc::start_failed,
                 exit_details{
                     "bye",
                     {{"incarnation", "77"}, {"zone", "77"}, {"pid", "77"}}}));
  auto e = named(event_name::child_terminated).back();
  CHECK(e.details.at("incarnation") == "1");
  CHECK(e.details.at("zone") == "1");
  CHECK(e.details.at("pid") == "77");
}
