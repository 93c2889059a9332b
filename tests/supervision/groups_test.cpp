// One child's death concerns others: one_for_all, rest_for_one, and
// significant children.
#include "world.hpp"

using namespace test;

namespace {

supervisor_spec five(world& w, strategy how) {
  supervisor_spec result{.name = "root",
                         .strategy = how,
                         .intensity = {.intensity = 2, .period = 1h}};
  for (auto id : {"1", "2", "3", "4", "5"})
    result.children.push_back(w.worker(id));
  return result;
}

} // namespace

TEST_CASE_FIXTURE(
    world, "one_for_all stops the others in reverse and starts all in order") {
  supervise(five(*this, strategy::one_for_all));
  take_log();
  crash("3");
  CHECK(take_log() == "-3 -5 -4 -2 -1 +1 +2 +3 +4 +5");
  CHECK(count() == child_counts{5, 5, 0, 5});
}

TEST_CASE_FIXTURE(
    world, "rest_for_one restarts the child and those started after it") {
  supervise(five(*this, strategy::rest_for_one));
  take_log();
  crash("3");
  CHECK(take_log() == "-3 -5 -4 +3 +4 +5");
  CHECK(starts["1"] == 1);
  caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
  run();
  CHECK(take_log() == "-5 -4 -3 -2 -1");
}

TEST_CASE_FIXTURE(world, "the restart of a group counts once") {
  supervise(five(*this, strategy::one_for_all));
  crash("1");
  crash("5");
  CHECK_FALSE(ended);
  CHECK(child("2").restarts == 2);
  crash("2");
  CHECK(ended);
  CHECK(is(end_reason, supervision_errc::restart_intensity_reached));
}

TEST_CASE_FIXTURE(
    world,
    "if a sibling fails to start the group is stopped and all is tried again") {
  supervise(five(*this, strategy::one_for_all));
  take_log();
  refuse["3"] = 1;
  crash("5");
  CHECK(take_log() == "-5 -4 -3 -2 -1 +1 +2 -2 -1 +1 +2 +3 +4 +5");
  CHECK(child("1").restarts == 2);
  CHECK(named(event_name::start_error).size() == 1);
}

TEST_CASE_FIXTURE(world,
                  "a group whose restart keeps failing ends the supervisor") {
  supervise(five(*this, strategy::rest_for_one));
  refuse["4"] = 100;
  crash("3");
  CHECK(ended);
  CHECK(is(end_reason, supervision_errc::restart_intensity_reached));
  CHECK(starts["4"] == 1 + 2);
}

TEST_CASE_FIXTURE(world,
                  "temporary bystanders are removed and not started again") {
  auto spec = five(*this, strategy::one_for_all);
  spec.children[1].restart = restart_type::temporary;
  supervise(spec);
  take_log();
  crash("3");
  CHECK(take_log() == "-3 -5 -4 -2 -1 +1 +3 +4 +5");
  CHECK(count() == child_counts{4, 4, 0, 4});
  CHECK_FALSE(ended);
}

TEST_CASE_FIXTURE(world, "the death of a temporary child concerns nobody") {
  auto spec = five(*this, strategy::one_for_all);
  spec.children[1].restart = restart_type::temporary;
  supervise(spec);
  take_log();
  crash("2");
  CHECK(take_log() == "-2");
}

TEST_CASE_FIXTURE(
    world,
    "an earlier child that dies while a group restarts widens the group") {
  supervisor_spec spec{
      .name = "root",
      .strategy = strategy::rest_for_one,
      .intensity = {.intensity = 5, .period = 1h},
      .children = {worker("1"), worker("2", {.last_will = 1s}), worker("3")}};
  spec.children[1].stop = shutdown::after(5s);
  supervise(spec);
  auto last = worker("4", {.last_will = 1s});
  REQUIRE(ask<caf::actor>(root, start_child_atom_v, last).ok());
  take_log();
  crash("3");
  CHECK(take_log() == "-3");
  crash("1");
  advance(5s);
  CHECK(take_log() == "-1 -4 -2 +1 +2 +3 +4");
}

