// Ordered, bounded stop: limits, kills, what cannot be killed, and stops that
// come at a bad time.
#include "world.hpp"

using namespace test;

namespace {

void stop(world& w) {
  caf::anon_send_exit(w.root, caf::exit_reason::user_shutdown);
  w.run();
}

} // namespace

TEST_CASE_FIXTURE(
    world, "a child that ignores the request is killed after its limit") {
  auto a = worker("a");
  a.stop = shutdown::after(1s);
  auto b = worker("b", {.stubborn = true});
  b.stop = shutdown::after(1s);
  supervise({.name = "root", .children = {a, b}});
  stop(*this);
  advance(999ms);
  CHECK(alive("b"));
  CHECK(alive("a"));
  advance(1ms);
  CHECK_FALSE(alive("b"));
  CHECK(ended);
  CHECK(is(end_reason, caf::exit_reason::user_shutdown));
  auto wrong = named(event_name::shutdown_error);
  REQUIRE(wrong.size() == 1);
  CHECK(wrong.front().child == "b");
  CHECK(is(wrong.front().reason, caf::exit_reason::kill));
  auto well = named(event_name::child_terminated);
  REQUIRE(well.size() == 1);
  CHECK(is(well.front().reason, caf::exit_reason::user_shutdown));
  CHECK(well.front().level == severity::info);
}

TEST_CASE_FIXTURE(world, "brutal_kill kills at once, and that is no error") {
  auto a = worker("a", {.stubborn = true});
  a.stop = shutdown::brutal_kill();
  supervise({.name = "root", .children = {a, worker("b")}});
  stop(*this);
  CHECK(ended);
  CHECK(take_log() == "+a +b -b -a");
  CHECK(named(event_name::shutdown_error).empty());
  auto told = named(event_name::child_terminated);
  REQUIRE(told.size() == 2);
  CHECK(is(told[0].reason, caf::exit_reason::user_shutdown)); // its sibling
  CHECK(is(told[1].reason, caf::exit_reason::kill));
  CHECK(told[1].level == severity::info);
}

TEST_CASE_FIXTURE(world,
                  "an infinite limit waits, the stop as a whole does not") {
  auto a = worker("a", {.stubborn = true});
  a.stop = shutdown::infinite();
  supervise({.name = "root", .children = {a}, .stop_limit = 1h});
  stop(*this);
  advance(59min);
  CHECK(alive("a"));
  advance(1min);
  CHECK_FALSE(alive("a"));
  CHECK(ended);
}

TEST_CASE_FIXTURE(
    world, "a child that ends for a reason of its own is a shutdown_error") {
  auto a = worker("a", {.last_will = 1s});
  supervise({.name = "root", .children = {a}});
  stop(*this);
  crash("a", caf::sec::bad_function_call);
  CHECK(named(event_name::shutdown_error).size() == 1);
  CHECK(ended);
}

TEST_CASE_FIXTURE(world, "dynamic children stop together") {
  supervise({.name = "root"});
  for (int will : {1000, 1000, 5000}) {
    auto id = std::to_string(handles.size());
    auto x = worker(id, {.last_will = std::chrono::milliseconds(will)});
    x.stop = shutdown::after(2s);
    REQUIRE(ask<caf::actor>(root, start_child_atom_v, x).ok());
  }
  stop(*this);
  advance(1s);
  CHECK_FALSE(ended);
  CHECK_FALSE(alive("0"));
  CHECK_FALSE(alive("1"));
  CHECK(alive("2"));
  advance(1s);
  CHECK(ended);
}

TEST_CASE_FIXTURE(world, "ten children of a template are killed at once") {
  auto spec = worker("w", {.stubborn = true});
  spec.stop = shutdown::brutal_kill();
  supervise({.name = "root",
             .strategy = strategy::simple_one_for_one,
             .children = {spec}});
  for (int i = 0; i < 10; ++i)
    REQUIRE(ask<caf::actor>(root, start_child_atom_v, caf::message{}).ok());
  stop(*this);
  CHECK(ended);
  auto log = take_log();
  CHECK(std::count(log.begin(), log.end(), '-') == 10);
}

TEST_CASE("what cannot be killed is abandoned and told") {
  world w;
  w.supervise(
      {.name = "root", .children = {w.deaf_worker("deaf"), w.worker("b")}});
  auto gone = w.ask<nothing>(w.root, terminate_child_atom_v, string{"deaf"});
  w.advance(5s);
  CHECK_FALSE(gone.came());
  w.advance(5s);
  CHECK(gone.ok());
  auto told = w.named(event_name::child_abandoned);
  REQUIRE(told.size() == 1);
  CHECK(told.front().child == "deaf");
  auto all =
      w.ask<std::vector<child_info>>(w.root, which_children_atom_v).value();
  REQUIRE(all.size() == 3);
  CHECK(all[2].state == child_state::abandoned);
  CHECK(w.child("deaf").state == child_state::stopped);
  stop(w);
  CHECK(w.ended);
  w.let_go("deaf"); // or it would count as left over
}

