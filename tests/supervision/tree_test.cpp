// Supervisors below supervisors: escalation, orphans, paths.
#include "charmer/supervision/roster.hpp"

#include "world.hpp"

using namespace test;

namespace {

/// root > middle > a, b
struct tree : world {
  tree() {
    supervisor_spec inner{.intensity = {.intensity = 4, .period = 1h},
                          .children = {worker("a"), worker("b")},
                          .events = hub};
    supervise({.name = "root",
               .intensity = {.intensity = 2, .period = 1h},
               .children = {supervisor_child("middle", inner), worker("z")}});
  }

  caf::actor middle() { return child("middle").handle; }
};

} // namespace

TEST_CASE_FIXTURE(tree,
                  "a supervisor as a child is ready when its children are") {
  CHECK(take_log() == "+a +b +z");
  CHECK(count() == child_counts{2, 2, 1, 1});
  CHECK(child("middle").type == child_type::supervisor);
  CHECK(ask<nothing>(root, ready_atom_v).ok());
}

TEST_CASE_FIXTURE(tree, "events name the path of their supervisor") {
  crash("b");
  auto died = named(event_name::child_terminated);
  REQUIRE(died.size() == 1);
  CHECK(died.front().path == "root/middle");
  CHECK(died.front().child == "b");
  crash("z");
  CHECK(named(event_name::child_terminated).back().path == "root");
}

TEST_CASE_FIXTURE(tree, "a supervisor that has used up its restarts is "
                        "restarted by the one above") {
  auto added = worker("dynamic");
  REQUIRE(ask<caf::actor>(middle(), start_child_atom_v, added).ok());
  auto first = middle();
  for (int i = 0; i < 5; ++i)
    crash("a");
  CHECK_FALSE(ended);
  CHECK(middle() != first);
  CHECK(alive("a"));
  CHECK(alive("b"));
  CHECK_FALSE(alive("dynamic"));
  auto inner = ask<child_counts>(middle(), count_children_atom_v);
  CHECK(inner.value() == child_counts{2, 2, 0, 2});
  auto died = named(event_name::child_terminated).back();
  CHECK(died.child == "middle");
  CHECK(is(died.reason, supervision_errc::restart_intensity_reached));
}

TEST_CASE("escalation restarts a supervisor that is transient, too") {
  world w;
  auto middle = supervisor_child("middle", {.intensity = {.intensity = 0},
                                            .children = {w.worker("a")},
                                            .events = w.hub});
  middle.restart = restart_type::transient;
  w.supervise({.name = "root", .children = {middle}});
  w.crash("a");
  CHECK(w.starts["a"] == 2);
  CHECK(w.child("middle").state == child_state::running);
}

TEST_CASE_FIXTURE(tree, "a supervisor that is killed leaves no orphans") {
  take_log();
  auto a = handles["a"];
  auto b = handles["b"];
  caf::anon_send_exit(middle(), caf::exit_reason::kill);
  run();
  CHECK(has_ended(a));
  CHECK(has_ended(b));
  auto log = take_log();
  // The successor's children start after the predecessor's are down.
  CHECK(log.find("-a") < log.find("+a"));
  CHECK(log.find("-b") < log.find("+a"));
  CHECK(alive("a"));
  CHECK(alive("b"));
  CHECK(child("middle").state == child_state::running);
}

TEST_CASE_FIXTURE(
    tree, "the successor of a killed supervisor waits for grandchildren "
          "below supervisors that were added at run time") {
  // So deep that the lowest still live when the successor begins.
  auto added = deaf_worker("g");
  for (auto id : {"6", "5", "4", "3", "2", "1"})
    added = supervisor_child(id, {.children = {added}});
  REQUIRE(ask<caf::actor>(middle(), start_child_atom_v, added).ok());
  take_log();
  auto first = middle();
  caf::anon_send_exit(first, caf::exit_reason::kill);
  run();
  // All but the one that hears nothing are down, and its place is not taken.
  CHECK_FALSE(alive("a"));
  CHECK(alive("g"));
  CHECK(child("middle").state == child_state::starting);
  CHECK(starts["a"] == 1);
  let_go("g");
  CHECK(starts["a"] == 2);
  CHECK(child("middle").state == child_state::running);
  CHECK(take_log().find("-g +a +b") != string::npos);
}

