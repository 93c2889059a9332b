// replace_child: a second incarnation starts beside the first.
#include "world.hpp"

using namespace test;

namespace {

auto replace_child = replace_child_atom_v;

/// A supervisor with one child that is ready.
struct with_child : world {
  with_child(manners how = {}) {
    supervise({.name = "root", .intensity = {.intensity = 1, .period = 1h}});
    auto a = slow_worker("a", how);
    a.start_limit = 10s;
    auto answer = ask<caf::actor>(root, start_child_atom_v, a);
    make_ready("a");
    first = answer.value();
  }

  caf::actor first;
};

struct with_stubborn_child : with_child {
  with_stubborn_child() : with_child(manners{.stubborn = true}) {}
};

} // namespace

TEST_CASE_FIXTURE(with_child,
                  "the first incarnation serves until the second is ready") {
  auto second = ask<caf::actor>(root, replace_child, string{"a"});
  CHECK_FALSE(second.came());
  CHECK(child("a").handle == first);
  CHECK(child("a").state == child_state::running);
  make_ready("a");
  CHECK(second.value() == handles["a"]);
  CHECK(second.value() != first);
  CHECK(child("a").handle == second.value());
  CHECK(child("a").incarnation == 2);
  CHECK(has_ended(first));
  CHECK(child("a").restarts == 0);
  CHECK(count() == child_counts{1, 1, 0, 1});
  auto told = named(event_name::child_replaced);
  REQUIRE(told.size() == 1);
  CHECK(told.front().details.at("retired_actor_id")
        == std::to_string(first.id()));
}

TEST_CASE_FIXTURE(with_stubborn_child,
                  "the retiring one has its own stop limit") {
  auto second = ask<caf::actor>(root, replace_child, string{"a"});
  make_ready("a");
  CHECK(second.ok());
  auto all = ask<std::vector<child_info>>(root, which_children_atom_v).value();
  REQUIRE(all.size() == 2);
  CHECK(all[1].state == child_state::retiring);
  CHECK(all[1].handle == first);
  advance(4s);
  CHECK_FALSE(has_ended(first));
  advance(1s);
  CHECK(has_ended(first));
  CHECK(alive("a"));
  CHECK(starts["a"] == 2);
}

TEST_CASE_FIXTURE(with_child, "if the second does not start the first stays") {
  auto second = ask<caf::actor>(root, replace_child, string{"a"});
  SUBCASE("it says so") {
    make_failed("a", caf::sec::cannot_open_port);
  }
  SUBCASE("it dies") {
    crash("a");
  }
  SUBCASE("it is late") {
    advance(10s);
  }
  CHECK(is(second.error(), supervision_errc::start_failed));
  CHECK(child("a").handle == first);
  CHECK_FALSE(has_ended(first));
  CHECK(child("a").restarts == 0);
  CHECK(named(event_name::start_error).size() == 1);
  CHECK(named(event_name::start_error).front().level == severity::warning);
}

TEST_CASE_FIXTURE(with_child, "if the start function fails the first stays") {
  refuse["a"] = 1;
  auto second = ask<caf::actor>(root, replace_child, string{"a"});
  CHECK(is(second.error(), supervision_errc::start_failed));
  CHECK(child("a").handle == first);
}

TEST_CASE_FIXTURE(
    with_child,
    "if the first dies meanwhile the second is promoted, one restart counts") {
  auto second = ask<caf::actor>(root, replace_child, string{"a"});
  caf::anon_send_exit(first, caf::exit_reason::kill);
  run();
  CHECK_FALSE(second.came());
  CHECK(starts["a"] == 2);
  CHECK(child("a").restarts == 1);
  CHECK(child("a").state == child_state::starting);
  make_ready("a");
  CHECK(second.value() == handles["a"]);
  CHECK(child("a").state == child_state::running);
  CHECK(starts["a"] == 2);
}

TEST_CASE_FIXTURE(
    with_child,
    "a promoted one that does not start counts as a failed restart") {
  auto second = ask<caf::actor>(root, replace_child, string{"a"});
  caf::anon_send_exit(first, caf::exit_reason::kill);
  run();
  make_failed("a", caf::sec::cannot_open_port);
  CHECK(is(second.error(), supervision_errc::start_failed));
  CHECK(ended); // intensity 1
}

