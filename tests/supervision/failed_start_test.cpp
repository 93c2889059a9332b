// A start that fails, or takes too long: whoever waits for it is told what
// happened, and when.
#include "world.hpp"

using namespace test;

namespace {

/// A child whose start function throws.
child_spec throwing(string id) {
  return {.id = std::move(id),
          .start = [](const start_context&) -> caf::expected<started> {
            throw std::runtime_error("no such device");
          }};
}

bool says(const caf::error& x, const string& text) {
  INFO(describe_reason(x));
  return describe_reason(x).find(text) != string::npos;
}

struct with_nobody : world {
  with_nobody() { supervise({.name = "root", .kill_grace = 2s}); }

  answer<caf::actor> start(child_spec x) {
    return ask<caf::actor>(root, start_child_atom_v, std::move(x));
  }
};

/// Not ready unless it says so, deaf to a request to stop, and its stop may
/// take for ever.
child_spec endless(world& w, string id) {
  auto x = w.slow_worker(std::move(id), {.stubborn = true});
  x.stop = shutdown::infinite();
  x.start_limit = 10s;
  return x;
}

} // namespace

// -- why a supervisor did not start -------------------------------------------

TEST_CASE_FIXTURE(
    world,
    "after a failed start whoever asks whether it is ready is told why") {
  // It has ended before anybody could ask.
  supervise({.name = "root", .children = {worker("a"), throwing("b")}});
  REQUIRE(ended);
  auto why = ask<nothing>(root, ready_atom_v).error();
  CHECK(is(why, supervision_errc::start_failed));
  CHECK(says(why, "'b'"));
  CHECK(says(why, "no such device"));
}

TEST_CASE_FIXTURE(world, "requests that were sent before the start failed are "
                         "told why, too") {
  auto made = start_supervisor(
      system, {.name = "root", .children = {throwing("a")}, .events = hub});
  REQUIRE(made);
  // Nothing runs yet: these wait in its mailbox.
  auto ready = ask_later<nothing>(*made, ready_atom_v);
  auto added = ask_later<caf::actor>(*made, start_child_atom_v, worker("b"));
  auto counted = ask_later<child_counts>(*made, count_children_atom_v);
  run();
  CHECK(is(ready.error(), supervision_errc::start_failed));
  CHECK(says(ready.error(), "no such device"));
  CHECK(is(added.error(), supervision_errc::shutting_down));
  CHECK(is(cause_of(added.error()), supervision_errc::start_failed));
  CHECK(says(added.error(), "no such device"));
  CHECK(counted.came());
}

TEST_CASE_FIXTURE(world, "requests that wait for a start that fails are told "
                         "at once, while what had started still stops") {
  supervise({.name = "root",
             .children = {worker("a", {.last_will = 2s}), slow_worker("b")}});
  auto ready = ask<nothing>(root, ready_atom_v);
  auto added = ask<caf::actor>(root, start_child_atom_v, worker("c"));
  make_failed("b", caf::sec::cannot_open_port);
  CHECK_FALSE(ended);
  CHECK(is(ready.error(), supervision_errc::start_failed));
  CHECK(is(cause_of(ready.error()), caf::sec::cannot_open_port));
  CHECK(is(added.error(), supervision_errc::shutting_down));
  CHECK(says(added.error(), "cannot_open_port"));
  auto late = ask<nothing>(root, ready_atom_v);
  CHECK(is(late.error(), supervision_errc::start_failed));
  advance(2s);
  CHECK(ended);
}

TEST_CASE_FIXTURE(world, "an inner start that fails is the reason all the way "
                         "up, and after the end") {
  supervise({.name = "root",
             .children = {
                 supervisor_child("middle", {.children = {throwing("a")}})}});
  REQUIRE(ended);
  auto why = ask<nothing>(root, ready_atom_v).error();
  CHECK(says(why, "'middle'"));
  CHECK(says(why, "'a'"));
  CHECK(says(why, "no such device"));
}