TEST_CASE_FIXTURE(world, "a stop reaches children that start") {
  supervise({.name = "root", .children = {worker("a")}});
  auto b = ask<caf::actor>(root, start_child_atom_v, slow_worker("b"));
  stop(*this);
  CHECK(ended);
  CHECK(is(b.error(), supervision_errc::shutting_down));
  CHECK_FALSE(alive("b"));
}

TEST_CASE_FIXTURE(world, "a stop reaches children that wait for their retry") {
  auto a = worker("a");
  a.retry = backoff{.minimum = 10s};
  supervise({.name = "root", .intensity = {.intensity = 9}, .children = {a}});
  crash("a");
  crash("a");
  CHECK(child("a").state == child_state::backoff);
  stop(*this);
  CHECK(ended);
  advance(1min);
  CHECK(starts["a"] == 2);
}

TEST_CASE_FIXTURE(world,
                  "while it stops a supervisor starts nothing and says so") {
  supervise({.name = "root", .children = {worker("a", {.last_will = 2s})}});
  stop(*this);
  auto b = ask<caf::actor>(root, start_child_atom_v, worker("b"));
  CHECK(is(b.error(), supervision_errc::shutting_down));
  auto a = ask<nothing>(root, terminate_child_atom_v, string{"a"});
  CHECK(is(a.error(), supervision_errc::shutting_down));
  CHECK(child("a").state == child_state::stopping);
  advance(2s);
  CHECK(ended);
  CHECK(starts["b"] == 0);
}

TEST_CASE_FIXTURE(world, "a child that is killed by its supervisor's order has "
                         "not failed, nor if it was being stopped") {
  supervise({.name = "root",
             .children = {worker("a", {.last_will = 10min}), worker("b")}});
  auto stopped = ask<nothing>(root, terminate_child_atom_v, string{"a"});
  CHECK_FALSE(stopped.came());
  for (auto id : {"a", "b"}) {
    CHECK(ask<nothing>(root, kill_child_atom_v, string{id}).ok());
    CHECK(child(id).state == child_state::stopped);
  }
  CHECK(stopped.ok());
  CHECK(named(event_name::child_terminated).size() == 2);
  CHECK(named(event_name::shutdown_error).empty());
  auto nobody = ask<nothing>(root, kill_child_atom_v, string{"c"});
  CHECK(is(nobody.error(), supervision_errc::not_found));
}

TEST_CASE_FIXTURE(world, "a child that retires is forgotten at once, and "
                         "stopped within its limit") {
  auto a = worker("a", {.stubborn = true});
  a.stop = shutdown::after(5s);
  std::uint64_t life = 0;
  a.start = [&life, start = a.start](const start_context& x) {
    life = x.token;
    return start(x);
  };
  supervise({.name = "root", .children = {a, worker("b")}});
  auto first = child("a").handle;
  CHECK(ask<nothing>(root, retire_child_atom_v, life).ok());
  CHECK(ask<caf::actor>(root, start_child_atom_v, worker("a")).ok());
  CHECK(child("a").state == child_state::running);
  auto again = ask<nothing>(root, retire_child_atom_v, life);
  CHECK(is(again.error(), supervision_errc::not_found));
  auto all = ask<std::vector<child_info>>(root, which_children_atom_v).value();
  REQUIRE(all.size() == 3);
  CHECK(all[2].state == child_state::retiring);
  CHECK(all[2].handle == first);
  advance(5s);
  CHECK(has_ended(first));
  CHECK(child("a").state == child_state::running);
  CHECK(named(event_name::child_restarting).empty());
}

TEST_CASE_FIXTURE(
    world, "a child that dies while the supervisor stops is not restarted") {
  supervise({.name = "root",
             .children = {worker("a"), worker("b", {.last_will = 2s})}});
  stop(*this);
  crash("a");
  CHECK(starts["a"] == 1);
  advance(2s);
  CHECK(ended);
  CHECK(named(event_name::supervisor_stopped).size() == 1);
}

TEST_CASE_FIXTURE(world,
                  "an exit of a child that is linked is no request to stop") {
  auto a = worker("a");
  auto inner = a.start;
  a.start = [inner](const start_context& context) {
    auto result = inner(context);
    context.self->link_to(result->handle);
    return result;
  };
  supervise({.name = "root", .children = {a}});
  crash("a");
  CHECK_FALSE(ended);
  CHECK(starts["a"] == 2);
}

