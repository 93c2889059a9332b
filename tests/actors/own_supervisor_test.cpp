// Where a pool stands, and how it is stopped: below a supervisor of the
// application's, one at a time; at once if its settings say so.
#include "native_fixture.hpp"
#include "pool_parts.hpp"

#include "charmer/supervision/messages.hpp"
#include "charmer/supervision/supervisor.hpp"

using namespace charmer_tests;

namespace {

// A pool below a supervisor of one's own, and an actor that watches that.
struct own_tree {
  explicit own_tree(pool_settings x) : self(sys) {
    auto child = make_pool_child(sys, std::move(x));
    REQUIRE(child);
    spec = child->spec;
    pool = child->handle;
  }

  caf::actor start_below(const std::string& name) {
    auto result = start_supervisor(sys, {.name = name, .children = {spec}});
    REQUIRE(result);
    return *result;
  }

  bool ended(const caf::actor& who) {
    self->monitor(who);
    auto result = false;
    self->receive([&](const caf::down_msg&) { result = true; },
                  caf::after(limit) >> [] {});
    return result;
  }

  caf::error call(caf::message what = work()) {
    caf::error why;
    self->request(pool.actor(), caf::infinite, std::move(what))
        .receive([](std::uint64_t) {},
                 [&](caf::error& e) { why = std::move(e); });
    return why;
  }

  bool comes_true(const std::function<bool()>& what) {
    auto end = std::chrono::steady_clock::now() + limit;
    while (!what()) {
      if (std::chrono::steady_clock::now() > end)
        return false;
      self->receive(caf::after(1ms) >> [] {});
    }
    return true;
  }

  config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self;
  child_spec spec;
  pool_handle pool;
};

} // namespace

TEST_CASE("one pool cannot run below two supervisors; one after the other") {
  own_tree t{lab(2)};
  auto first = t.start_below("first");
  CHECK(!t.call());
  auto second = start_supervisor(t.sys, {.name = "second"});
  REQUIRE(second);
  caf::error why;
  t.self->request(*second, limit, start_child_atom_v, t.spec)
      .receive([](const caf::actor&) { FAIL("it runs already"); },
               [&](caf::error& e) { why = std::move(e); });
  CHECK(describe(why).find("runs already") != std::string::npos);
  CHECK(!t.call()); // the first is not touched
  ask_to_stop(t.self->address(), first);
  REQUIRE(t.ended(first));
  CHECK(t.call() == pool_errc::shutting_down);
  t.self->request(*second, limit, start_child_atom_v, t.spec)
      .receive([](const caf::actor&) {},
               [](caf::error& e) { FAIL(describe(e)); });
  CHECK(!t.call());
  ask_to_stop(t.self->address(), *second);
  CHECK(t.ended(*second));
}

TEST_CASE(
    "a pool whose supervisor was killed, and is not started again, answers "
    "what waits and refuses what comes") {
  gates outside;
  auto x = lab(1);
  std::function<void(own_tree&, const caf::actor&)> finish =
      [](own_tree& t, const caf::actor& top) { kill(t.self->address(), top); };
  SUBCASE("with the one above") {}
  SUBCASE("with the one above, and it escalates") {
    x.exhausted = on_exhausted::escalate;
  }
  SUBCASE("by a stop that has no time") {
    x.pool_sup_shutdown = shutdown::brutal_kill();
    finish = [](own_tree& t, const caf::actor& top) {
      ask_to_stop(t.self->address(), top);
    };
  }
  SUBCASE("alone, by order") {
    finish = [](own_tree& t, const caf::actor& top) {
      t.self->request(top, limit, kill_child_atom_v, t.spec.id)
          .receive([] {}, [](caf::error& e) { FAIL(describe(e)); });
    };
  }
  own_tree t{x};
  auto top = t.start_below("top");
  auto ask = [&](caf::message what) {
    return t.self->request(t.pool.actor(), limit, std::move(what));
  };
  auto outcome_of = [](auto& asked) {
    caf::error why;
    asked.receive([](std::uint64_t) {}, [&](caf::error& e) { why = e; });
    return why;
  };
  auto running = ask(wait_at(outside.door));
  REQUIRE(outside.door.wait_for(1));
  auto waiting = ask(work());
  finish(t, top);
  CHECK(outcome_of(waiting) == pool_errc::shutting_down);
  CHECK(t.call() == pool_errc::shutting_down);
  outside.door.open();
  CHECK(code_of(outcome_of(running)));
  ask_to_stop(t.self->address(), top);
  CHECK(t.ended(top));
}