TEST_CASE_FIXTURE(world, "after an escalation requests are told the reason") {
  supervise({.name = "root",
             .intensity = {.intensity = 0},
             .children = {worker("a")}});
  crash("a", caf::sec::cannot_open_file);
  REQUIRE(ended);
  auto late = ask<nothing>(root, terminate_child_atom_v, string{"a"});
  CHECK(is(late.error(), supervision_errc::shutting_down));
  CHECK(
      is(cause_of(late.error()), supervision_errc::restart_intensity_reached));
  CHECK(says(late.error(), "cannot_open_file"));
}

TEST_CASE_FIXTURE(world, "after an ordered stop requests are told of that") {
  supervise({.name = "root", .children = {worker("a")}});
  caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
  run();
  auto ready = ask<nothing>(root, ready_atom_v);
  CHECK(is(ready.error(), supervision_errc::shutting_down));
  CHECK(is(cause_of(ready.error()), caf::exit_reason::user_shutdown));
}

// -- start limits -------------------------------------------------------------

TEST_CASE_FIXTURE(
    with_nobody, "who asked for a start is answered at its limit, however long "
                 "the child takes to be gone") {
  auto asked = start(endless(*this, "a"));
  advance(10s);
  CHECK(is(asked.error(), supervision_errc::start_failed));
  CHECK(is(cause_of(asked.error()), supervision_errc::start_timeout));
  CHECK(says(asked.error(), "'a'"));
  CHECK(says(asked.error(), "10s"));
  CHECK(alive("a"));
  make_ready("a"); // too late
  CHECK(child("a").state != child_state::running);
  advance(2s); // kill_grace
  CHECK_FALSE(alive("a"));
  CHECK(count() == child_counts{0, 0, 0, 0});
  CHECK(named(event_name::shutdown_error).size() == 1);
  CHECK(named(event_name::start_error).size() == 1);
}

TEST_CASE_FIXTURE(with_nobody,
                  "a start that is given up is one error, whatever "
                  "the child ends of") {
  auto a = slow_worker("a", {.last_will = 2s});
  a.start_limit = 10s;
  auto asked = start(a);
  advance(10s);
  CHECK(is(cause_of(asked.error()), supervision_errc::start_timeout));
  crash("a", caf::sec::bad_function_call);
  CHECK(named(event_name::start_error).size() == 1);
  CHECK(named(event_name::shutdown_error).empty());
}

TEST_CASE_FIXTURE(with_nobody,
                  "what was never ready and cannot be killed is abandoned") {
  auto a = deaf_worker("a");
  a.start = [inner = a.start](const start_context& x) {
    auto result = inner(x);
    result->ready = false;
    return result;
  };
  a.stop = shutdown::infinite();
  a.start_limit = 10s;
  auto asked = start(a);
  advance(10s);
  CHECK(asked.came());
  advance(5s); // asked to stop, then killed
  CHECK(named(event_name::child_abandoned).size() == 1);
  CHECK(count().specs == 0);
  let_go("a");
}

TEST_CASE_FIXTURE(world, "whoever waits for the initial start is answered at "
                         "the limit of the child that is late") {
  supervise({.name = "root", .children = {worker("z"), endless(*this, "a")}});
  auto ready = ask<nothing>(root, ready_atom_v);
  auto added = ask<caf::actor>(root, start_child_atom_v, worker("b"));
  advance(9s);
  CHECK_FALSE(ready.came());
  advance(1s);
  CHECK(is(ready.error(), supervision_errc::start_failed));
  CHECK(says(ready.error(), "start_timeout"));
  CHECK(says(added.error(), "start_timeout"));
  CHECK_FALSE(ended);
  advance(5s); // kill_grace
  CHECK(ended);
  CHECK(named(event_name::start_error).size() == 1);
}