TEST_CASE_FIXTURE(tree, "the successor of the successor waits, too") {
  auto added =
      supervisor_child("low", {.children = {deaf_worker("g")}, .events = hub});
  REQUIRE(ask<caf::actor>(middle(), start_child_atom_v, added).ok());
  for (int i = 0; i < 2; ++i) {
    caf::anon_send_exit(middle(), caf::exit_reason::kill);
    run();
  }
  CHECK(child("middle").state == child_state::starting);
  CHECK(starts["a"] == 1);
  let_go("g");
  CHECK(starts["a"] == 2);
  CHECK(child("middle").state == child_state::running);
}

TEST_CASE_FIXTURE(tree, "a stop waits for what a killed supervisor left") {
  auto added =
      supervisor_child("low", {.children = {deaf_worker("g")}, .events = hub});
  added.stop = shutdown::brutal_kill();
  REQUIRE(ask<caf::actor>(root, start_child_atom_v, added).ok());
  caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
  run();
  CHECK_FALSE(ended);
  let_go("g");
  CHECK(ended);
}

TEST_CASE_FIXTURE(tree, "an orphan that cannot be killed is abandoned") {
  auto added =
      supervisor_child("low", {.children = {deaf_worker("g")}, .events = hub});
  REQUIRE(ask<caf::actor>(middle(), start_child_atom_v, added).ok());
  caf::anon_send_exit(middle(), caf::exit_reason::kill);
  advance(4s);
  CHECK(starts["a"] == 1);
  advance(1s);
  CHECK(starts["a"] == 2);
  auto told = named(event_name::child_abandoned);
  REQUIRE(told.size() >= 1);
  CHECK(told.front().child == "g");
  let_go("g");
}

TEST_CASE_FIXTURE(world, "the events of a supervisor go where those of the one "
                         "above it go, unless it has a hub of its own") {
  auto own = std::make_shared<event_hub>(system);
  auto heard = std::make_shared<std::vector<string>>();
  own->observe([=](const event& e) { heard->push_back(e.child); },
               {.name = "*.child_terminated"});
  supervise({.name = "root",
             .children = {supervisor_child("x", {.children = {worker("a")}}),
                          supervisor_child("y", {.children = {worker("b")},
                                                 .events = own})}});
  crash("a");
  crash("b");
  REQUIRE(named(event_name::child_terminated).size() == 1);
  CHECK(named(event_name::child_terminated).front().path == "root/x");
  CHECK(*heard == std::vector<string>{"b"});
}

TEST_CASE_FIXTURE(tree, "who is left by a supervisor and then by its successor "
                        "is awaited once") {
  auto below = supervisor_child("1", {.children = {deaf_worker("g")}});
  REQUIRE(ask<caf::actor>(middle(), start_child_atom_v, below).ok());
  for (int i = 0; i < 2; ++i) {
    auto killed = middle();
    REQUIRE(killed);
    caf::anon_send_exit(killed, caf::exit_reason::kill);
    run();
  }
  let_go("g");
  advance(1min);
  std::vector<event> ends;
  for (const auto& x : named(event_name::child_terminated))
    if (x.child == "g")
      ends.push_back(x);
  REQUIRE(ends.size() == 1);
  CHECK(ends.front().path == "root/middle/1");
  CHECK(named(event_name::child_abandoned).empty());
  CHECK(child("middle").state == child_state::running);
}

TEST_CASE_FIXTURE(tree, "the end of what a killed supervisor leaves is told "
                        "once, as that of the child that it was") {
  crash("a");
  auto second = handles["a"];
  events.clear();
  caf::anon_send_exit(middle(), caf::exit_reason::kill);
  run();
  std::vector<event> ends;
  for (const auto& x : named(event_name::child_terminated))
    if (x.actor_id == second.id())
      ends.push_back(x);
  REQUIRE(ends.size() == 1);
  CHECK(ends.front().path == "root/middle");
  CHECK(ends.front().child == "a");
  CHECK(ends.front().details.at("incarnation") == "2");
  CHECK(ends.front().details.at("retired") == "true");
}

TEST_CASE_FIXTURE(tree, "a tree goes on when nobody holds its root") {
  auto address = root.address();
  root = nullptr;
  run();
  root = caf::actor_cast<caf::actor>(address);
  REQUIRE(root);
  CHECK(alive("a"));
  CHECK(child("middle").state == child_state::running);
}

