// A pool of another CAF node: two actor systems, a real connection.
#include "pool_fixture.hpp"

#include <caf/io/all.hpp>

using namespace charmer_tests;

namespace {

pool_settings streaming() {
  auto x = shop(1);
  x.adapter = "streams:Streams";
  return x;
}

// Another node, connected to the pool of the first one.
struct far_node {
  explicit far_node(pool_fixture& f) : sys(cfg), self(sys) {
    auto port = f.sys.middleman().publish(f.pool.actor(), 0, "127.0.0.1");
    REQUIRE(port);
    auto door = sys.middleman().remote_actor("127.0.0.1", *port);
    REQUIRE(door);
    pool = pool_handle{"default", *door};
  }

  config cfg;
  caf::actor_system sys;
  caf::scoped_actor self;
  pool_handle pool;
};

} // namespace

TEST_CASE("a stream to another node: chunks in order, credit, early stop") {
  pool_fixture f{streaming()};
  far_node there{f};
  int got = 0;
  std::uint64_t chunks = 0;
  stream(there.self, there.pool, "count", {{"to", 200}}, {.window = 3})
      .receive([&](const chunk& x) { CHECK(x.json() == got++); },
               [&](const stream_end& x) { chunks = x.chunks; },
               [](const caf::error& e) { CHECK(describe(e) == ""); });
  CHECK(got == 200);
  CHECK(chunks == 200);
  auto stopped = false;
  stream(there.self, there.pool, "count", {{"to", 1'000'000}})
      .receive([&](const chunk& x) { return x.number < 10; },
               [&](const stream_end& x) { stopped = x.stopped; },
               [](const caf::error& e) { CHECK(describe(e) == ""); });
  CHECK(stopped);
  CHECK(f.eventually([](auto& s) { return s.counts.running == 0; }));
  CHECK(f.call("plain", {{"x", 1}}).json() == 1);
}

TEST_CASE("an error in the middle of a stream reaches another node whole") {
  pool_fixture f{streaming()};
  far_node there{f};
  int got = 0;
  caf::error why;
  stream(there.self, there.pool, "fails_after", {{"n", 3}})
      .receive([&](const chunk&) { ++got; }, [](const stream_end&) {},
               [&](const caf::error& e) { why = e; });
  CHECK(got == 3);
  CHECK(why == pool_errc::python_exception);
  CHECK(failure_of(why).type == "ValueError");
}

TEST_CASE("a consumer on another node that dies ends the generator") {
  pool_fixture f{streaming()};
  far_node there{f};
  auto consumer = there.sys.spawn([&](caf::event_based_actor* self) {
    stream(self, there.pool, "count", {{"to", 1'000'000}})
        .then([=](const chunk& x) { x.number == 20 ? self->quit() : void(); },
              [](const stream_end&) {}, [](const caf::error&) {});
  });
  CHECK(f.eventually([](auto& s) {
    return s.counts.cancelled == 1 && s.counts.running == 0;
  }));
}
