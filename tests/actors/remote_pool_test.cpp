// Handles of pools that are sent to another CAF node in messages.
#include "native_fixture.hpp"

#include <caf/io/all.hpp>

using namespace charmer_tests;

namespace {

pool_settings adders() {
  register_native("adder", [](caf::actor_system& sys) {
    return caf::actor{sys.spawn([](caf::event_based_actor*) -> caf::behavior {
      return {[](int a, int b) { return a + b; }};
    })};
  });
  auto x = lab(1);
  x.adapter = "adder";
  return x;
}

// Gives out the handle of a pool, and says of one that it gets whether it is
// that.
caf::behavior porter(caf::event_based_actor*, const pool_handle& pool) {
  return {
      [=](const std::string& what) {
        return what == "none" ? pool_handle{} : pool;
      },
      [=](const pool_handle& x) {
        return x.name() == pool.name() && x.actor() == pool.actor();
      },
  };
}

// Another node, which knows the porter of the first one.
struct far_node {
  explicit far_node(native_fixture& f) : sys(cfg), self(sys) {
    near = f.sys.spawn(porter, f.pool);
    auto port = f.sys.middleman().publish(near, 0, "127.0.0.1");
    REQUIRE(port);
    auto far = sys.middleman().remote_actor("127.0.0.1", *port);
    REQUIRE(far);
    asked = *far;
  }

  ~far_node() { kill(near); }

  pool_handle get(const std::string& what) {
    pool_handle result{"unanswered", {}};
    self->request(asked, limit, what)
        .receive([&](pool_handle& x) { result = std::move(x); },
                 [](caf::error& e) { FAIL(describe(e)); });
    return result;
  }

  int sum(const pool_handle& pool) {
    int result = 0;
    self->request(pool.actor(), limit, 2, 3)
        .receive([&](int x) { result = x; },
                 [](caf::error& e) { FAIL(describe(e)); });
    return result;
  }

  caf::actor near;
  config cfg;
  caf::actor_system sys;
  caf::scoped_actor self;
  caf::actor asked;
};

} // namespace

TEST_CASE("a handle in a message is the same pool on another node") {
  native_fixture f{adders()};
  far_node there{f};
  auto pool = there.get("pool");
  REQUIRE(pool);
  CHECK(pool.name() == "default");
  CHECK(there.sum(pool) == 5);
  CHECK(there.sum(pool.with({.strategy = hash_worker("key")})) == 5);
  auto leased = false;
  checkout(there.self, pool)
      .receive(
          [&](lease x) {
            leased = true;
            CHECK(x.worker() == "worker-1");
            CHECK(there.sum(x.pool()) == 5);
          },
          [](caf::error& e) { FAIL(describe(e)); });
  CHECK(leased);
  CHECK(f.stats().counts.replied >= 3);
}

TEST_CASE("it comes back as what it was, and no pool as none") {
  native_fixture f{adders()};
  far_node there{f};
  auto is_same = false;
  there.self->request(there.asked, limit, there.get("pool"))
      .receive([&](bool x) { is_same = x; },
               [](caf::error& e) { FAIL(describe(e)); });
  CHECK(is_same);
  auto none = there.get("none");
  CHECK(!none);
  CHECK(none.name().empty());
}

TEST_CASE("one with options of its own serves on another node") {
  native_fixture f{adders()};
  f.pool = f.pool.with({.strategy = hash_worker("key")});
  far_node there{f};
  CHECK(there.sum(there.get("pool")) == 5);
}
