// One child's death concerns that child: restart types, intensity, backoff.
#include "world.hpp"

using namespace test;

TEST_CASE_FIXTURE(world, "children start in order and stop in reverse order") {
  supervise(
      {.name = "root", .children = {worker("a"), worker("b"), worker("c")}});
  CHECK(take_log() == "+a +b +c");
  CHECK(count() == child_counts{3, 3, 0, 3});
  caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
  run();
  CHECK(take_log() == "-c -b -a");
  CHECK(ended);
  CHECK(is(end_reason, caf::exit_reason::user_shutdown));
}

TEST_CASE_FIXTURE(world, "a permanent child that dies is started again") {
  supervise({.name = "root", .children = {worker("a"), worker("b")}});
  auto b = child("b").handle;
  auto first = child("a");
  crash("a");
  auto second = child("a");
  CHECK(second.state == child_state::running);
  CHECK(second.handle != first.handle);
  CHECK(second.incarnation == 2);
  CHECK(second.restarts == 1);
  CHECK(child("b").handle == b);
  CHECK(count() == child_counts{2, 2, 0, 2});
}

TEST_CASE_FIXTURE(world,
                  "a permanent child that ends normally is started again") {
  supervise({.name = "root", .children = {worker("a")}});
  crash("a", {});
  CHECK(starts["a"] == 2);
  CHECK(alive("a"));
}

TEST_CASE_FIXTURE(world,
                  "a transient child is started again only if it failed") {
  auto a = worker("a");
  a.restart = restart_type::transient;
  supervise({.name = "root", .intensity = {.intensity = 5}, .children = {a}});
  crash("a");
  CHECK(starts["a"] == 2);
  SUBCASE("normal") {
    crash("a", {});
  }
  SUBCASE("shutdown") {
    crash("a", caf::exit_reason::user_shutdown);
  }
  CHECK(starts["a"] == 2);
  CHECK(child("a").state == child_state::stopped);
  CHECK(count() == child_counts{1, 0, 0, 1});
  CHECK(named(event_name::child_terminated).back().level == severity::info);
}

TEST_CASE_FIXTURE(world,
                  "a temporary child is never started again and forgotten") {
  auto a = worker("a");
  a.restart = restart_type::temporary;
  supervise({.name = "root", .children = {a}});
  crash("a");
  CHECK(starts["a"] == 1);
  CHECK(count() == child_counts{0, 0, 0, 0});
  CHECK(named(event_name::child_terminated).back().level == severity::error);
}

TEST_CASE("with intensity I, death I+1 within the period ends the supervisor") {
  for (int intensity : {0, 1, 2, 3}) {
    world w;
    w.supervise({.name = "root",
                 .intensity = {.intensity = intensity, .period = 5s},
                 .children = {w.worker("a"), w.worker("b")}});
    for (int i = 0; i < intensity; ++i) {
      w.crash("a");
      REQUIRE_FALSE(w.ended);
    }
    w.crash("a");
    CHECK(w.ended);
    CHECK(is(w.end_reason, supervision_errc::restart_intensity_reached));
    CHECK_FALSE(w.alive("b"));
    CHECK(w.named(event_name::restart_intensity_reached).size() == 1);
  }
}

TEST_CASE_FIXTURE(
    world, "deaths that are further apart than the period are forgiven") {
  supervise({.name = "root",
             .intensity = {.intensity = 1, .period = 1s},
             .children = {worker("a")}});
  for (int i = 0; i < 4; ++i) {
    crash("a");
    advance(2100ms);
  }
  CHECK_FALSE(ended);
  CHECK(starts["a"] == 5);
}

TEST_CASE_FIXTURE(world, "the children share the budget of their supervisor") {
  supervise({.name = "root",
             .intensity = {.intensity = 2, .period = 1h},
             .children = {worker("child1"), worker("child2")}});
  auto second = child("child2").handle;
  crash("child1");
  CHECK(child("child2").handle == second);
  CHECK(count() == child_counts{2, 2, 0, 2});
  crash("child2");
  CHECK(count() == child_counts{2, 2, 0, 2});
  crash("child1");
  CHECK(ended);
}