TEST_CASE_FIXTURE(world, "a group waits for the backoff of the one that died, "
                         "and serves meanwhile") {
  auto spec = five(*this, strategy::one_for_all);
  spec.intensity.intensity = 9;
  spec.children[2].retry = backoff{.minimum = 1s, .jitter = 0};
  supervise(spec);
  crash("3");
  take_log();
  crash("3");
  CHECK(take_log() == "-3 -5 -4 -2 -1");
  CHECK(child("1").state == child_state::backoff);
  CHECK(ask<nothing>(root, terminate_child_atom_v, string{"4"}).ok());
  advance(999ms);
  CHECK(take_log().empty());
  advance(1ms);
  CHECK(take_log() == "+1 +2 +3 +5");
}

TEST_CASE_FIXTURE(world, "a stop while a group restarts stops everything") {
  auto spec = five(*this, strategy::one_for_all);
  spec.children[0] = slow_worker("1");
  supervise(spec);
  make_ready("1");
  crash("5");
  CHECK(child("1").state == child_state::starting);
  caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
  run();
  CHECK(ended);
  for (auto id : {"1", "2", "3", "4", "5"})
    CHECK_FALSE(alive(id));
}

TEST_CASE_FIXTURE(world, "requests wait until a group has restarted") {
  auto spec = five(*this, strategy::one_for_all);
  spec.children[0] = slow_worker("1");
  supervise(spec);
  make_ready("1");
  crash("5");
  auto late = ask<caf::actor>(root, start_child_atom_v, worker("6"));
  CHECK_FALSE(late.came());
  make_ready("1");
  CHECK(late.ok());
  CHECK(count() == child_counts{6, 6, 0, 6});
}

TEST_CASE_FIXTURE(world,
                  "two that die during the initial start are restarted once") {
  supervise({.name = "root",
             .strategy = strategy::one_for_all,
             .intensity = {.intensity = 9},
             .children = {worker("1"), worker("2"), slow_worker("3")}});
  crash("1");
  crash("2");
  make_ready("3");
  make_ready("3");
  CHECK(starts["1"] == 2);
  CHECK(starts["2"] == 2);
  CHECK(count() == child_counts{3, 3, 0, 3});
}

TEST_CASE_FIXTURE(world, "a temporary child that dies during the initial start "
                         "is not started by the restart of its group") {
  auto temporary = worker("2");
  temporary.restart = restart_type::temporary;
  supervise({.name = "root",
             .strategy = strategy::one_for_all,
             .intensity = {.intensity = 9},
             .children = {worker("1"), temporary, slow_worker("3")}});
  crash("1");
  crash("2");
  make_ready("3");
  make_ready("3");
  CHECK(starts["1"] == 2);
  CHECK(starts["2"] == 1);
  CHECK(count() == child_counts{2, 2, 0, 2});
}

// -- significant children -----------------------------------------------------

namespace {

supervisor_spec significant(world& w, auto_shutdown when) {
  auto make = [&](string id) {
    auto x = w.worker(id);
    x.restart = restart_type::transient;
    x.significant = true;
    return x;
  };
  return {.name = "root",
          .auto_shutdown = when,
          .children = {make("s1"), make("s2"), w.worker("p")}};
}

} // namespace

TEST_CASE_FIXTURE(world,
                  "any_significant ends with the first that ends for good") {
  supervise(significant(*this, auto_shutdown::any_significant));
  crash("s1");
  CHECK_FALSE(ended); // it failed, and so it was restarted
  crash("s1", {});
  CHECK(ended);
  CHECK(is(end_reason, caf::exit_reason::user_shutdown));
  CHECK_FALSE(alive("p"));
}

TEST_CASE_FIXTURE(world,
                  "all_significant ends with the last that ends for good") {
  supervise(significant(*this, auto_shutdown::all_significant));
  crash("s2", {});
  CHECK_FALSE(ended);
  crash("s1", {});
  CHECK(ended);
}

