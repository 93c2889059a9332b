// Requests to a supervisor: start, terminate, restart, delete, which, count.
#include "world.hpp"

using namespace test;

namespace {

auto start_child = start_child_atom_v;
auto terminate_child = terminate_child_atom_v;
auto restart_child = restart_child_atom_v;
auto delete_child = delete_child_atom_v;

} // namespace

TEST_CASE("the defaults are those of OTP") {
  supervisor_spec spec;
  CHECK(spec.strategy == strategy::one_for_one);
  CHECK(spec.intensity.intensity == 1);
  CHECK(spec.intensity.period == 5s);
  CHECK(spec.auto_shutdown == auto_shutdown::never);
  child_spec child;
  CHECK(child.restart == restart_type::permanent);
  CHECK(child.effective_stop() == shutdown::after(5s));
  CHECK_FALSE(child.significant);
  child.type = child_type::supervisor;
  CHECK(child.effective_stop() == shutdown::infinite());
}

TEST_CASE_FIXTURE(world, "a child that is added is answered with its handle") {
  supervise({.name = "root"});
  auto a = ask<caf::actor>(root, start_child, worker("a"));
  CHECK(a.value() == handles["a"]);
  CHECK(count() == child_counts{1, 1, 0, 1});
  auto e = named(event_name::child_started);
  REQUIRE(e.size() == 1);
  CHECK(e.front().child == "a");
  CHECK(e.front().level == severity::info);
}

TEST_CASE_FIXTURE(world, "a handle of nobody is not found") {
  supervise({.name = "root", .children = {worker("a")}});
  auto nobody = ask<caf::actor>(root, replace_child_atom_v, caf::actor{});
  CHECK(is(nobody.error(), supervision_errc::not_found));
  auto text = describe_reason(nobody.error());
  CHECK(text.find("null handle") != string::npos);
}

TEST_CASE_FIXTURE(world, "a known id is not started again") {
  supervise({.name = "root", .children = {worker("a")}});
  auto second = ask<caf::actor>(root, start_child, worker("a"));
  CHECK(is(second.error(), supervision_errc::already_started));
  CHECK(ask<nothing>(root, terminate_child, string{"a"}).ok());
  auto third = ask<caf::actor>(root, start_child, worker("a"));
  CHECK(is(third.error(), supervision_errc::already_present));
  CHECK(starts["a"] == 1);
}

TEST_CASE_FIXTURE(world, "a child whose start fails is not kept") {
  supervise({.name = "root"});
  refuse["a"] = 1;
  auto first = ask<caf::actor>(root, start_child, worker("a"));
  CHECK(is(first.error(), supervision_errc::start_failed));
  CHECK(describe_reason(first.error()).find("'a'") != string::npos);
  CHECK(is(cause_of(first.error()), supervision_errc::start_failed));
  CHECK(count() == child_counts{0, 0, 0, 0});
  CHECK(named(event_name::start_error).size() == 1);
  CHECK(ask<caf::actor>(root, start_child, worker("a")).ok());
}

TEST_CASE_FIXTURE(world, "a start function that throws has failed") {
  supervise({.name = "root"});
  auto a = worker("a");
  a.start = [](const start_context&) -> caf::expected<started> {
    throw std::runtime_error("no such device");
  };
  auto said = describe_reason(ask<caf::actor>(root, start_child, a).error());
  CHECK(said.find("no such device") != string::npos);
  CHECK_FALSE(ended);
}

TEST_CASE_FIXTURE(world, "a wrong spec is not started") {
  supervise({.name = "root"});
  auto a = worker("a");
  a.significant = true;
  a.restart = restart_type::transient;
  auto result = ask<caf::actor>(root, start_child, a);
  CHECK(is(result.error(), supervision_errc::invalid_spec));
  CHECK(count().specs == 0);
}

TEST_CASE_FIXTURE(world, "terminating keeps the spec and can be repeated") {
  supervise({.name = "root", .children = {worker("a")}});
  for (int i = 0; i < 2; ++i) {
    CHECK(ask<nothing>(root, terminate_child, string{"a"}).ok());
    CHECK(count() == child_counts{1, 0, 0, 1});
  }
  CHECK(starts["a"] == 1);
  CHECK(is(ask<nothing>(root, terminate_child, string{"b"}).error(),
           supervision_errc::not_found));
}

