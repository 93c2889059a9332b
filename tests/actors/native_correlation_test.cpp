// A native request says nothing of itself, but whoever sends it can.
#include "native_fixture.hpp"

using namespace charmer_tests;

TEST_CASE("the error of a native request says what its caller calls it") {
  native_fixture f{lab(1)};
  f.occupy(1);
  auto pool =
      f.pool.with({.strategy = next_available_worker, .correlation = "n-3"});
  f.self->request(pool.actor(), limit, work())
      .receive(
          [](std::uint64_t) { FAIL("nobody is free"); },
          [](caf::error& e) { CHECK(failure_of(e).correlation == "n-3"); });
}

TEST_CASE("native requests have a correlation id in what is told of them") {
  pool_fixture f{lab(1)};
  auto steps = std::make_shared<recorder>();
  f.app->observe([steps](const event& e) { steps->add(e); },
                 {.name = "charmer.request.*", .at_least = severity::trace});
  auto pool = f.pool.with({.correlation = "n-1"});
  f.self->request(pool.actor(), limit, work())
      .receive([](std::uint64_t) {}, [](caf::error& e) { FAIL(describe(e)); });
  charmer::cast(f.self, f.pool, work(), {.correlation = "n-2"})
      .receive([] {}, [](caf::error& e) { FAIL(describe(e)); });
  for (std::string id : {"n-1", "n-2"})
    CHECK(steps->wait_for([&](const event& e) {
      auto found = e.details.find("correlation");
      return e.name == "charmer.request.executed" && found != e.details.end()
             && found->second == '"' + id + '"';
    }));
}
