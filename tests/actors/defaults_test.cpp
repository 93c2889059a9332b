// What holds for all tasks, and for all pools of an application.
#include "native_fixture.hpp"

using namespace charmer_tests;

namespace {

caf::error done(pool_fixture& f, std::function<void()> what,
                call_options options = {}) {
  caf::error result;
  execute(f.self, f.pool, std::move(what), std::move(options))
      .receive([] {}, [&](caf::error& e) { result = std::move(e); });
  return result;
}

} // namespace

TEST_CASE("a task is never tried again, whatever its caller says") {
  // Dies of every task, as far as it is known from outside: in the middle.
  register_native("mortal", [](caf::actor_system& sys) {
    return sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
      auto promise = std::make_shared<caf::response_promise>();
      return {[=](task& x) {
        *promise = self->make_response_promise();
        x.run();
        self->quit(caf::sec::runtime_error);
        return caf::delegated<void>{};
      }};
    });
  });
  auto x = lab(1);
  x.adapter = "mortal";
  native_fixture f{x};
  std::atomic<int> runs = 0;
  call_options again{.idempotent = idempotence::yes};
  CHECK(done(
            f, [&] { ++runs; }, again)
        == pool_errc::worker_died);
  execute_async(
      f.self, f.pool, [&] { ++runs; }, again)
      .receive([] {}, [](caf::error& e) { FAIL(describe(e)); });
  CHECK(f.eventually(
      [](auto& s) { return s.counts.failed == 2 && s.counts.running == 0; }));
  CHECK(runs == 2);
  CHECK(f.stats().counts.retried == 0);
}

TEST_CASE("a default_strategy for all pools holds where a pool says nothing") {
  config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self{sys};
  settings all;
  all.default_strategy = "next_worker";
  auto named = [](const char* name, const char* strategy) {
    auto x = lab(3);
    x.name = name;
    x.default_strategy = strategy;
    return x;
  };
  all.pools = {named("says nothing", ""), named("says", "available_worker")};
  for (auto& x : all.pools)
    std::replace(x.name.begin(), x.name.end(), ' ', '-');
  auto app = start(sys, all);
  REQUIRE(app);
  REQUIRE(!app->await_all(limit));
  auto reached = [&](const pool_handle& pool) {
    std::set<std::uint64_t> result;
    for (int i = 0; i < 3; ++i)
      self->request(pool.actor(), caf::infinite, work())
          .receive([&](std::uint64_t who) { result.insert(who); },
                   [](caf::error& e) { FAIL(describe(e)); });
    return result.size();
  };
  CHECK(reached(*app->pool("says-nothing")) == 3);
  CHECK(reached(*app->pool("says")) == 1);
  auto later = named("later", "");
  CHECK(reached([&] {
          auto pool = *app->start_pool(later);
          REQUIRE(!app->await_all(limit));
          return pool;
        }())
        == 3);
}
