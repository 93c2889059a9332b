// Who follows the workers of a pool: wpool's callbacks.
#include "native_fixture.hpp"

using namespace charmer_tests;

namespace {

// Counts what callbacks are told.
struct diary {
  std::mutex mutex;
  std::vector<std::string> starts;
  std::vector<std::string> creations;
  std::vector<std::string> deaths;
  std::vector<caf::error> reasons;

  worker_callbacks callbacks() {
    return {
        .on_init_start = [this](auto& x) { note(starts, x); },
        .on_new_worker = [this](auto& x) { note(creations, x); },
        .on_worker_dead =
            [this](auto& x, auto& why) {
              note(deaths, x);
              std::lock_guard guard{mutex};
              reasons.push_back(why);
            },
    };
  }

  void note(std::vector<std::string>& to, const std::string& x) {
    std::lock_guard guard{mutex};
    to.push_back(x);
  }

  bool has(native_fixture& f, std::size_t started, std::size_t created,
           std::size_t died) {
    return f.eventually([&](auto&) {
      std::lock_guard guard{mutex};
      return starts.size() == started && creations.size() == created
             && deaths.size() == died && reasons.size() == died;
    });
  }
};

constexpr auto followed = "followed";

// A pool whose first workers have been told of before anybody follows it.
void begin(native_fixture& f, std::uint32_t size) {
  auto x = lab(size);
  x.name = followed;
  auto pool = f.app->start_pool(x);
  REQUIRE(pool);
  f.pool = *pool;
  REQUIRE(f.events.wait_for(
      [](const event& e) {
        return e.name == "charmer.worker.ready"
               && e.path.find("root/pool followed/") == 0;
      },
      size));
}

} // namespace

TEST_CASE("13 workers: 13 starts, 13 creations; a crash: one death") {
  diary told;
  config cfg;
  caf::actor_system sys{cfg};
  settings all;
  all.pools = {lab(13)};
  auto app = start(sys, all,
                   {following_workers("default", "diary", told.callbacks())});
  REQUIRE(app);
  REQUIRE(!app->await_all(limit));
  auto wait_for = [&](auto done) {
    auto end = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < end) {
      {
        std::lock_guard guard{told.mutex};
        if (done())
          return true;
      }
      std::this_thread::yield();
    }
    return false;
  };
  CHECK(wait_for([&] { return told.creations.size() == 13; }));
  CHECK(told.starts.size() == 13);
  CHECK(told.deaths.empty());
  charmer::cast(*app->pool(), suicide());
  CHECK(wait_for([&] { return told.creations.size() == 14; }));
  CHECK(told.starts.size() == 14);
  CHECK(told.deaths.size() == 1);
  CHECK(app->add_callbacks("default", "diary", {})
        == pool_errc::already_started);
  CHECK(!app->remove_callbacks("default", "diary"));
}

TEST_CASE("callbacks that are added at run time follow what comes then") {
  diary told;
  native_fixture f{lab(1)};
  begin(f, 1);
  REQUIRE(!f.app->add_callbacks(followed, "diary", told.callbacks()));
  REQUIRE(f.app->resize(followed, 14));
  CHECK(told.has(f, 13, 13, 0));
  CHECK(f.call(suicide()));
  CHECK(told.has(f, 14, 14, 1));
  CHECK(told.deaths[0].find("worker-") == 0);
  CHECK(told.reasons[0] == pool_errc::worker_died);
}

TEST_CASE("the death of a worker that is killed is told, with the reason") {
  diary told;
  native_fixture f{lab(1)};
  begin(f, 2);
  REQUIRE(!f.app->add_callbacks(followed, "diary", told.callbacks()));
  auto members = *f.app->workers(followed);
  REQUIRE(members.size() == 2);
  kill(f.self->address(), members[0].handle);
  CHECK(told.has(f, 1, 1, 1));
  CHECK(told.deaths[0] == members[0].worker);
  CHECK(describe(told.reasons[0]).find("kill") != std::string::npos);
  CHECK(f.comes_to(2, 0, 0));
}

TEST_CASE("a callback that throws is removed alone") {
  diary told;
  native_fixture f{lab(1)};
  begin(f, 2);
  REQUIRE(!f.app->add_callbacks(followed, "angry",
                                {.on_worker_dead = [](auto&, auto&) {
                                  throw std::runtime_error("no funerals");
                                }}));
  REQUIRE(!f.app->add_callbacks(followed, "diary", told.callbacks()));
  CHECK(f.call(suicide()));
  CHECK(f.events.wait_for("charmer.events.handler_removed"));
  CHECK(f.comes_to(2, 0, 0));
  CHECK(f.call(suicide()));
  CHECK(told.has(f, 2, 2, 2));
  CHECK(f.app->remove_callbacks(followed, "angry") == pool_errc::no_such_pool);
}

TEST_CASE("a callback that blocks delays nobody") {
  gate stuck;
  diary told;
  native_fixture f{lab(1)};
  begin(f, 2);
  REQUIRE(!f.app->add_callbacks(
      followed, "stuck", {.on_init_start = [&](auto&) { stuck.pass(); }}));
  REQUIRE(!f.app->add_callbacks(followed, "diary", told.callbacks()));
  CHECK(f.call(suicide()));
  REQUIRE(stuck.wait_for(1));
  CHECK(told.has(f, 1, 1, 1));
  CHECK(f.comes_to(2, 0, 0));
  CHECK(f.call());
  stuck.open();
}

TEST_CASE("adding twice and removing what is not there are errors") {
  native_fixture f{lab(1)};
  begin(f, 1);
  auto& app = *f.app;
  CHECK(!app.add_callbacks(followed, "one", {}));
  CHECK(app.add_callbacks(followed, "one", {}) == pool_errc::already_started);
  CHECK(!app.add_callbacks(followed, "two", {}));
  CHECK(!app.remove_callbacks(followed, "one"));
  CHECK(app.remove_callbacks(followed, "one") == pool_errc::no_such_pool);
  CHECK(app.remove_callbacks(followed, "three") == pool_errc::no_such_pool);
  CHECK(!app.add_callbacks(followed, "one", {}));
}

TEST_CASE("a handler of overruns that is no function is refused") {
  native_fixture f{lab(1)};
  auto why = f.app->add_overrun_handler("default", "pager", {});
  CHECK(why == supervision_errc::invalid_spec);
  CHECK(!f.app->add_overrun_handler("default", "pager", [](auto&) {}));
  CHECK(!f.app->remove_overrun_handler("default", "pager"));
}

TEST_CASE("callbacks follow the workers of their own pool only") {
  diary told;
  native_fixture f{lab(1)};
  begin(f, 1);
  auto x = lab(2);
  x.name = "other";
  REQUIRE(!f.app->add_callbacks(followed, "diary", told.callbacks()));
  auto other = f.app->start_pool(x);
  REQUIRE(other);
  REQUIRE(!f.app->await_all(limit));
  CHECK(!f.app->add_callbacks("other", "diary", {}));
  CHECK(f.call(suicide()));
  CHECK(told.has(f, 1, 1, 1));
}