TEST_CASE_FIXTURE(
    world, "terminating by handle can be repeated, and ends no successor") {
  auto a = worker("a");
  a.retry = backoff{.minimum = 1s};
  supervise({.name = "root", .intensity = {.intensity = 9}, .children = {a}});
  auto first = handles["a"];
  crash("a");
  auto second = handles["a"];
  auto old = ask<nothing>(root, terminate_child, first).error();
  CHECK(is(old, supervision_errc::not_found));
  auto who = "#" + std::to_string(first.id());
  CHECK(describe_reason(old).find(who) != string::npos);
  CHECK(alive("a"));
  crash("a");
  REQUIRE(child("a").state == child_state::backoff);
  for (int i = 0; i < 2; ++i) { // cancels the retry, then does nothing
    CHECK(ask<nothing>(root, terminate_child, second).ok());
    CHECK(count() == child_counts{1, 0, 0, 1});
  }
  advance(1min);
  CHECK(starts["a"] == 2);
}

TEST_CASE_FIXTURE(world, "restarted by hand a child has a fresh budget") {
  auto a = worker("a");
  a.intensity = restart_intensity{.intensity = 1, .period = 1h};
  supervise({.name = "root", .children = {a}});
  for (int i = 0; i < 2; ++i) {
    crash("a");
    CHECK(alive("a"));
    crash("a");
    CHECK(child("a").state == child_state::stopped);
    CHECK(ask<caf::actor>(root, restart_child, string{"a"}).ok());
    CHECK(child("a").restarts == 0);
  }
}

TEST_CASE_FIXTURE(world, "terminated before its budget is used up, too, and "
                         "its backoff begins anew") {
  auto x = worker("a");
  x.intensity = restart_intensity{.intensity = 2, .period = 1h};
  x.retry = backoff{.minimum = 1s, .jitter = 0};
  supervise({.name = "root", .children = {x}});
  for (int i = 0; i < 2; ++i) {
    crash("a");
    crash("a");
    advance(1s);
    REQUIRE(alive("a"));
    CHECK(child("a").restarts == 2);
    CHECK(ask<nothing>(root, terminate_child_atom_v, string{"a"}).ok());
    CHECK(ask<caf::actor>(root, restart_child_atom_v, string{"a"}).ok());
    CHECK(child("a").restarts == 0);
  }
}

TEST_CASE_FIXTURE(world, "terminating a temporary child removes its spec") {
  auto a = worker("a");
  a.restart = restart_type::temporary;
  supervise({.name = "root", .children = {a}});
  CHECK(ask<nothing>(root, terminate_child, string{"a"}).ok());
  CHECK(count() == child_counts{0, 0, 0, 0});
}

TEST_CASE_FIXTURE(world, "terminating cancels a pending restart") {
  auto a = worker("a");
  a.retry = backoff{.minimum = 1s};
  supervise({.name = "root", .intensity = {.intensity = 9}, .children = {a}});
  crash("a");
  crash("a");
  CHECK(child("a").state == child_state::backoff);
  CHECK(is(ask<caf::actor>(root, restart_child, string{"a"}).error(),
           supervision_errc::restarting));
  CHECK(is(ask<nothing>(root, delete_child, string{"a"}).error(),
           supervision_errc::restarting));
  CHECK(ask<nothing>(root, terminate_child, string{"a"}).ok());
  advance(1min);
  CHECK(child("a").state == child_state::stopped);
  CHECK(starts["a"] == 2);
}

TEST_CASE_FIXTURE(world,
                  "only stopped children are restarted or deleted by hand") {
  supervise({.name = "root", .children = {worker("a")}});
  CHECK(is(ask<caf::actor>(root, restart_child, string{"a"}).error(),
           supervision_errc::running));
  CHECK(is(ask<nothing>(root, delete_child, string{"a"}).error(),
           supervision_errc::running));
  CHECK(ask<nothing>(root, terminate_child, string{"a"}).ok());
  CHECK(ask<caf::actor>(root, restart_child, string{"a"}).value()
        == handles["a"]);
  CHECK(ask<nothing>(root, terminate_child, string{"a"}).ok());
  CHECK(ask<nothing>(root, delete_child, string{"a"}).ok());
  CHECK(count() == child_counts{0, 0, 0, 0});
  CHECK(is(ask<caf::actor>(root, restart_child, string{"a"}).error(),
           supervision_errc::not_found));
  CHECK(is(ask<nothing>(root, delete_child, string{"a"}).error(),
           supervision_errc::not_found));
}