TEST_CASE_FIXTURE(
    world, "a failed restart counts again, and then its siblings go too") {
  supervise({.name = "root",
             .intensity = {.intensity = 4, .period = 1h},
             .children = {worker("child1"), worker("child2")}});
  refuse["child1"] = 1000;
  crash("child1");
  CHECK(starts["child1"] == 1 + 4);
  CHECK(named(event_name::start_error).size() == 4);
  CHECK(ended);
  CHECK(is(end_reason, supervision_errc::restart_intensity_reached));
  CHECK_FALSE(alive("child2"));
}

TEST_CASE_FIXTURE(world, "a planned stop is not charged and has no backoff") {
  auto a = worker("a");
  a.retry = backoff{};
  supervise({.name = "root", .intensity = {.intensity = 0}, .children = {a}});
  for (int i = 0; i < 5; ++i)
    crash("a", make_error(supervision_errc::planned_stop));
  CHECK_FALSE(ended);
  CHECK(starts["a"] == 6);
  CHECK(alive("a"));
  CHECK(named(event_name::child_terminated).back().level == severity::info);
}

TEST_CASE_FIXTURE(world,
                  "with backoff a child waits longer from restart to restart") {
  auto a = worker("a");
  a.retry = backoff{.minimum = 200ms, .maximum = 1s, .jitter = 0};
  supervise({.name = "root", .intensity = {.intensity = 9}, .children = {a}});
  crash("a");
  CHECK(starts["a"] == 2);
  crash("a");
  CHECK(starts["a"] == 2);
  CHECK(child("a").state == child_state::backoff);
  advance(199ms);
  CHECK(starts["a"] == 2);
  advance(1ms);
  CHECK(starts["a"] == 3);
  crash("a");
  advance(399ms);
  CHECK(starts["a"] == 3);
  advance(1ms);
  CHECK(starts["a"] == 4);
  auto all = named(event_name::child_restarting);
  REQUIRE(all.size() == 3);
  CHECK(all[2].attempt == 3);
  CHECK(all[2].delay == 400ms);
}

TEST_CASE_FIXTURE(world,
                  "backoff begins again when a child has lived long enough") {
  auto a = worker("a");
  a.retry = backoff{.minimum = 1s, .jitter = 0, .reset_after = 60s};
  supervise({.name = "root", .intensity = {.intensity = 9}, .children = {a}});
  crash("a");
  crash("a");
  advance(1s);
  CHECK(starts["a"] == 3);
  advance(60s);
  crash("a");
  CHECK(starts["a"] == 4);
}

TEST_CASE_FIXTURE(world,
                  "a child with a budget of its own takes nobody along") {
  auto a = worker("a");
  a.intensity = restart_intensity{.intensity = 2, .period = 1h};
  supervise({.name = "root",
             .intensity = {.intensity = 0},
             .children = {a, worker("b")}});
  crash("a");
  crash("a");
  CHECK(alive("a"));
  crash("a");
  CHECK_FALSE(ended);
  CHECK(child("a").state == child_state::stopped);
  CHECK(alive("b"));
  CHECK(named(event_name::restart_intensity_reached).size() == 1);
  CHECK(ask<caf::actor>(root, restart_child_atom_v, string{"a"}).ok());
  crash("a");
  CHECK(alive("a"));
}

TEST_CASE_FIXTURE(
    world, "a child that is not charged is retried for ever, with backoff") {
  auto a = worker("a");
  a.intensity = restart_intensity::unlimited();
  supervise({.name = "root", .intensity = {.intensity = 0}, .children = {a}});
  refuse["a"] = 20;
  crash("a");
  CHECK(starts["a"] <= 3);
  advance(1h);
  CHECK(alive("a"));
  CHECK(starts["a"] == 22);
  CHECK_FALSE(ended);
}