TEST_CASE_FIXTURE(tree, "a stop that was asked for goes its way, though nobody "
                        "holds the root") {
  auto slow = worker("slow", {.last_will = 300ms});
  slow.stop = shutdown::infinite();
  REQUIRE(ask<caf::actor>(middle(), start_child_atom_v, slow).ok());
  ask_to_stop(caf::actor_addr{}, root);
  root = nullptr;
  run();
  CHECK(alive("slow"));
  CHECK_FALSE(ended);
  advance(300ms);
  CHECK_FALSE(alive("slow"));
  CHECK(ended);
  REQUIRE(!named(event_name::supervisor_stopped).empty());
  CHECK(named(event_name::supervisor_stopped).back().path == "root");
}

TEST_CASE_FIXTURE(tree, "who is no actor can ask a supervisor to stop") {
  ask_to_stop(caf::actor_addr{}, root);
  caf::anon_send(root, caf::down_msg{caf::actor_addr{}, caf::error{}});
  run();
  CHECK(ended);
}

TEST_CASE("a whole tree falls when its root is killed") {
  world w;
  supervisor_spec low{.children = {w.worker("a")}};
  supervisor_spec high{.children = {supervisor_child("low", low)}};
  w.supervise({.name = "root", .children = {supervisor_child("high", high)}});
  CHECK(w.alive("a"));
  caf::anon_send_exit(w.root, caf::exit_reason::kill);
  w.run();
  CHECK(w.ended);
  CHECK_FALSE(w.alive("a"));
}

TEST_CASE_FIXTURE(
    tree, "who waits for an answer is told when the supervisor is killed") {
  auto slow = ask<caf::actor>(middle(), start_child_atom_v, slow_worker("s"));
  CHECK_FALSE(slow.came());
  caf::anon_send_exit(middle(), caf::exit_reason::kill);
  run();
  CHECK(slow.came());
  CHECK_FALSE(slow.ok());
  CHECK_FALSE(alive("s"));
}

TEST_CASE("an inner start that fails names the cause all the way up") {
  world w;
  w.refuse["a"] = 1;
  supervisor_spec inner{.children = {w.worker("a")}};
  w.supervise(
      {.name = "root", .children = {supervisor_child("middle", inner)}});
  CHECK(w.ended);
  auto said = describe_reason(w.end_reason);
  CHECK(said.find("'middle'") != string::npos);
  CHECK(said.find("'a'") != string::npos);
  CHECK(said.find("refused") != string::npos);
}

TEST_CASE_FIXTURE(tree, "a tree stops from its leaves to its root") {
  take_log();
  caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
  run();
  CHECK(ended);
  CHECK(take_log() == "-z -b -a");
  CHECK(named(event_name::supervisor_stopped).size() == 2);
}

TEST_CASE_FIXTURE(tree, "a supervisor is replaced as any child") {
  auto first = middle();
  auto a = handles["a"];
  take_log();
  auto second = ask<caf::actor>(root, replace_child_atom_v, string{"middle"});
  CHECK(second.value() != first);
  CHECK(has_ended(first));
  CHECK(has_ended(a));
  CHECK(alive("a"));
  CHECK(take_log() == "+a +b -b -a");
}

TEST_CASE_FIXTURE(world, "what is below a supervisor that is abandoned is "
                         "killed, and awaited") {
  // Stands for a supervisor that does not return from a start function.
  auto below = std::make_shared<roster>("root/x");
  auto blocked = deaf_worker("blocked");
  blocked.type = child_type::supervisor;
  blocked.stop = shutdown::after(1s);
  blocked.start = [&, inner = blocked.start](const start_context& context) {
    auto made = inner(context);
    auto child = *worker("g").start(context);
    below->add(1, {.id = "g", .child = child.handle});
    made->below = below;
    return made;
  };
  supervise({.name = "root", .children = {blocked}, .kill_grace = 1s});
  REQUIRE(alive("g"));
  auto stopping = ask<nothing>(root, terminate_child_atom_v, string{"blocked"});
  advance(3s);
  CHECK(stopping.ok());
  CHECK(alive("blocked"));
  CHECK_FALSE(alive("g"));
  auto told = named(event_name::child_terminated);
  REQUIRE(told.size() == 1);
  CHECK(told.front().child == "g");
  let_go("blocked");
}