TEST_CASE_FIXTURE(world,
                  "a restart by hand that fails leaves the child stopped") {
  supervise({.name = "root", .children = {worker("a")}});
  CHECK(ask<nothing>(root, terminate_child, string{"a"}).ok());
  refuse["a"] = 1;
  CHECK(is(ask<caf::actor>(root, restart_child, string{"a"}).error(),
           supervision_errc::start_failed));
  CHECK(child("a").state == child_state::stopped);
  CHECK_FALSE(ended);
}

TEST_CASE_FIXTURE(world, "restarts by hand are not charged") {
  supervise({.name = "root",
             .intensity = {.intensity = 0},
             .children = {worker("a")}});
  for (int i = 0; i < 10; ++i) {
    CHECK(ask<nothing>(root, terminate_child, string{"a"}).ok());
    CHECK(ask<caf::actor>(root, restart_child, string{"a"}).ok());
  }
  CHECK_FALSE(ended);
}

TEST_CASE_FIXTURE(
    world, "a child that ignores its start keeps its spec, unless temporary") {
  auto ignoring = [](const start_context&) -> caf::expected<started> {
    return started{};
  };
  child_spec a{.id = "a", .start = ignoring};
  child_spec b{
      .id = "b", .start = ignoring, .restart = restart_type::temporary};
  supervise({.name = "root", .children = {a, b, worker("c")}});
  CHECK(count() == child_counts{2, 1, 0, 2});
  CHECK(child("a").state == child_state::stopped);
  a.id = "d";
  auto d = ask<caf::actor>(root, start_child, a);
  CHECK_FALSE(d.value());
  CHECK(count() == child_counts{3, 1, 0, 3});
}

TEST_CASE_FIXTURE(world, "a thousand children are counted") {
  supervise({.name = "root"});
  for (int i = 0; i < 1000; ++i) {
    auto x = worker(std::to_string(i));
    x.restart = restart_type::temporary;
    caf::anon_send(root, start_child, x);
  }
  run();
  CHECK(count() == child_counts{1000, 1000, 0, 1000});
  for (auto& [id, handle] : handles)
    caf::anon_send_exit(handle, caf::exit_reason::kill);
  run();
  CHECK(count() == child_counts{0, 0, 0, 0});
  CHECK_FALSE(ended);
}

// -- starts that take their time ----------------------------------------------

TEST_CASE_FIXTURE(world, "a start is answered when the child is ready") {
  supervise({.name = "root"});
  auto a = ask<caf::actor>(root, start_child, slow_worker("a"));
  CHECK_FALSE(a.came());
  CHECK(child("a").state == child_state::starting);
  make_ready("a");
  CHECK(a.value() == handles["a"]);
  CHECK(child("a").state == child_state::running);
}

TEST_CASE_FIXTURE(
    world, "a child that reports failure, dies or is late was not started") {
  supervise({.name = "root"});
  auto spec = slow_worker("a");
  spec.start_limit = 10s;
  auto a = ask<caf::actor>(root, start_child, spec);
  caf::error cause = caf::sec::cannot_open_port;
  SUBCASE("reports") {
    make_failed("a", cause);
  }
  SUBCASE("dies") {
    crash("a", cause);
  }
  SUBCASE("is late") {
    advance(9s);
    CHECK_FALSE(a.came());
    advance(1s);
    cause = supervision_errc::start_timeout;
  }
  CHECK(is(a.error(), supervision_errc::start_failed));
  CHECK(cause_of(a.error()).code() == cause.code());
  CHECK_FALSE(alive("a"));
  CHECK(count().specs == 0);
  make_ready("a");
  CHECK(count().specs == 0);
}

TEST_CASE_FIXTURE(
    world,
    "a child that is ready in time may live longer than its start limit") {
  auto a = slow_worker("a");
  a.start_limit = 10s;
  supervise({.name = "root"});
  auto answer = ask<caf::actor>(root, start_child, a);
  make_ready("a");
  advance(1min);
  CHECK(alive("a"));
  CHECK(starts["a"] == 1);
}

TEST_CASE_FIXTURE(
    world, "a start that is given up is not ready any more, whatever it says") {
  auto a = slow_worker("a", {.last_will = 2s});
  a.start_limit = 1s;
  supervise({.name = "root"});
  auto answer = ask<caf::actor>(root, start_child, a);
  advance(1s);
  CHECK(is(answer.error(), supervision_errc::start_failed));
  make_ready("a");
  CHECK(child("a").state == child_state::starting);
  advance(2s);
  CHECK_FALSE(alive("a"));
  CHECK(count().specs == 0);
}