TEST_CASE("a pool that is stopped with a group and started again at once is "
          "open, whoever is slow to tell of its end") {
  own_tree t{lab(1)};
  child_spec sibling;
  sibling.id = "sibling";
  sibling.retry = backoff{.minimum = 0s, .maximum = 0s};
  sibling.start = [](const start_context& where) -> caf::expected<started> {
    return started{
        where.self->spawn([]() -> caf::behavior { return {[](int) {}}; })};
  };
  auto top =
      start_supervisor(t.sys, {.name = "top",
                               .strategy = strategy::one_for_all,
                               .intensity = restart_intensity::unlimited(),
                               .children = {sibling, t.spec}});
  REQUIRE(top);
  caf::actor last;
  auto replaced = [&] {
    return t.comes_true([&] {
      caf::actor now;
      t.self->request(*top, limit, which_children_atom_v)
          .receive(
              [&](const std::vector<child_info>& all) { now = all[0].handle; },
              [](caf::error&) {});
      return now && std::exchange(last, now) != now;
    });
  };
  for (int i = 0; i < 300; ++i) {
    REQUIRE(replaced());
    kill(t.self->address(), last);
    // Waits for the pool, or is told that it was being stopped.
    t.call();
  }
  REQUIRE(replaced());
  CHECK(t.comes_true([&] { return !t.call(); }));
  ask_to_stop(t.self->address(), *top);
  CHECK(t.ended(*top));
}

TEST_CASE(
    "a pool that escalates ends with its workers' supervisor, whatever that "
    "ends of, and is started again") {
  auto x = lab(1);
  x.exhausted = on_exhausted::escalate;
  native_fixture f{x};
  auto before = incarnations(f.stats());
  pool_parts{f}.kill_part("workers", 1);
  CHECK(f.eventually([&](auto& s) {
    auto now = incarnations(s);
    return now.size() == 1 && now != before;
  }));
  CHECK(f.call());
}

TEST_CASE("brutal_kill: a stop waits for nobody, and the name is free") {
  auto x = lab(1);
  x.worker_shutdown = 0s;
  x.pool_sup_shutdown = shutdown::brutal_kill();
  native_fixture f{x};
  auto running = f.ask(wait_at(f.door));
  REQUIRE(f.door.wait_for(1));
  auto before = std::chrono::steady_clock::now();
  std::thread stopping{[&] { CHECK(!f.app->stop_pool("default", 60s)); }};
  CHECK(f.answer(running).why);
  stopping.join();
  CHECK(std::chrono::steady_clock::now() - before < 20s);
  CHECK(f.app->start_pool(lab(1)));
}

TEST_CASE("a pool that stands alone has its overruns told as any other") {
  config cfg;
  caf::actor_system sys{cfg};
  auto hub = std::make_shared<event_hub>(sys);
  auto x = lab(1);
  x.overrun_warning = 1h;
  auto child = make_pool_child(sys, x, hub);
  REQUIRE(child);
  auto wanted = watching_overruns("default", "default", log_overrun).name;
  auto handlers = hub->which();
  CHECK(std::any_of(handlers.begin(), handlers.end(),
                    [&](auto& y) { return y.name == wanted; }));
  hub->remove(wanted);
}
