// The stop of many: who is asked when, and what the limit of the whole does.
#include "world.hpp"

using namespace test;

namespace {

void stop(world& w) {
  caf::anon_send_exit(w.root, caf::exit_reason::user_shutdown);
  w.run();
}

/// Is never awaited in vain but by the limit of the whole.
child_spec endless(child_spec x) {
  x.stop = shutdown::infinite();
  return x;
}

timespan millis(int x) {
  return std::chrono::milliseconds(x);
}

} // namespace

TEST_CASE_FIXTURE(world, "the limit of the whole ends all that is left: those "
                         "asked, those not asked yet, retiring ones, "
                         "replacements, and trees below") {
  manners stubborn{.stubborn = true};
  auto low = supervisor_child(
      "low", {.children = {endless(worker("deep", stubborn))}});
  supervise({.name = "root",
             .children = {low, endless(worker("first", stubborn)),
                          endless(worker("second", stubborn))},
             .stop_limit = 1h});
  auto start = [&](string id) {
    auto x = ask<caf::actor>(root, start_child_atom_v,
                             endless(slow_worker(id, stubborn)));
    make_ready(id);
    return x.value();
  };
  auto retiring = start("old");
  REQUIRE_FALSE(
      ask<caf::actor>(root, replace_child_atom_v, string{"old"}).came());
  make_ready("old");
  auto running = start("twice");
  auto second = ask<caf::actor>(root, replace_child_atom_v, string{"twice"});
  auto replacement = handles["twice"];
  REQUIRE(running != replacement);
  stop(*this);
  CHECK(is(second.error(), supervision_errc::shutting_down));
  advance(1h - 1ms);
  CHECK_FALSE(ended);
  for (const auto& x : everybody)
    CHECK_FALSE(has_ended(x));
  CHECK(named(event_name::shutdown_error).empty());
  advance(1ms);
  CHECK(ended);
  CHECK(is(end_reason, caf::exit_reason::user_shutdown));
  for (const auto& x : everybody)
    CHECK(has_ended(x));
  std::multiset<string> overdue;
  for (const auto& e : named(event_name::shutdown_error)) {
    CHECK(e.level == severity::error);
    CHECK(is(e.reason, caf::exit_reason::kill));
    overdue.insert(e.child);
  }
  CHECK(overdue
        == std::multiset<string>{"first", "low", "old", "old", "second",
                                 "twice", "twice"});
  // What the supervisor below left behind was killed and awaited, too.
  auto ends = named(event_name::child_terminated);
  REQUIRE(ends.size() == 1);
  CHECK(ends.front().child == "deep");
  CHECK(ends.front().details.at("retired") == "true");
}

TEST_CASE_FIXTURE(world, "the limit of the whole counts from the request, and "
                         "who stops in time is not late") {
  auto a = worker("a", {.last_will = 20min});
  auto b = worker("b", {.last_will = 20min});
  supervise({.name = "root",
             .children = {endless(worker("c", {.last_will = 30min})),
                          endless(a), endless(b)},
             .stop_limit = 1h});
  stop(*this);
  advance(41min);
  CHECK_FALSE(alive("a"));
  CHECK_FALSE(alive("b"));
  advance(18min);
  CHECK(alive("c"));
  advance(1min);
  CHECK(ended);
  auto late = named(event_name::shutdown_error);
  REQUIRE(late.size() == 1);
  CHECK(late.front().child == "c");
}

TEST_CASE_FIXTURE(
    world, "children added at run time stop together, before all others, and "
           "those of the specification after them, one by one") {
  auto slowly = [](int ms) { return manners{.last_will = millis(ms)}; };
  supervise({.name = "root",
             .children = {worker("a", slowly(100)), worker("b", slowly(100))}});
  for (auto id : {"c", "d", "e"})
    REQUIRE(ask<caf::actor>(root, start_child_atom_v,
                            worker(id, slowly(id[0] == 'd' ? 300 : 200)))
                .ok());
  take_log();
  stop(*this);
  advance(200ms);
  CHECK(alive("d"));
  CHECK_FALSE(alive("c"));
  CHECK_FALSE(alive("e"));
  CHECK(alive("b"));
  advance(100ms);
  CHECK_FALSE(alive("d"));
  CHECK(alive("b")); // asked only now
  advance(99ms);
  CHECK(alive("b"));
  advance(1ms);
  CHECK_FALSE(alive("b"));
  advance(99ms);
  CHECK(alive("a"));
  CHECK_FALSE(ended);
  advance(1ms);
  CHECK(ended);
  auto log = take_log();
  CHECK(log.substr(6) == "-d -b -a"); // the first two at the same moment
  CHECK(named(event_name::shutdown_error).empty());
}