TEST_CASE_FIXTURE(world, "a supervisor serves others between two attempts") {
  auto a = worker("a");
  a.retry = backoff{.minimum = 1s, .jitter = 0};
  supervise({.name = "root", .intensity = {.intensity = 9}, .children = {a}});
  refuse["a"] = 3;
  crash("a");
  CHECK(child("a").state == child_state::backoff);
  CHECK(ask<caf::actor>(root, start_child_atom_v, worker("b")).ok());
  advance(1min);
  CHECK(alive("a"));
}

TEST_CASE_FIXTURE(
    world, "what an actor says when it quits is in the event about its death") {
  auto a = worker("a");
  a.details["pool"] = "\"default\"";
  supervise({.name = "root", .children = {a}});
  advance(3s);
  crash("a", make_error(supervision_errc::handler_failed,
                        exit_details{.text = "killed by SIGKILL",
                                     .details = {{"signal", "9"}}}));
  auto all = named(event_name::child_terminated);
  REQUIRE(all.size() == 1);
  const auto& e = all.front();
  CHECK(e.path == "root");
  CHECK(e.child == "a");
  CHECK(e.text == "killed by SIGKILL");
  CHECK(e.details.at("signal") == "9");
  CHECK(e.details.at("pool") == "\"default\"");
  CHECK(e.uptime == 3s);
  CHECK(e.level == severity::error);
  CHECK(is(e.reason, supervision_errc::handler_failed));
  CHECK(e.actor_id != 0);
  CHECK(e.monotonic_ns != 0);
  CHECK(e.wall != caf::timestamp{});
}

TEST_CASE("each restart type and each reason do what OTP's table says") {
  struct row {
    restart_type type;
    caf::error reason;
    int starts;
    std::uint64_t specs;
    severity level;
  };
  using enum restart_type;
  const caf::error normal;
  const caf::error asked = caf::exit_reason::user_shutdown;
  const caf::error other = caf::sec::runtime_error;
  const row table[] = {
      {permanent, normal, 2, 1, severity::error},
      {permanent, asked, 2, 1, severity::error},
      {permanent, other, 2, 1, severity::error},
      {transient, normal, 1, 1, severity::info},
      {transient, asked, 1, 1, severity::info},
      {transient, other, 2, 1, severity::error},
      {temporary, normal, 1, 0, severity::info},
      {temporary, asked, 1, 0, severity::info},
      {temporary, other, 1, 0, severity::error},
  };
  for (const auto& x : table) {
    INFO(to_string(x.type) << ", " << describe_reason(x.reason));
    world w;
    auto a = w.worker("a");
    a.restart = x.type;
    w.supervise({.name = "root", .children = {a}});
    w.crash("a", x.reason);
    CHECK(w.starts["a"] == x.starts);
    CHECK(w.count()
          == child_counts{x.specs, x.starts == 2 ? 1u : 0u, 0, x.specs});
    auto told = w.named(event_name::child_terminated);
    REQUIRE(told.size() == 1);
    CHECK(told.front().level == x.level);
  }
}

TEST_CASE_FIXTURE(world, "only automatic restarts are charged") {
  auto transient = worker("transient");
  transient.restart = restart_type::transient;
  auto temporary = worker("temporary");
  temporary.restart = restart_type::temporary;
  supervise({.name = "root",
             .intensity = {.intensity = 0},
             .children = {transient, temporary, worker("a")}});
  crash("transient", {});
  crash("temporary");
  crash("a", make_error(supervision_errc::planned_stop));
  refuse["b"] = 1;
  CHECK_FALSE(ask<caf::actor>(root, start_child_atom_v, worker("b")).ok());
  CHECK(ask<caf::actor>(root, start_child_atom_v, worker("b")).ok());
  CHECK(ask<nothing>(root, terminate_child_atom_v, string{"b"}).ok());
  CHECK(ask<caf::actor>(root, restart_child_atom_v, string{"b"}).ok());
  CHECK(ask<caf::actor>(root, replace_child_atom_v, string{"b"}).ok());
  CHECK_FALSE(ended);
  CHECK(child("a").restarts == 0);
  crash("a");
  CHECK(ended);
}