// -- the initial start --------------------------------------------------------

TEST_CASE_FIXTURE(world, "each child is awaited before the next one starts") {
  supervise({.name = "root", .children = {slow_worker("a"), worker("b")}});
  auto ready = ask<nothing>(root, ready_atom_v);
  CHECK(take_log() == "+a");
  CHECK_FALSE(ready.came());
  auto late = ask<caf::actor>(root, start_child_atom_v, worker("c"));
  CHECK_FALSE(late.came());
  make_ready("a");
  CHECK(take_log() == "+b +c");
  CHECK(ready.ok());
  CHECK(late.ok());
  CHECK(ask<nothing>(root, ready_atom_v).ok());
}

TEST_CASE_FIXTURE(
    world, "an initial start that fails stops what had started, in reverse") {
  refuse["c"] = 1;
  supervise({.name = "root",
             .children = {worker("a"), worker("b"), worker("c"), worker("d")}});
  CHECK(take_log() == "+a +b -b -a");
  CHECK(ended);
  CHECK(is(end_reason, supervision_errc::start_failed));
  CHECK(describe_reason(end_reason).find("'c'") != string::npos);
  CHECK(starts["d"] == 0);
}

TEST_CASE_FIXTURE(world,
                  "who waits for an initial start that fails is told why") {
  supervise({.name = "root", .children = {slow_worker("a")}});
  auto ready = ask<nothing>(root, ready_atom_v);
  auto late = ask<caf::actor>(root, start_child_atom_v, worker("b"));
  make_failed("a", caf::sec::cannot_open_port);
  CHECK(is(ready.error(), supervision_errc::start_failed));
  CHECK(is(cause_of(ready.error()), caf::sec::cannot_open_port));
  CHECK(is(late.error(), supervision_errc::shutting_down));
  CHECK(ended);
}

TEST_CASE_FIXTURE(
    world, "a child that dies during the initial start is restarted after it") {
  supervise({.name = "root", .children = {worker("a"), slow_worker("b")}});
  crash("a");
  CHECK(starts["a"] == 1);
  make_ready("b");
  CHECK(starts["a"] == 2);
  CHECK(alive("a"));
}

TEST_CASE_FIXTURE(world,
                  "a stop during the initial start stops what is there") {
  supervise({.name = "root", .children = {worker("a"), slow_worker("b")}});
  auto ready = ask<nothing>(root, ready_atom_v);
  stop(*this);
  CHECK(ended);
  CHECK(ready.came());
  CHECK_FALSE(ready.ok());
  CHECK(take_log() == "+a +b -b -a");
}

TEST_CASE_FIXTURE(world, "the end of a helper that a start function has linked "
                         "is no request to stop") {
  supervise({.name = "root", .children = {worker("a")}});
  auto broken = worker("b");
  broken.start = [](const start_context& context) -> caf::expected<started> {
    context.self->spawn<caf::linked>(
        [](caf::event_based_actor* self) -> caf::behavior {
          self->quit(caf::sec::runtime_error);
          return {[](int) {}};
        });
    return make_error(caf::sec::runtime_error);
  };
  auto refused = ask<caf::actor>(root, start_child_atom_v, broken);
  CHECK(is(refused.error(), supervision_errc::start_failed));
  run();
  CHECK_FALSE(ended);
  CHECK(alive("a"));
}

TEST_CASE_FIXTURE(world, "a helper that a start function has linked and that "
                         "ends well is forgotten") {
  caf::actor_addr helper;
  auto x = worker("a");
  x.start = [&, inner = x.start](const start_context& context) {
    helper = context.self
                 ->spawn<caf::linked>(
                     [](caf::event_based_actor* self) { self->quit(); })
                 .address();
    return inner(context);
  };
  supervise({.name = "root", .children = {x}});
  CHECK(alive("a"));
  auto& supervisor = dynamic_cast<last_word_actor&>(
      *caf::actor_cast<caf::abstract_actor*>(root));
  CHECK_FALSE(supervisor.was_noted(helper));
}

TEST_CASE_FIXTURE(world, "nobody ends a supervisor with the message that it "
                         "sends to itself when it ends") {
  supervise({.name = "root", .children = {worker("a"), worker("b")}});
  caf::anon_send(root, end_atom_v);
  run();
  CHECK_FALSE(ended);
  CHECK(alive("a"));
  auto lasting = worker("c", {.last_will = 1s});
  REQUIRE(ask<caf::actor>(root, start_child_atom_v, lasting).ok());
  caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
  run();
  caf::anon_send(root, end_atom_v);
  run();
  CHECK_FALSE(ended);
  CHECK(alive("c"));
  advance(1s);
  CHECK(ended);
}
