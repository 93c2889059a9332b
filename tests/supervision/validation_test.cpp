// Wrong specifications: each has an error that says what, where and what would
// be right, and nothing was started.
#include "world.hpp"

#include <cmath>
#include <limits>

using namespace test;

namespace {

using change = std::function<void(child_spec&)>;

struct wrong_child {
  const char* says;
  change make;
};

const wrong_child wrong_children[] = {
    {"the id is empty", [](auto& x) { x.id = ""; }},
    {"without \"/\"", [](auto& x) { x.id = "a/b"; }},
    {"without control characters", [](auto& x) { x.id = "a\nb"; }},
    {"start function", [](auto& x) { x.start = nullptr; }},
    {"restart is 3", [](auto& x) { x.restart = restart_type(3); }},
    {"type is 2", [](auto& x) { x.type = child_type(2); }},
    {"start_limit is 0", [](auto& x) { x.start_limit = 0s; }},
    {"shutdown limit is -1s", [](auto& x) { x.stop = shutdown::after(-1s); }},
    {"shutdown limit",
     [](auto& x) { x.stop = shutdown::after(timespan::min()); }},
    {"retire limit is -1s", [](auto& x) { x.retire = shutdown::after(-1s); }},
    {"significant and permanent", [](auto& x) { x.significant = true; }},
    {"auto_shutdown is never",
     [](auto& x) {
       x.significant = true;
       x.restart = restart_type::transient;
     }},
    {"intensity.intensity is -1",
     [](auto& x) { x.intensity = restart_intensity{.intensity = -1}; }},
    {"intensity.period is 0",
     [](auto& x) { x.intensity = restart_intensity{.period = 0s}; }},
    {"retry.minimum", [](auto& x) { x.retry = backoff{.minimum = -1ns}; }},
    {"retry.maximum", [](auto& x) { x.retry = backoff{.maximum = 1ms}; }},
    {"retry.factor is 0.5", [](auto& x) { x.retry = backoff{.factor = 0.5}; }},
    {"retry.factor is nan", [](auto& x) { x.retry = backoff{.factor = NAN}; }},
    {"retry.factor is inf",
     [](auto& x) { x.retry = backoff{.factor = INFINITY}; }},
    {"retry.jitter is 1.5", [](auto& x) { x.retry = backoff{.jitter = 1.5}; }},
    {"retry.jitter is nan", [](auto& x) { x.retry = backoff{.jitter = NAN}; }},
    {"retry.reset_after is -1s",
     [](auto& x) { x.retry = backoff{.reset_after = -1s}; }},
    {"details[\"zone\"] is no JSON: north",
     [](auto& x) { x.details["zone"] = "north"; }},
};

struct wrong_supervisor {
  const char* says;
  supervisor_spec spec;
};

std::vector<wrong_supervisor> wrong_supervisors(world& w) {
  return {
      {"the name is empty", {.name = ""}},
      {"without \"/\"", {.name = "a/b"}},
      {"the last \"/\"", {.name = "a", .path_prefix = "root/"}},
      {"strategy is 4", {.strategy = strategy(4)}},
      {"auto_shutdown is 3", {.auto_shutdown = auto_shutdown(3)}},
      {"intensity.intensity is -1", {.intensity = {.intensity = -1}}},
      {"intensity.period is -1s", {.intensity = {.period = -1s}}},
      {"kill_grace is -1s", {.kill_grace = -1s}},
      {"stop_limit is 0", {.stop_limit = 0s}},
      {"exactly one", {.strategy = strategy::simple_one_for_one}},
      {"'a' is there twice", {.children = {w.worker("a"), w.worker("a")}}},
  };
}

void check_refused(const caf::error& why, const string& text,
                   const string& where) {
  CHECK(is(why, supervision_errc::invalid_spec));
  auto said = describe_reason(why);
  INFO(said << " should say " << text << " of " << where);
  CHECK(said.find(text) != string::npos);
  CHECK(said.find(where) != string::npos);
}

caf::error start_error(world& w, supervisor_spec spec) {
  auto result = start_supervisor(w.system, std::move(spec));
  w.run();
  return result ? caf::error{} : result.error();
}

} // namespace

TEST_CASE_FIXTURE(world, "what is wrong with a child is said, and where") {
  for (const auto& [says, make] : wrong_children) {
    auto x = worker("a");
    make(x);
    check_refused(
        start_error(*this, {.name = "root", .children = {worker("first"), x}}),
        says, "child 'root/" + x.id + "'");
  }
  CHECK(starts.empty());
}