TEST_CASE_FIXTURE(world, "children of a template stop together, each by its "
                         "limit") {
  std::vector<int> wills{1000, 1000, 5000};
  child_spec w{.id = "w", .stop = shutdown::after(2s)};
  w.start = [&](const start_context& context) {
    auto will = wills[context.arguments.get_as<std::size_t>(0)];
    return worker("w", {.last_will = millis(will)}).start(context);
  };
  supervise({.name = "root",
             .strategy = strategy::simple_one_for_one,
             .children = {w}});
  for (std::size_t i = 0; i < wills.size(); ++i)
    REQUIRE(
        ask<caf::actor>(root, start_child_atom_v, caf::make_message(i)).ok());
  stop(*this);
  advance(1s);
  CHECK_FALSE(ended);
  CHECK(has_ended(everybody[0]));
  CHECK(has_ended(everybody[1]));
  advance(1s - 1ms);
  CHECK_FALSE(ended);
  CHECK_FALSE(has_ended(everybody[2]));
  advance(1ms);
  CHECK(ended);
  auto late = named(event_name::shutdown_error);
  REQUIRE(late.size() == 1);
  CHECK(late.front().child == "w#3");
}

// -- groups -------------------------------------------------------------------

TEST_CASE("a group stops and starts those that were added at run time in the "
          "order in which they were added, one by one") {
  for (auto how : {strategy::one_for_all, strategy::rest_for_one}) {
    world w;
    w.supervise({.name = "root",
                 .strategy = how,
                 .children = {w.worker("a"), w.worker("b")}});
    for (auto id : {"d", "c"})
      REQUIRE(w.ask<caf::actor>(w.root, start_child_atom_v, w.worker(id)).ok());
    w.take_log();
    w.crash("a");
    CHECK(w.take_log() == "-a -c -d -b +a +b +d +c");
    if (how == strategy::rest_for_one) {
      w.advance(10s);
      w.crash("d");
      CHECK(w.take_log() == "-d -c +d +c");
    }
  }
}

TEST_CASE("temporary members of a group leave when it restarts, wherever it is "
          "with them, and are not started again") {
  for (auto how : {strategy::one_for_all, strategy::rest_for_one}) {
    INFO(to_string(how));
    world w;
    auto temporary = [](child_spec x) {
      x.restart = restart_type::temporary;
      return x;
    };
    w.supervise({.name = "root",
                 .strategy = how,
                 .children = {temporary(w.worker("before")), w.worker("a"),
                              temporary(w.worker("b")), w.worker("c")}});
    auto starting = w.ask<caf::actor>(w.root, start_child_atom_v,
                                      temporary(w.slow_worker("d")));
    CHECK_FALSE(starting.came());
    w.take_log();
    w.crash("a");
    auto all = how == strategy::one_for_all;
    CHECK(w.take_log()
          == (all ? "-a -d -c -b -before +a +c" : "-a -d -c -b +a +c"));
    CHECK(starting.came());
    CHECK_FALSE(starting.ok());
    CHECK(w.count().specs == (all ? 2 : 3));
    CHECK(w.alive("before") == !all);
    CHECK_FALSE(w.ended);
    w.make_ready("d"); // too late
    CHECK(w.count().specs == (all ? 2 : 3));
  }
}

// -- links --------------------------------------------------------------------

TEST_CASE("children that are linked to their supervisor, by themselves and "
          "many, die without ending it") {
  for (auto how : {strategy::one_for_one, strategy::one_for_all}) {
    INFO(to_string(how));
    world w;
    w.supervise(
        {.name = "root", .strategy = how, .intensity = {.intensity = 1000}});
    auto linked = [&](string id) {
      auto x = w.worker(id);
      x.stop = shutdown::brutal_kill();
      return x;
    };
    for (int i = 0; i < 200; ++i)
      REQUIRE(w.ask<caf::actor>(w.root, start_child_atom_v,
                                linked(std::to_string(i)))
                  .ok());
    for (auto& [id, handle] : w.handles) // not while they start
      caf::actor_cast<caf::event_based_actor*>(handle)->link_to(w.root);
    auto first = w.handles;
    if (how == strategy::one_for_one)
      for (auto& [id, handle] : first)
        caf::anon_send(handle, caf::ok_atom::value,
                       caf::error{caf::sec::runtime_error});
    else
      w.crash("7");
    w.run();
    CHECK_FALSE(w.ended);
    for (auto& [id, handle] : first)
      CHECK(has_ended(handle));
    CHECK(w.count() == child_counts{200, 200, 0, 200});
  }
}
