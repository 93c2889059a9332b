// Pools that change their size while they work.
#include "native_fixture.hpp"

using namespace charmer_tests;

namespace {

resized resize(native_fixture& f, std::uint32_t size) {
  auto result = f.app->resize("default", size);
  REQUIRE(result);
  return *result;
}

bool has(native_fixture& f, std::size_t count) {
  return f.eventually([=](auto& x) {
    return x.workers.size() == count
           && std::all_of(x.workers.begin(), x.workers.end(), [](auto& w) {
                return w.state == worker_state::ready;
              });
  });
}

// Every worker that there is or was has its number.
std::uint64_t last_of_all(native_fixture& f) {
  std::uint64_t result = 0;
  auto now = f.stats();
  for (auto& x : now.workers)
    result = std::max(result, x.incarnation);
  return result;
}

} // namespace

TEST_CASE("5 workers and 5 more are 10, and who waits is served first") {
  native_fixture f{lab(5)};
  f.occupy(5);
  for (int i = 0; i < 5; ++i)
    CHECK(!f.cast(wait_at(f.other)));
  CHECK(f.comes_to(0, 5, 5));
  auto done = resize(f, 10);
  CHECK(done.before == 5);
  CHECK(done.after == 10);
  CHECK(done.text.empty());
  CHECK(f.other.wait_for(5));
  CHECK(f.comes_to(0, 10, 0));
  CHECK(f.events.wait_for("charmer.pool.resized"));
  f.door.open();
  f.other.open();
  CHECK(f.comes_to(10, 0, 0));
  CHECK(f.app->workers()->size() == 10);
}

TEST_CASE("shrinking ends workers, once they have finished what they have") {
  native_fixture f{lab(6)};
  auto all = *f.app->workers();
  CHECK(all.size() == 6);
  std::vector<native_fixture::asked> open;
  for (int i = 0; i < 6; ++i)
    open.push_back(f.ask(wait_at(f.door)));
  REQUIRE(f.door.wait_for(6));
  CHECK(resize(f, 2).after == 2);
  CHECK(f.app->workers()->size() == 2);
  CHECK(f.stats().counts.running == 6);
  auto waits = f.ask(work());
  f.door.open();
  for (auto& x : open)
    CHECK(f.answer(x));
  CHECK(f.answer(waits));
  CHECK(has(f, 2));
  CHECK(f.eventually([&](auto&) {
    return std::count_if(all.begin(), all.end(),
                         [](auto& x) { return has_ended(x.handle); })
           == 4;
  }));
  auto left = f.app->workers();
  REQUIRE(left);
  for (auto& x : *left)
    CHECK(!has_ended(x.handle));
  CHECK(f.stats().counts.failed == 0);
  for (auto& e : f.events.all())
    CHECK(e.name != "charmer.supervisor.child_restarting");
}

TEST_CASE("a pool that grows again takes back who is still busy") {
  native_fixture f{lab(4)};
  f.occupy(4);
  CHECK(resize(f, 1).after == 1);
  CHECK(f.app->workers()->size() == 1);
  auto grown = resize(f, 4);
  CHECK(grown.after == 4);
  CHECK(grown.text.empty());
  CHECK(f.app->workers()->size() == 4);
  auto waits = f.ask(work());
  f.door.let(1);
  CHECK(f.answer(waits));
  f.door.open();
  CHECK(f.comes_to(4, 0, 0));
  CHECK(has(f, 4));
  CHECK(last_of_all(f) == 4);
}

TEST_CASE("a pool that grows again takes back who is held") {
  native_fixture f{lab(3)};
  std::vector<lease> held;
  for (int i = 0; i < 3; ++i)
    checkout(f.self, f.pool)
        .receive([&](lease x) { held.push_back(std::move(x)); },
                 [](caf::error& e) { FAIL(describe(e)); });
  CHECK(resize(f, 1).after == 1);
  CHECK(resize(f, 3).after == 3);
  CHECK(f.app->workers()->size() == 3);
  for (auto& x : held) {
    auto waits = f.ask(work());
    x.give_back();
    CHECK(f.answer(waits));
  }
  CHECK(has(f, 3));
  CHECK(last_of_all(f) == 3);
}

TEST_CASE("a pool that grows again does not wait for who is being stopped") {
  static gate going; // its workers may outlive the test
  register_native("slow_to_go", [](caf::actor_system& sys) {
    return sys.spawn<caf::detached>(
        [](caf::event_based_actor* self) -> caf::behavior {
          replace_default_handlers(self);
          when_asked_to_stop(self, [=](const auto&, const caf::error&) {
            going.pass();
            self->quit();
          });
          return {[=](job& x) {
            x.run(self);
            return std::uint64_t{self->id()};
          }};
        });
  });
  auto x = lab(2);
  x.adapter = "slow_to_go";
  x.worker_shutdown = 10min;
  native_fixture f{x};
  CHECK(resize(f, 1).after == 1);
  REQUIRE(going.wait_for(1));
  CHECK(resize(f, 2).after == 2);
  f.occupy(2);
  CHECK(going.arrived() == 1);
  f.door.open();
  going.open();
  CHECK(has(f, 2));
}

