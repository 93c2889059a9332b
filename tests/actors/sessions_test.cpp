// Sessions: what Python remembers of one is there at its next call.
#include "pool_fixture.hpp"

#include <filesystem>
#include <fstream>
#include <map>

#include <unistd.h>

using namespace charmer_tests;

namespace {

using affinity = session_affinity;

pool_settings inn(affinity how = affinity::prefer, std::uint32_t size = 4) {
  auto x = shop(size);
  x.adapter = "guests:Inn";
  x.session_affinity = how;
  x.queue_timeout = limit;
  return x;
}

struct with_guests : pool_fixture {
  using pool_fixture::pool_fixture;

  ~with_guests() { std::filesystem::remove(path); }

  outcome remember(const std::string& session, int x) {
    return call("remember", {x}, {.session = session});
  }

  nlohmann::json remembered(const std::string& session, int x) {
    auto result = remember(session, x);
    REQUIRE_MESSAGE(!result.why, describe(result.why));
    return result.json();
  }

  // A call in this session that runs until `let_go`.
  void hold(const std::string& session) {
    self->spawn<caf::monitored>([=, this](caf::event_based_actor* me) {
      charmer::call(me, pool, "hold", {path}, {.session = session})
          .then([](const reply&) {}, [](caf::error&) {});
    });
    REQUIRE(eventually([](auto& x) { return x.counts.running == 1; }));
  }

  void let_go() {
    std::ofstream{path} << "go";
    self->receive([](const caf::down_msg&) {},
                  caf::after(limit) >> [] { FAIL("it is still held"); });
    REQUIRE(eventually([](auto& x) { return x.counts.running == 0; }));
    std::filesystem::remove(path);
  }

  const std::string path = (std::filesystem::temp_directory_path()
                            / ("charmer-guests-" + std::to_string(getpid())))
                               .string();
};

} // namespace

TEST_CASE("with four workers each session finds what it left") {
  for (auto how : {affinity::prefer, affinity::wait, affinity::fail}) {
    with_guests f{inn(how)};
    std::map<std::string, nlohmann::json> pids;
    for (int i = 1; i <= 10; ++i)
      for (auto name : {"ann", "bob", "eve"}) {
        auto x = f.remembered(name, i);
        CHECK(x["name"] == name);
        CHECK(x["said"].size() == static_cast<std::size_t>(i));
        CHECK(x["pid"] == pids.try_emplace(name, x["pid"]).first->second);
      }
    CHECK(f.stats().sessions == 3);
    CHECK(f.call("remember", {1}).json().is_null());
    CHECK(f.stats().sessions == 3);
  }
}

TEST_CASE("prefer: another worker serves a session whose worker is busy, and "
          "its memory waits at home") {
  with_guests f{inn(affinity::prefer)};
  auto home = f.remembered("ann", 1)["pid"];
  f.hold("ann");
  auto elsewhere = f.remembered("ann", 2);
  CHECK(elsewhere["pid"] != home);
  CHECK(elsewhere["said"] == nlohmann::json{2});
  f.let_go();
  auto back = f.remembered("ann", 3);
  CHECK(back["pid"] == home);
  CHECK(back["said"] == nlohmann::json{1, 3});
}

TEST_CASE("wait: a session waits for its worker while others are idle") {
  with_guests f{inn(affinity::wait)};
  auto home = f.remembered("ann", 1)["pid"];
  f.hold("ann");
  nlohmann::json late;
  f.self->spawn<caf::monitored>([&](caf::event_based_actor* me) {
    call(me, f.pool, "remember", {2}, {.session = "ann"})
        .then([&](const reply& x) { late = x.json(); }, [](caf::error&) {});
  });
  CHECK(f.eventually([](auto& x) { return x.counts.waiting == 1; }));
  CHECK(f.remembered("bob", 1)["pid"] != home); // is not in its way
  f.let_go();
  f.self->receive([](const caf::down_msg&) {}, caf::after(limit) >> [] {});
  CHECK(late["pid"] == home);
  CHECK(late["said"] == nlohmann::json{1, 2});
}

TEST_CASE("fail: a session whose worker is busy is told so at once") {
  with_guests f{inn(affinity::fail)};
  auto home = f.remembered("ann", 1)["pid"];
  f.hold("ann");
  auto refused = f.remember("ann", 2);
  CHECK(refused.why == pool_errc::no_available_worker);
  CHECK(refused.what().text.find("session") != std::string::npos);
  f.let_go();
  CHECK(f.remembered("ann", 3)["pid"] == home);
}

TEST_CASE("a session whose worker died begins anew, and is remembered again") {
  for (auto how : {affinity::prefer, affinity::wait, affinity::fail}) {
    with_guests f{inn(how, 2)};
    f.remembered("ann", 1);
    f.remembered("bob", 1);
    CHECK(f.call("die", {}, {.session = "ann"}).why == pool_errc::worker_died);
    CHECK(f.remembered("ann", 2)["said"] == nlohmann::json{2});
    CHECK(f.remembered("ann", 3)["said"] == nlohmann::json{2, 3});
  }
}

TEST_CASE("a session more than there may be is refused, and the text says so") {
  auto x = inn();
  x.max_sessions = 2;
  with_guests f{x};
  f.remembered("ann", 1);
  f.remembered("bob", 1);
  auto refused = f.remember("eve", 1);
  CHECK(refused.why == pool_errc::queue_full);
  CHECK(refused.what().text.find("max_sessions 2") != std::string::npos);
  CHECK(f.remembered("ann", 2)["said"].size() == 2);
}

TEST_CASE("the worker forgets a session when the pool does") {
  auto x = inn(affinity::prefer, 1); // she comes to the same one again
  x.session_ttl = 50ms;
  with_guests f{x};
  auto home = f.remembered("ann", 1)["pid"];
  auto forgotten = f.eventually([](auto& x) { return x.sessions == 0; });
  CHECK(forgotten);
  auto again = f.remembered("ann", 2);
  CHECK(again["pid"] == home);
  CHECK(again["said"] == nlohmann::json{2});
}

TEST_CASE("the worker remembers a session as long as the pool sends it there") {
  auto x = inn(affinity::prefer, 1);
  x.session_ttl = 400ms;
  with_guests f{x};
  f.remembered("ann", 1);
  // Calls that do not ask for the session are uses of it, too.
  auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < begin + 600ms)
    CHECK(!f.call("rest", {0.05}, {.session = "ann"}).why);
  // So is one that takes longer than a session lasts.
  CHECK(!f.call("rest", {0.5}, {.session = "ann"}).why);
  CHECK(f.remembered("ann", 2)["said"] == nlohmann::json{1, 2});
}

TEST_CASE("a handle can say which session its calls belong to") {
  with_guests f{inn()};
  f.pool = f.pool.with({.session = "ann"});
  CHECK(f.call("remember", {1}).json()["name"] == "ann");
  CHECK(f.remembered("bob", 1)["name"] == "bob"); // a call's own word wins
  cast(f.pool, command("remember", {2}));
  CHECK(f.eventually([](auto& x) { return x.counts.replied == 3; }));
  CHECK(f.call("remember", {3}).json()["said"] == nlohmann::json{1, 2, 3});
}

TEST_CASE("threads of one worker serve a session at the same time") {
  auto x = inn(affinity::wait, 2);
  x.profile = "thread";
  x.threads_per_worker = 2;
  with_guests f{x};
  auto home = f.remembered("ann", 1)["pid"];
  f.hold("ann");
  auto same = f.remembered("ann", 2);
  CHECK(same["pid"] == home);
  CHECK(same["said"] == nlohmann::json{1, 2});
  f.let_go();
}