TEST_CASE_FIXTURE(world, "a restarted child is running when it is ready") {
  supervise({.name = "root", .intensity = {.intensity = 3}});
  auto a = ask<caf::actor>(root, start_child, slow_worker("a"));
  make_ready("a");
  crash("a");
  CHECK(child("a").state == child_state::starting);
  crash("a");
  CHECK(starts["a"] == 3);
  CHECK(child("a").restarts == 2);
  make_ready("a");
  CHECK(child("a").state == child_state::running);
}

TEST_CASE_FIXTURE(world, "terminating a child that starts answers both") {
  supervise({.name = "root"});
  auto started = ask<caf::actor>(root, start_child, slow_worker("a"));
  auto stopped = ask<nothing>(root, terminate_child, string{"a"});
  CHECK(is(started.error(), supervision_errc::replaced));
  CHECK(stopped.ok());
  CHECK_FALSE(alive("a"));
  CHECK(count().specs == 0);
}

// -- simple_one_for_one -------------------------------------------------------

TEST_CASE_FIXTURE(world, "children of a template are told apart by handle") {
  std::vector<string> said;
  auto spec = worker("w");
  auto inner = spec.start;
  spec.start = [&said, inner](const start_context& context) {
    said.push_back(
        context.arguments.empty() ? "-" : context.arguments.get_as<string>(0));
    return inner(context);
  };
  supervise({.name = "root",
             .strategy = strategy::simple_one_for_one,
             .children = {spec}});
  CHECK(count() == child_counts{1, 0, 0, 0});
  auto message = [](string x) { return caf::make_message(std::move(x)); };
  auto x = ask<caf::actor>(root, start_child, message("x")).value();
  auto y = ask<caf::actor>(root, start_child, caf::message{}).value();
  CHECK(x != y);
  CHECK(said == std::vector<string>{"x", "-"});
  CHECK(count() == child_counts{1, 2, 0, 2});
  CHECK(ask<nothing>(root, terminate_child, x).ok());
  CHECK(count() == child_counts{1, 1, 0, 1});
  CHECK(is(ask<nothing>(root, terminate_child, x).error(),
           supervision_errc::not_found));
  CHECK(is(ask<caf::actor>(root, start_child, worker("z")).error(),
           supervision_errc::unsupported));
}

TEST_CASE_FIXTURE(world,
                  "a child of a template is restarted with its own arguments") {
  std::vector<string> said;
  auto spec = worker("w");
  auto inner = spec.start;
  spec.start = [&said, inner](const start_context& context) {
    said.push_back(context.arguments.get_as<string>(0));
    return inner(context);
  };
  supervise({.name = "root",
             .strategy = strategy::simple_one_for_one,
             .children = {spec}});
  auto message = caf::make_message(string{"x"});
  REQUIRE(ask<caf::actor>(root, start_child, message).ok());
  crash("w");
  CHECK(said == std::vector<string>{"x", "x"});
}

TEST_CASE_FIXTURE(world, "a child that is being started again is restarting, "
                         "for whoever asks") {
  supervise({.name = "root", .children = {slow_worker("a")}});
  make_ready("a");
  crash("a");
  REQUIRE(child("a").state == child_state::starting);
  CHECK(is(ask<caf::actor>(root, restart_child, string{"a"}).error(),
           supervision_errc::restarting));
  CHECK(is(ask<nothing>(root, delete_child, string{"a"}).error(),
           supervision_errc::restarting));
  make_ready("a");
  CHECK(is(ask<nothing>(root, delete_child, string{"a"}).error(),
           supervision_errc::running));
}

TEST_CASE_FIXTURE(world, "a supervisor ends with the reason that it is sent, "
                         "and does not for none") {
  supervise({.name = "root", .children = {worker("a")}});
  caf::anon_send(root, caf::exit_msg{root.address(), caf::error{}});
  run();
  CHECK_FALSE(ended);
  CHECK(alive("a"));
  caf::anon_send_exit(root, caf::exit_reason::remote_link_unreachable);
  run();
  CHECK(ended);
  CHECK(is(end_reason, caf::exit_reason::remote_link_unreachable));
  CHECK_FALSE(alive("a"));
}
