// Strategies of the application's own, and what they may do wrong.
#include "native_fixture.hpp"

using namespace charmer_tests;

namespace {

call_options by(const std::string& name) {
  return {.strategy = custom_worker(name)};
}

} // namespace

TEST_CASE("a strategy of the application's gets name and workers of the pool") {
  std::string pool;
  std::atomic<std::size_t> count{0};
  register_strategy("last", [&](const std::string& name, auto& xs) {
    pool = name;
    count = xs.size();
    return xs.back();
  });
  native_fixture f{lab(4)};
  auto first = f.call(work(), by("last"));
  CHECK(first);
  CHECK(pool == "default");
  CHECK(count == 4);
  for (int i = 0; i < 5; ++i)
    CHECK(f.call(work(), by("last")).who == first.who);
}

TEST_CASE("who waits for the worker that was chosen waits for it alone") {
  register_strategy("last",
                    [](const std::string&, auto& xs) { return xs.back(); });
  native_fixture f{lab(4)};
  f.occupy(1, by("last"));
  CHECK(
      f.call(work(), {.timeout = 100ms, .strategy = custom_worker("last")}).why
      == pool_errc::wait_timeout);
  CHECK(f.comes_to(3, 1, 0));
}

TEST_CASE("null, a stranger and a dead worker are no_available_worker") {
  native_fixture f{lab(2)};
  auto stranger = f.app->supervisor();
  caf::actor dead;
  register_strategy("null", [](auto&, auto&) { return caf::actor{}; });
  register_strategy("stranger", [&](auto&, auto&) { return stranger; });
  register_strategy("dead", [&](auto&, auto& xs) {
    if (!dead)
      dead = xs.front();
    return dead;
  });
  for (auto name : {"null", "stranger"}) {
    CHECK(f.call(work(), by(name)).why == pool_errc::no_available_worker);
    CHECK(!f.cast(work(), by(name)));
  }
  CHECK(f.events.wait_for("charmer.request.failed", 2));
  CHECK(f.call(suicide(), by("dead")));
  REQUIRE(f.eventually([&](auto&) {
    auto living = f.app->workers();
    return living->size() == 2
           && std::none_of(living->begin(), living->end(),
                           [&](auto& x) { return x.handle == dead; });
  }));
  CHECK(f.call(work(), by("dead")).why == pool_errc::no_available_worker);
  register_strategy("null", nullptr);
  register_strategy("stranger", nullptr);
  register_strategy("dead", nullptr);
}

TEST_CASE("a strategy that throws is told, and any worker serves") {
  register_strategy("broken", [](auto&, auto&) -> caf::actor {
    throw std::runtime_error("no idea");
  });
  register_strategy("very broken",
                    [](auto&, auto&) -> caf::actor { throw 42; });
  native_fixture f{lab(2)};
  for (auto name : {"broken", "very broken", "nobody registered me"}) {
    CAPTURE(name);
    CHECK(f.call(work(), by(name)));
    CHECK(!f.cast(work(), by(name)));
  }
  CHECK(f.events.wait_for("charmer.strategy.failed", 6));
  auto all = f.events.all();
  CHECK(std::any_of(all.begin(), all.end(), [](auto& x) {
    return x.text.find("no idea") != std::string::npos;
  }));
}

TEST_CASE("without a queue a strategy that throws finds no worker") {
  register_strategy("broken", [](auto&, auto&) -> caf::actor {
    throw std::runtime_error("no idea");
  });
  auto x = lab(2);
  x.queue = queue_order::off;
  x.default_strategy = "best_worker";
  native_fixture f{x};
  CHECK(f.call(work(), by("broken")).why == pool_errc::no_available_worker);
  CHECK(f.events.wait_for("charmer.strategy.failed"));
}

TEST_CASE("a default_strategy may be one of the application's") {
  register_strategy("last",
                    [](const std::string&, auto& xs) { return xs.back(); });
  auto x = lab(4);
  x.default_strategy = "last";
  native_fixture f{x};
  std::set<std::uint64_t> reached;
  for (int i = 0; i < 8; ++i)
    reached.insert(f.call().who);
  CHECK(reached.size() == 1);
}

TEST_CASE("a strategy that is taken back is one that fails") {
  register_strategy("first",
                    [](const std::string&, auto& xs) { return xs.front(); });
  native_fixture f{lab(2)};
  CHECK(f.call(work(), by("first")));
  CHECK(unregister_strategy("first"));
  CHECK(!unregister_strategy("first"));
  CHECK(f.call(work(), by("first")));
  CHECK(f.events.wait_for("charmer.strategy.failed"));
}

TEST_CASE("a strategy that does not exist is refused") {
  native_fixture f{lab(2)};
  worker_strategy odd{static_cast<choice>(200)};
  auto why = f.call(work(), {.strategy = odd}).why;
  CHECK(why == pool_errc::unsupported);
  CHECK(failure_of(why).text.find("does not exist") != std::string::npos);
}
