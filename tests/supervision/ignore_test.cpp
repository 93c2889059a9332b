// Children that do not want to run ("ignore"), whenever they are started.
#include "world.hpp"

using namespace test;

namespace {

struct moody : world {
  /// A child that ignores its next start if `ignores` says so.
  child_spec moody_worker(string id) {
    auto x = worker(id);
    x.start = [this, id, inner = x.start](
                  const start_context& context) -> caf::expected<started> {
      if (ignores[id] == 0)
        return inner(context);
      --ignores[id];
      return started{};
    };
    return x;
  }

  std::map<string, int> ignores;
};

} // namespace

TEST_CASE_FIXTURE(moody, "a child that ignores its automatic restart stays "
                         "stopped, and the restart is charged") {
  auto a = moody_worker("a");
  SUBCASE("permanent") {
    a.restart = restart_type::permanent;
  }
  SUBCASE("transient") {
    a.restart = restart_type::transient;
  }
  supervise({.name = "root",
             .intensity = {.intensity = 1},
             .children = {a, worker("b")}});
  ignores["a"] = 1;
  crash("a");
  CHECK(child("a").state == child_state::stopped);
  CHECK(child("a").restarts == 1);
  CHECK(count() == child_counts{2, 1, 0, 2});
  CHECK(named(event_name::start_error).empty()); // it is no error
  advance(1min);
  CHECK(starts["a"] == 1);
  CHECK(alive("b"));
  // It can be started by hand, as any that is stopped.
  CHECK(ask<caf::actor>(root, restart_child_atom_v, string{"a"}).value());
  CHECK(alive("a"));
  CHECK(child("a").incarnation == 3);
}

TEST_CASE_FIXTURE(moody, "a child that ignores a restart by hand is answered "
                         "with nobody, and stays stopped") {
  supervise({.name = "root", .children = {moody_worker("a")}});
  REQUIRE(ask<nothing>(root, terminate_child_atom_v, string{"a"}).ok());
  ignores["a"] = 1;
  auto nobody = ask<caf::actor>(root, restart_child_atom_v, string{"a"});
  REQUIRE(nobody.ok());
  CHECK_FALSE(nobody.value());
  CHECK(child("a").state == child_state::stopped);
  CHECK(ask<caf::actor>(root, restart_child_atom_v, string{"a"}).value());
}

TEST_CASE("a member of a group that ignores its restart is left out, the "
          "others start, and the next restart starts it") {
  for (auto how : {strategy::one_for_all, strategy::rest_for_one})
    for (string ignoring : {"a", "b"}) { // the culprit, a sibling
      INFO(to_string(how) << ", " << ignoring);
      moody w;
      w.supervise({.name = "root",
                   .strategy = how,
                   .intensity = {.intensity = 5},
                   .children = {w.moody_worker("a"), w.moody_worker("b"),
                                w.moody_worker("c")}});
      w.take_log();
      w.ignores[ignoring] = 1;
      w.crash("a");
      CHECK(w.take_log()
            == (ignoring == "a" ? "-a -c -b +b +c" : "-a -c -b +a +c"));
      CHECK(w.child(ignoring).state == child_state::stopped);
      CHECK(w.count() == child_counts{3, 2, 0, 3});
      CHECK(w.ask<nothing>(w.root, ready_atom_v).ok());
      auto next = ignoring == "a" ? "b" : "a";
      w.crash(next);
      auto concerns_all = how == strategy::one_for_all || next == string{"a"};
      CHECK(w.count() == child_counts{3, concerns_all ? 3u : 2u, 0, 3});
      CHECK_FALSE(w.ended);
    }
}

TEST_CASE_FIXTURE(moody, "a temporary member of a group that ignores leaves") {
  auto b = moody_worker("b");
  b.restart = restart_type::temporary;
  ignores["b"] = 1;
  supervise({.name = "root",
             .strategy = strategy::one_for_all,
             .children = {moody_worker("a"), b}});
  CHECK(count() == child_counts{1, 1, 0, 1});
}

TEST_CASE_FIXTURE(moody, "a child of a template that ignores is not there, "
                         "and whoever asked gets nobody") {
  supervise({.name = "root",
             .strategy = strategy::simple_one_for_one,
             .intensity = {.intensity = 5},
             .children = {moody_worker("w")}});
  ignores["w"] = 1;
  auto nobody = ask<caf::actor>(root, start_child_atom_v, caf::message{});
  REQUIRE(nobody.ok());
  CHECK_FALSE(nobody.value());
  CHECK(count() == child_counts{1, 0, 0, 0});
  REQUIRE(ask<caf::actor>(root, start_child_atom_v, caf::message{}).value());
  CHECK(count() == child_counts{1, 1, 0, 1});
  ignores["w"] = 1; // also when it is restarted
  crash("w");
  CHECK(count() == child_counts{1, 0, 0, 0});
}

TEST_CASE_FIXTURE(moody, "a replacement that ignores its start leaves the "
                         "first one where it is") {
  supervise({.name = "root", .children = {moody_worker("a")}});
  auto first = handles["a"];
  ignores["a"] = 1;
  auto second = ask<caf::actor>(root, replace_child_atom_v, string{"a"});
  CHECK(is(second.error(), supervision_errc::start_failed));
  CHECK(describe_reason(second.error()).find("ignored") != string::npos);
  CHECK(child("a").handle == first);
  CHECK(child("a").state == child_state::running);
  CHECK_FALSE(has_ended(first));
  auto told = named(event_name::start_error);
  REQUIRE(told.size() == 1);
  CHECK(told.front().details.at("replacement") == "true");
  auto third = ask<caf::actor>(root, replace_child_atom_v, string{"a"});
  CHECK(third.value() != first);
  CHECK(has_ended(first));
}

TEST_CASE_FIXTURE(moody, "a significant child that ignores its restart ends "
                         "nobody") {
  auto a = moody_worker("a");
  a.restart = restart_type::transient;
  a.significant = true;
  supervise({.name = "root",
             .auto_shutdown = auto_shutdown::any_significant,
             .children = {a}});
  ignores["a"] = 1;
  crash("a");
  CHECK_FALSE(ended);
  CHECK(child("a").state == child_state::stopped);
}