TEST_CASE_FIXTURE(with_nobody,
                  "a restart by hand is answered at the limit, and can be "
                  "asked for again") {
  auto spec = endless(*this, "a");
  auto first = start(spec);
  make_ready("a");
  REQUIRE(first.ok());
  caf::anon_send_exit(handles["a"], caf::exit_reason::kill);
  run();
  REQUIRE(child("a").state == child_state::starting);
  auto gone = ask<nothing>(root, terminate_child_atom_v, string{"a"});
  advance(13s); // was never ready again: limit and grace
  REQUIRE(gone.ok());
  auto again = ask<caf::actor>(root, restart_child_atom_v, string{"a"});
  advance(10s);
  CHECK(is(again.error(), supervision_errc::start_failed));
  advance(2s);
  CHECK(child("a").state == child_state::stopped);
  again = ask<caf::actor>(root, restart_child_atom_v, string{"a"});
  make_ready("a");
  CHECK(again.ok());
  caf::anon_send_exit(handles["a"], caf::exit_reason::kill);
}

TEST_CASE_FIXTURE(with_nobody, "a replacement that is late is given up at the "
                               "limit, and another can be asked for") {
  auto spec = endless(*this, "a");
  auto first = start(spec);
  make_ready("a");
  auto late = ask<caf::actor>(root, replace_child_atom_v, string{"a"});
  advance(10s);
  CHECK(is(late.error(), supervision_errc::start_failed));
  CHECK(child("a").handle == first.value());
  auto second = ask<caf::actor>(root, replace_child_atom_v, string{"a"});
  CHECK_FALSE(second.came());
  make_ready("a");
  CHECK(second.ok());
  CHECK(child("a").handle == second.value());
  for (auto& x : everybody)
    caf::anon_send_exit(x, caf::exit_reason::kill);
}

TEST_CASE_FIXTURE(with_nobody, "a stop does not wait for ever for what was "
                               "never ready") {
  auto asked = start(endless(*this, "a"));
  caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
  advance(9s);
  CHECK_FALSE(ended);
  advance(4s);
  CHECK(ended);
  CHECK(asked.came());
}

// -- whose actor it is --------------------------------------------------------

TEST_CASE_FIXTURE(world, "two children are never the same actor") {
  auto a = worker("a");
  auto b = worker("b");
  b.start = [this](const start_context&) -> caf::expected<started> {
    return started{handles["a"]};
  };
  b.restart = restart_type::temporary;
  supervise({.name = "root", .children = {a}});
  auto why = ask<caf::actor>(root, start_child_atom_v, b).error();
  CHECK(is(why, supervision_errc::start_failed));
  CHECK(says(why, "child 'a'"));
  CHECK(count() == child_counts{1, 1, 0, 1});
  crash("a");
  CHECK(starts["a"] == 2);
  CHECK(alive("a"));
}

TEST_CASE_FIXTURE(world, "an incarnation is not replaced by itself") {
  auto a = worker("a");
  auto inner = a.start;
  a.start = [this, inner](const start_context& x) -> caf::expected<started> {
    return x.beside ? started{handles["a"]} : inner(x);
  };
  supervise({.name = "root", .children = {a}});
  auto why = ask<caf::actor>(root, replace_child_atom_v, string{"a"}).error();
  CHECK(is(why, supervision_errc::start_failed));
  CHECK(child("a").state == child_state::running);
  CHECK(child("a").handle == handles["a"]);
}

TEST_CASE_FIXTURE(world, "a supervisor is not its own child") {
  auto a = worker("a");
  a.start = [](const start_context& x) -> caf::expected<started> {
    return started{x.supervisor};
  };
  supervise({.name = "root"});
  auto why = ask<caf::actor>(root, start_child_atom_v, a).error();
  CHECK(is(why, supervision_errc::start_failed));
  CHECK(says(why, "its own supervisor"));
  CHECK_FALSE(ended);
}