TEST_CASE_FIXTURE(world, "terminating a significant child ends nothing") {
  supervise(significant(*this, auto_shutdown::any_significant));
  CHECK(ask<nothing>(root, terminate_child_atom_v, string{"s1"}).ok());
  CHECK(ask<nothing>(root, terminate_child_atom_v, string{"s2"}).ok());
  CHECK_FALSE(ended);
}

TEST_CASE_FIXTURE(world, "a significant bystander of a group ends nothing") {
  auto spec = significant(*this, auto_shutdown::any_significant);
  spec.strategy = strategy::one_for_all;
  supervise(spec);
  crash("p");
  CHECK_FALSE(ended);
  CHECK(alive("s1"));
}

TEST_CASE_FIXTURE(world,
                  "the end of significant children goes up through the tree") {
  auto inner = significant(*this, auto_shutdown::any_significant);
  auto middle = supervisor_child("middle", inner);
  middle.restart = restart_type::transient;
  middle.significant = true;
  supervise({.name = "root",
             .auto_shutdown = auto_shutdown::any_significant,
             .children = {middle, worker("q")}});
  crash("s1", {});
  CHECK(ended);
  CHECK(is(end_reason, caf::exit_reason::user_shutdown));
  CHECK_FALSE(alive("q"));
}

TEST_CASE_FIXTURE(world, "one that has used up its own budget is not started "
                         "again by the others of its group") {
  auto a = worker("a");
  a.intensity = restart_intensity{.intensity = 0, .period = 1h};
  supervise({.name = "root",
             .strategy = strategy::one_for_all,
             .intensity = {.intensity = 9},
             .children = {a, worker("b")}});
  crash("a");
  CHECK_FALSE(alive("a"));
  crash("b");
  CHECK(alive("b"));
  CHECK_FALSE(alive("a"));
  CHECK(starts["a"] == 1);
  CHECK(ask<caf::actor>(root, restart_child_atom_v, string{"a"}).ok());
  CHECK(alive("a"));
}

TEST_CASE_FIXTURE(world, "the group of a child that dies while it is being "
                         "replaced starts anew with it") {
  for (auto how : {strategy::one_for_all, strategy::rest_for_one}) {
    CAPTURE(how);
    starts.clear();
    supervise({.name = "root",
               .strategy = how,
               .intensity = {.intensity = 9},
               .children = {worker("a"), slow_worker("b"), worker("c")}});
    make_ready("b");
    REQUIRE(alive("c"));
    auto first = handles["b"];
    auto replacing = ask<caf::actor>(root, replace_child_atom_v, string{"b"});
    CHECK_FALSE(replacing.came());
    caf::anon_send(first, caf::ok_atom::value,
                   caf::error{caf::sec::runtime_error});
    run();
    CHECK(is(replacing.error(), supervision_errc::replaced));
    make_ready("b");
    CHECK(alive("b"));
    CHECK(alive("c"));
    CHECK(starts["a"] == (how == strategy::one_for_all ? 2 : 1));
    CHECK(starts["c"] == 2);
    caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
    root = nullptr;
    run();
  }
}

TEST_CASE_FIXTURE(world, "a significant child that has used up its own budget "
                         "ends its supervisor as a failure") {
  auto inner = significant(*this, auto_shutdown::any_significant);
  inner.children[0].intensity = restart_intensity{.intensity = 0};
  auto middle = supervisor_child("middle", inner);
  middle.restart = restart_type::transient;
  supervise({.name = "root",
             .intensity = {.intensity = 9},
             .children = {middle, worker("q")}});
  crash("s1");
  auto stopped = named(event_name::supervisor_stopped);
  REQUIRE(stopped.size() == 1);
  CHECK(stopped.front().level == severity::error);
  CHECK(
      is(stopped.front().reason, supervision_errc::restart_intensity_reached));
  CHECK(starts["s1"] == 2);
  CHECK(child("middle").state == child_state::running);
}
