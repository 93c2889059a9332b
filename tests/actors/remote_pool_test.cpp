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
  x.request_timeout = 200s;
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

// Takes everything and says nothing, as a node that was stopped.
struct mute_door : actor_without_mailbox {
  explicit mute_door(caf::actor_config& cfg) : actor_without_mailbox(cfg) {}

  void receive(caf::mailbox_element_ptr, actor_runner*) override {}
};

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
  CHECK(pool.request_timeout() == f.pool.request_timeout());
  CHECK(pool.with({.timeout = 7s}).stream_timeout() == 7s);
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

TEST_CASE("who calls a node that has fallen silent has its outcome all the "
          "same, also with options of its own") {
  native_fixture f{adders()};
  caf::actor_config cfg;
  auto mute = caf::make_actor<mute_door, caf::actor>(f.sys.next_actor_id(),
                                                     f.sys.node(), &f.sys, cfg);
  auto port = f.sys.middleman().publish(mute, 0, "127.0.0.1");
  REQUIRE(port);
  far_node there{f};
  auto far = there.sys.middleman().remote_actor("127.0.0.1", *port);
  REQUIRE(far);
  auto pool = pool_handle{"default", *far}.with({.timeout = 1ms});
  CHECK(pool.is_remote());
  caf::error why;
  call(there.self, pool, "add")
      .receive([](const reply&) {}, [&](const caf::error& e) { why = e; });
  CHECK(why == pool_errc::exec_timeout);
  CHECK(describe(why).find("did not answer in time") != std::string::npos);
}