TEST_CASE_FIXTURE(with_child, "who asks twice gets the same replacement") {
  auto second = ask<caf::actor>(root, replace_child, string{"a"});
  auto third = ask<caf::actor>(root, replace_child, first);
  make_ready("a");
  CHECK(second.value() == third.value());
  CHECK(starts["a"] == 2);
}

TEST_CASE_FIXTURE(with_child, "only what runs can be replaced") {
  CHECK(is(ask<caf::actor>(root, replace_child, string{"b"}).error(),
           supervision_errc::not_found));
  REQUIRE(ask<nothing>(root, terminate_child_atom_v, string{"a"}).ok());
  CHECK(is(ask<caf::actor>(root, replace_child, string{"a"}).error(),
           supervision_errc::not_running));
}

TEST_CASE_FIXTURE(with_child, "terminating ends both incarnations") {
  auto second = ask<caf::actor>(root, replace_child, string{"a"});
  CHECK(ask<nothing>(root, terminate_child_atom_v, string{"a"}).ok());
  CHECK(is(second.error(), supervision_errc::replaced));
  CHECK(has_ended(first));
  CHECK_FALSE(alive("a"));
  make_ready("a");
  CHECK(child("a").state == child_state::stopped);
}

TEST_CASE_FIXTURE(with_child, "a stop ends both incarnations") {
  auto second = ask<caf::actor>(root, replace_child, string{"a"});
  caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
  run();
  CHECK(is(second.error(), supervision_errc::shutting_down));
  CHECK(ended);
  CHECK(has_ended(first));
  CHECK_FALSE(alive("a"));
}

TEST_CASE_FIXTURE(with_stubborn_child, "a stop waits for the retiring one") {
  auto second = ask<caf::actor>(root, replace_child, string{"a"});
  make_ready("a");
  CHECK(second.ok());
  caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
  run();
  CHECK_FALSE(ended);
  advance(5s);
  CHECK(ended);
  CHECK(has_ended(first));
}

TEST_CASE_FIXTURE(with_child,
                  "the restart that a promotion counts as is told as one") {
  ask<caf::actor>(root, replace_child, string{"a"});
  caf::anon_send_exit(first, caf::exit_reason::kill);
  run();
  auto told = named(event_name::child_restarting);
  REQUIRE(told.size() == 1);
  CHECK(told.front().child == "a");
  CHECK(told.front().restarts == 1);
  CHECK(told.front().delay == timespan{0});
  make_ready("a");
  CHECK(named(event_name::child_restarting).size() == 1);
}

TEST_CASE("whoever is not to be restarted is not because it was being "
          "replaced") {
  struct row {
    restart_type type;
    caf::error reason;
    std::uint64_t specs;
  };
  using enum restart_type;
  for (const auto& x :
       {row{temporary, caf::sec::runtime_error, 0},
        row{temporary, caf::error{}, 0}, row{transient, caf::error{}, 1}})
    for (auto how : {"says so", "dies", "is late"}) {
      INFO(to_string(x.type) << ", the second " << how);
      world w;
      w.supervise({.name = "root", .intensity = {.intensity = 0}});
      auto a = w.slow_worker("a");
      a.restart = x.type;
      a.start_limit = 10s;
      auto added = w.ask<caf::actor>(w.root, start_child_atom_v, a);
      w.make_ready("a");
      auto second = w.ask<caf::actor>(w.root, replace_child, string{"a"});
      caf::anon_send(added.value(), caf::ok_atom::value, x.reason);
      w.run();
      CHECK(w.child("a").state == child_state::starting); // promoted
      if (how == string{"says so"})
        w.make_failed("a", caf::sec::cannot_open_port);
      else if (how == string{"dies"})
        w.crash("a");
      else
        w.advance(10s);
      CHECK(is(second.error(), supervision_errc::start_failed));
      CHECK_FALSE(w.ended);
      CHECK(w.starts["a"] == 2);
      CHECK(w.count() == child_counts{x.specs, 0, 0, x.specs});
      CHECK(w.named(event_name::child_restarting).empty());
    }
}
