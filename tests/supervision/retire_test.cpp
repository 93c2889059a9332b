// How long one may live on that another has replaced: child_spec::retire.
#include "world.hpp"

using namespace test;

namespace {

/// A supervisor with a child that has a successor, and takes its time.
struct with_retired : world {
  explicit with_retired(std::optional<shutdown> retire = shutdown::infinite(),
                        manners how = {.stubborn = true},
                        strategy siblings = strategy::one_for_one) {
    supervise({.name = "root",
               .strategy = siblings,
               .intensity = {.intensity = 1, .period = 1h}});
    auto a = slow_worker("a", how);
    a.retire = retire;
    auto added = ask<caf::actor>(root, start_child_atom_v, a);
    make_ready("a");
    first = added.value();
    first_token = tokens["a"];
    replace();
  }

  void replace() {
    auto next = ask<caf::actor>(root, replace_child_atom_v, string{"a"});
    make_ready("a");
    REQUIRE(next.ok());
  }

  void is_idle(std::uint64_t token) {
    caf::anon_send(root, child_idle_atom_v, token);
    run();
  }

  std::size_t retiring() {
    auto all =
        ask<std::vector<child_info>>(root, which_children_atom_v).value();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [](auto& x) {
          return x.state == child_state::retiring;
        }));
  }

  void stop() {
    caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
    run();
  }

  caf::actor first;
  std::uint64_t first_token = 0;
};

struct with_obedient : with_retired {
  with_obedient() : with_retired(shutdown::infinite(), {.last_will = 7s}) {}
};

} // namespace

TEST_CASE_FIXTURE(with_retired,
                  "one that retires may take longer than one that is stopped") {
  advance(24h);
  CHECK_FALSE(has_ended(first));
  CHECK(retiring() == 1);
  CHECK(alive("a"));
  caf::anon_send(first, caf::ok_atom::value, caf::error{});
  run();
  CHECK(has_ended(first));
  CHECK(retiring() == 0);
  CHECK(child("a").restarts == 0);
  CHECK(named(event_name::shutdown_error).empty());
  CHECK(count() == child_counts{1, 1, 0, 1});
}

TEST_CASE("a limit to retire is another one than that of a stop") {
  with_retired w{shutdown::after(20s)};
  w.advance(19s);
  CHECK_FALSE(has_ended(w.first));
  w.advance(1s);
  CHECK(has_ended(w.first));
  CHECK(w.named(event_name::shutdown_error).size() == 1);
}

TEST_CASE(
    "what has a successor can be killed at once, and be stopped as ever") {
  with_retired w{shutdown::brutal_kill()};
  CHECK(has_ended(w.first));
  CHECK(w.alive("a"));
}

TEST_CASE_FIXTURE(with_retired, "one that has nothing left is stopped") {
  is_idle(first_token);
  advance(4s);
  CHECK_FALSE(has_ended(first));
  is_idle(first_token); // that does not prolong it
  advance(1s);
  CHECK(has_ended(first));
  CHECK(alive("a"));
}

TEST_CASE_FIXTURE(with_retired, "only one that retires can have nothing left") {
  is_idle(tokens["a"]);
  is_idle(4711);
  advance(1h);
  CHECK(alive("a"));
  CHECK_FALSE(has_ended(first));
}

TEST_CASE_FIXTURE(with_retired,
                  "a stop hurries those that retire, all of them at once") {
  auto second = handles["a"];
  replace();
  advance(1h);
  stop();
  CHECK_FALSE(ended);
  advance(4s);
  CHECK_FALSE(has_ended(first));
  CHECK_FALSE(has_ended(second));
  advance(1s);
  CHECK(has_ended(first));
  CHECK(has_ended(second));
  CHECK(ended);
}

TEST_CASE_FIXTURE(with_obedient, "one that ends in time is not killed") {
  advance(6s);
  CHECK_FALSE(has_ended(first));
  advance(1s);
  CHECK(has_ended(first));
  CHECK(named(event_name::shutdown_error).empty());
}

TEST_CASE_FIXTURE(with_retired, "a supervisor that is killed takes along those "
                                "that retire") {
  advance(1h);
  caf::anon_send_exit(root, caf::exit_reason::kill);
  run();
  CHECK(ended);
  CHECK(has_ended(first));
  CHECK_FALSE(alive("a"));
}

TEST_CASE_FIXTURE(with_retired, "a supervisor whose budget is used up ends "
                                "within the limit of a stop") {
  for (int i = 0; i < 2; ++i) {
    crash("a");
    make_ready("a");
  }
  CHECK_FALSE(has_ended(first));
  CHECK_FALSE(ended);
  advance(5s);
  CHECK(has_ended(first));
  CHECK(ended);
  CHECK(is(end_reason, supervision_errc::restart_intensity_reached));
}

TEST_CASE_FIXTURE(with_retired, "one that retires does not end with its child, "
                                "which can be deleted and come again") {
  auto second = handles["a"];
  auto terminated = ask<nothing>(root, terminate_child_atom_v, string{"a"});
  CHECK_FALSE(terminated.came()); // it waits for the one that is the child
  advance(5s);
  CHECK(terminated.ok());
  CHECK(has_ended(second));
  CHECK_FALSE(has_ended(first));
  CHECK(ask<nothing>(root, delete_child_atom_v, string{"a"}).ok());
  CHECK(count() == child_counts{0, 0, 0, 0});
  CHECK(retiring() == 1);
  auto third = ask<caf::actor>(root, start_child_atom_v, worker("a"));
  CHECK(third.ok());
  CHECK_FALSE(has_ended(first));
  auto gone = ask<nothing>(root, terminate_child_atom_v, first);
  CHECK(is(gone.error(), supervision_errc::not_found)); // no child any more
  stop();
  advance(5s);
  CHECK(has_ended(first));
  CHECK(ended);
}

TEST_CASE("the restart of a group is none of one that retires from it") {
  with_retired w{
      shutdown::infinite(), {.stubborn = true}, strategy::one_for_all};
  w.crash("a");
  w.make_ready("a");
  CHECK(w.starts["a"] == 3);
  w.advance(1h);
  CHECK_FALSE(has_ended(w.first));
}

TEST_CASE("one that was abandoned when it retired is not waited for again") {
  world w;
  w.supervise({.name = "root", .kill_grace = 1s});
  auto a = w.deaf_worker("a");
  a.retire = shutdown::after(1s);
  CHECK(w.ask<caf::actor>(w.root, start_child_atom_v, a).ok());
  auto first = w.handles["a"];
  CHECK(w.ask<caf::actor>(w.root, replace_child_atom_v, string{"a"}).ok());
  w.advance(3s);
  CHECK(w.named(event_name::child_abandoned).size() == 1);
  caf::anon_send_exit(w.root, caf::exit_reason::user_shutdown);
  w.advance(8s); // 5 s for the second one, and its grace
  CHECK(w.ended);
  CHECK(w.named(event_name::child_abandoned).size() == 2);
  w.let_go("a");
  w.handles["a"] = first;
  w.let_go("a");
}