TEST_CASE_FIXTURE(world, "what is wrong with a supervisor is said, and where") {
  for (const auto& [says, spec] : wrong_supervisors(*this))
    check_refused(start_error(*this, spec), says, spec.name + "'");
  CHECK(starts.empty());
}

TEST_CASE_FIXTURE(world, "mistakes deep in a tree are found before anything of "
                         "it is started") {
  auto below = [&](supervisor_spec x) {
    auto low = supervisor_child("low", std::move(x));
    return supervisor_spec{
        .name = "root",
        .children = {
            worker("first"),
            supervisor_child("middle", {.children = {worker("second"), low}})}};
  };
  for (const auto& [says, make] : wrong_children) {
    auto x = worker("a");
    make(x);
    check_refused(start_error(*this, below({.children = {x}})), says,
                  "'root/middle/low/" + x.id + "'");
  }
  for (auto& [says, spec] : wrong_supervisors(*this)) {
    if (spec.name != "supervisor")
      continue; // supervisor_child names it
    check_refused(start_error(*this, below(spec)), says, "'root/middle/low'");
  }
  CHECK(starts.empty());
}

TEST_CASE_FIXTURE(world, "a wrong child is not added either") {
  supervise({.name = "root"});
  for (const auto& [says, make] : wrong_children) {
    auto x = worker("a");
    make(x);
    auto middle = supervisor_child("middle", {.children = {worker("b"), x}});
    check_refused(ask<caf::actor>(root, start_child_atom_v, x).error(), says,
                  "'root/" + x.id + "'");
    check_refused(ask<caf::actor>(root, start_child_atom_v, middle).error(),
                  says, "'root/middle/" + x.id + "'");
  }
  CHECK(count().specs == 0);
  CHECK(starts.empty());
}

TEST_CASE_FIXTURE(world, "a supervisor that is given another id goes by it") {
  auto middle = supervisor_child("middle", {.children = {worker("a")}});
  middle.id = "m";
  supervise({.name = "root", .children = {middle}});
  crash("a");
  CHECK(named(event_name::child_terminated).front().path == "root/m");
}

// -- durations that are as long as they can be --------------------------------

TEST_CASE("no duration is too long") {
  for (auto longest : {infinite, infinite - 1ns, longest_delay - 1ns}) {
    world w;
    auto b = w.slow_worker("b", {.last_will = 1s});
    b.start_limit = longest;
    b.stop = shutdown::after(longest);
    b.intensity = restart_intensity{.intensity = 3, .period = longest};
    b.retry = backoff{
        .minimum = 1s, .maximum = longest, .jitter = 0, .reset_after = longest};
    w.supervise({.name = "root",
                 .intensity = {.intensity = 1, .period = longest},
                 .children = {b},
                 .kill_grace = longest,
                 .stop_limit = longest});
    w.advance(1h); // its start limit is not over
    CHECK(w.child("b").state == child_state::starting);
    w.make_ready("b");
    CHECK(w.child("b").state == child_state::running);
    for (int i = 0; i < 2; ++i) {
      w.crash("b");
      w.advance(1s);
      w.make_ready("b");
    }
    CHECK(w.child("b").restarts == 2);
    auto gone = w.ask<nothing>(w.root, terminate_child_atom_v, string{"b"});
    CHECK(w.alive("b")); // its last second
    w.advance(1s);
    CHECK(gone.ok());
    auto deaf = w.deaf_worker("d");
    deaf.stop = shutdown::brutal_kill();
    REQUIRE(w.ask<caf::actor>(w.root, start_child_atom_v, deaf).ok());
    gone = w.ask<nothing>(w.root, terminate_child_atom_v, string{"d"});
    w.advance(1h);
    CHECK_FALSE(gone.came()); // kill_grace is not over
    w.let_go("d");
    CHECK(gone.ok());
    caf::anon_send_exit(w.root, caf::exit_reason::user_shutdown);
    w.run();
    CHECK(w.ended);
  }
}

TEST_CASE("a wait that never ends is waited for, and can be cancelled") {
  for (auto how : {strategy::one_for_one, strategy::one_for_all}) {
    world w;
    auto a = w.worker("a");
    a.retry =
        backoff{.minimum = infinite - 1ns, .maximum = infinite, .jitter = 0};
    w.supervise({.name = "root",
                 .strategy = how,
                 .intensity = {.intensity = 9},
                 .children = {a}});
    w.crash("a"); // at once
    w.crash("a"); // after a wait
    w.advance(24h * 365);
    CHECK(w.child("a").state == child_state::backoff);
    CHECK(w.starts["a"] == 2);
    auto gone = w.ask<nothing>(w.root, terminate_child_atom_v, string{"a"});
    CHECK(gone.ok());
  }
}