TEST_CASE("shrinking a pool of processes ends them, without a zombie") {
  pool_fixture f{shop(4)};
  std::set<pid_t> pids;
  for (int i = 0; i < 4; ++i)
    pids.insert(
        f.call("pid", {}, {.strategy = next_worker}).json().get<pid_t>());
  REQUIRE(pids.size() == 4);
  auto done = f.app->resize("default", 1);
  REQUIRE(done);
  CHECK(done->after == 1);
  // Of a zombie kill() would still say that it is there.
  CHECK(f.eventually([&](auto&) {
    return std::count_if(pids.begin(), pids.end(),
                         [](pid_t x) { return ::kill(x, 0) != 0; })
           == 3;
  }));
  auto left = f.call("pid").json().get<pid_t>();
  CHECK(pids.count(left) == 1);
  CHECK(::kill(left, 0) == 0);
  CHECK(f.stats().workers.size() == 1);
}

TEST_CASE("min_size and max_size hold, and what was not done is said") {
  auto x = lab(4);
  x.min_size = 2;
  x.max_size = 8;
  native_fixture f{x};
  auto low = resize(f, 1);
  CHECK(low.after == 2);
  CHECK(low.text.find("2") != std::string::npos);
  CHECK(has(f, 2));
  auto high = resize(f, 20);
  CHECK(high.before == 2);
  CHECK(high.after == 8);
  CHECK(high.text.find("8") != std::string::npos);
  CHECK(has(f, 8));
  CHECK(resize(f, 8).text.empty());
}

TEST_CASE("a pool without overflow keeps its last worker") {
  native_fixture f{lab(2)};
  auto done = resize(f, 0);
  CHECK(done.after == 1);
  CHECK(!done.text.empty());
  CHECK(f.call());
}

TEST_CASE("sizes may change faster than workers come and go") {
  native_fixture f{lab(4)};
  std::vector<native_fixture::asked> open;
  for (int i = 0; i < 200; ++i) {
    resize(f, 1 + static_cast<std::uint32_t>(i * 7 % 8));
    open.push_back(
        f.ask(work(), {.strategy = i % 2 == 0 ? hash_worker(i) : next_worker}));
  }
  for (auto& x : open) {
    auto got = f.answer(x);
    CHECK_MESSAGE(got, describe(got.why));
  }
  resize(f, 3);
  CHECK(has(f, 3));
  CHECK(f.stats().counts.balanced());
}

TEST_CASE("a key that moves with a smaller pool still runs in order") {
  native_fixture f{lab(6)};
  std::mutex mutex;
  std::map<int, std::vector<int>> order;
  std::vector<native_fixture::asked> open;
  for (int i = 0; i < 240; ++i) {
    auto key = i % 12;
    open.push_back(f.ask(work([&, i, key] {
                           std::lock_guard guard{mutex};
                           order[key].push_back(i);
                         }),
                         {.strategy = hash_worker(key)}));
    if (i == 80)
      resize(f, 2);
    if (i == 160)
      resize(f, 5);
  }
  for (auto& x : open)
    CHECK(f.answer(x));
  for (auto& [key, xs] : order) {
    CHECK(xs.size() == 20);
    CHECK(std::is_sorted(xs.begin(), xs.end()));
  }
}

TEST_CASE("5 wanted, 3 start: 3 serve, and 5 later") {
  static std::atomic<int> starts;
  static std::atomic<bool> sick;
  starts = 0;
  sick = true;
  register_native("late", [](caf::actor_system& sys) {
    if (++starts > 3 && sick)
      throw std::runtime_error("not yet");
    return sys.spawn([](caf::event_based_actor*) {
      return caf::behavior{[](job& x) {
        x.run(nullptr);
        return std::uint64_t{1};
      }};
    });
  });
  auto x = lab(5);
  x.adapter = "late";
  native_fixture f{x, false};
  REQUIRE(f.eventually(
      [](auto& s) { return starts > 10 && s.workers.size() >= 3; }));
  CHECK(f.call());
  CHECK(!f.stats().degraded);
  CHECK(f.app->await_all(50ms) == pool_errc::start_failed);
  sick = false;
  CHECK(has(f, 5));
  CHECK(!f.app->await_all(limit));
}
