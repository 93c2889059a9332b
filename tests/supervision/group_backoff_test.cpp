// Members of a group that die while the group waits for the backoff of another:
// nobody's backoff is thrown away, nobody waits for one that is not its
// concern.
#include "charmer/supervision/supervision_tree.hpp"

#include "world.hpp"

using namespace test;

namespace {

/// A group of four, in which the next death of "2" has a backoff of 1 s, and
/// that of "3" one of 10 s.
struct group : world {
  void begin(strategy how) {
    supervisor_spec spec{
        .name = "root",
        .strategy = how,
        .intensity = {.intensity = 20, .period = 1h},
        .children = {worker("1"), worker("2"), worker("3"), worker("4")}};
    spec.children[1].retry = backoff{.minimum = 1s, .jitter = 0};
    spec.children[2].retry = backoff{.minimum = 10s, .jitter = 0};
    supervise(spec);
    crash("2");
    crash("3"); // from now on they have to wait
    take_log();
  }

  timespan delay_of(const string& id) {
    return ask<supervision_tree>(root, tree_atom_v)
        .value()
        .children[id[0] - '1']
        .delay;
  }
};

} // namespace

TEST_CASE_FIXTURE(group, "one_for_all waits for the later one of two backoffs, "
                         "whoever dies last") {
  begin(strategy::one_for_all);
  crash("3");
  CHECK(take_log() == "-3 -4 -2 -1");
  advance(9s);
  CHECK(take_log().empty());
  CHECK(delay_of("1") == 1s);
  advance(999ms);
  CHECK(take_log().empty());
  advance(1ms);
  CHECK(take_log() == "+1 +2 +3 +4");
}

TEST_CASE_FIXTURE(group, "one that is added while a group waits for a backoff "
                         "starts with it, after those it depends on") {
  for (auto how : {strategy::one_for_all, strategy::rest_for_one}) {
    CAPTURE(how);
    starts.clear();
    begin(how);
    crash("3");
    take_log();
    auto more = worker("5");
    more.restart = restart_type::temporary;
    auto added = ask<caf::actor>(root, start_child_atom_v, more);
    CHECK_FALSE(added.came());
    CHECK(child("5").state == child_state::backoff);
    auto twice = ask<caf::actor>(root, start_child_atom_v, more);
    CHECK(is(twice.error(), supervision_errc::already_started));
    advance(10s);
    CHECK(added.ok());
    CHECK(take_log()
          == (how == strategy::one_for_all ? "+1 +2 +3 +4 +5" : "+3 +4 +5"));
    CHECK(starts["5"] == 1);
    caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
    root = nullptr;
    run();
  }
}

TEST_CASE_FIXTURE(group, "one that is restarted by hand while a group waits "
                         "for a backoff takes its place in it again") {
  begin(strategy::rest_for_one);
  crash("3");
  CHECK(ask<nothing>(root, terminate_child_atom_v, string{"4"}).ok());
  CHECK(ask<nothing>(root, terminate_child_atom_v, string{"1"}).ok());
  take_log();
  auto after = ask<caf::actor>(root, restart_child_atom_v, string{"4"});
  CHECK_FALSE(after.came());
  // This one depends on none that waits.
  CHECK(ask<caf::actor>(root, restart_child_atom_v, string{"1"}).ok());
  CHECK(take_log() == "+1");
  advance(10s);
  CHECK(after.ok());
  CHECK(take_log() == "+3 +4");
}

TEST_CASE_FIXTURE(group, "one that was to start with a group can be terminated "
                         "before, or fail, and is answered") {
  begin(strategy::one_for_all);
  crash("3");
  take_log();
  auto added = ask<caf::actor>(root, start_child_atom_v, worker("5"));
  SUBCASE("terminated") {
    CHECK(ask<nothing>(root, terminate_child_atom_v, string{"5"}).ok());
    CHECK(is(added.error(), supervision_errc::replaced));
  }
  SUBCASE("failed: nothing of it is kept, and the group runs") {
    refuse["5"] = 1;
    advance(10s);
    CHECK(is(added.error(), supervision_errc::start_failed));
  }
  SUBCASE("the supervisor stops") {
    caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
    run();
    CHECK(is(added.error(), supervision_errc::shutting_down));
    return;
  }
  advance(10s);
  CHECK(take_log() == "+1 +2 +3 +4");
  CHECK(count() == child_counts{4, 4, 0, 4});
}

TEST_CASE_FIXTURE(group, "of rest_for_one only those wait that come after the "
                         "one with the backoff") {
  begin(strategy::rest_for_one);
  crash("3");
  CHECK(take_log() == "-3 -4");
  advance(4s);
  SUBCASE("one before it has none: it and what follows is back at once") {
    crash("1");
    CHECK(take_log() == "-1 -2 +1 +2");
    CHECK(delay_of("3") == 6s);
    CHECK(delay_of("4") == 6s);
    advance(6s - 1ms);
    CHECK(take_log().empty());
    advance(1ms);
    CHECK(take_log() == "+3 +4");
  }
  SUBCASE("one before it has a shorter one: each waits for its own") {
    crash("2");
    CHECK(take_log() == "-2");
    advance(1s);
    CHECK(take_log() == "+2");
    advance(5s - 1ms);
    CHECK(take_log().empty());
    advance(1ms);
    CHECK(take_log() == "+3 +4");
  }
  SUBCASE("and one that is back may die again meanwhile, alone") {
    crash("1");
    CHECK(take_log() == "-1 -2 +1 +2");
    crash("2"); // 1 s
    CHECK(take_log() == "-2");
    advance(1s);
    CHECK(take_log() == "+2");
    CHECK(starts["1"] == 2);
    advance(5s);
    CHECK(take_log() == "+3 +4");
  }
  CHECK(count() == child_counts{4, 4, 0, 4});
}

TEST_CASE_FIXTURE(group, "while a group waits for a backoff the child that has "
                         "it can be terminated, and the others start") {
  begin(strategy::rest_for_one);
  crash("3");
  take_log();
  CHECK(ask<nothing>(root, terminate_child_atom_v, string{"3"}).ok());
  CHECK(take_log() == "+4");
  CHECK(ask<caf::actor>(root, restart_child_atom_v, string{"3"}).ok());
  CHECK(take_log() == "+3");
}

TEST_CASE_FIXTURE(group, "rest_for_one tries again from the one that did not "
                         "start, as OTP does") {
  begin(strategy::rest_for_one);
  refuse["2"] = 1;
  crash("1");
  CHECK(take_log() == "-1 -4 -3 -2 +1");
  CHECK(child("1").state == child_state::running);
  advance(1min);
  CHECK(take_log() == "+2 +3 +4");
  CHECK(starts["1"] == 2);
}
