// Collections and strategies of the application's, through the whole stack.
#include "pool_fixture.hpp"
#include "pool_parts.hpp"

#include "charmer/actors/collections.hpp"

#include <latch>
#include <set>
#include <stdexcept>

using namespace charmer_tests;

namespace {

class newest_first : public ordered_callers {
public:
  std::optional<waiting_caller> pop() override {
    return empty() ? std::nullopt : std::optional{take(newest())};
  }
};

// Gives up its office when it is asked for the third time.
class forgetful : public ordered_callers {
public:
  std::optional<waiting_caller> pop() override {
    if (++asked_ == 3)
      throw std::runtime_error{"I forgot"};
    return empty() ? std::nullopt : std::optional{take(oldest())};
  }

private:
  int asked_ = 0;
};

std::mutex order_mutex;
std::vector<int> order;

// Notes what it is given; 0 waits until the gate opens.
std::shared_ptr<std::latch> gate;

caf::behavior notes(caf::event_based_actor*) {
  return {
      [](int x) {
        if (x == 0)
          gate->wait();
        std::lock_guard guard{order_mutex};
        order.push_back(x);
        return x;
      },
  };
}

pool_settings noting(std::uint32_t size = 1) {
  register_native("notes", [](caf::actor_system& sys) {
    return caf::actor_cast<caf::actor>(sys.spawn<caf::detached>(notes));
  });
  pool_settings x;
  x.profile = "native";
  x.adapter = "notes";
  x.size = size;
  return x;
}

std::vector<int> served(pool_fixture& f, int count) {
  gate = std::make_shared<std::latch>(1);
  order.clear();
  std::atomic<int> answers = 0;
  caf::scoped_actor self{f.sys};
  for (int i = 0; i < count; ++i)
    self->spawn([&, i](caf::event_based_actor* caller) {
      caller->request(f.pool.actor(), caf::infinite, i)
          .then([&](int) { ++answers; }, [&](caf::error&) { ++answers; });
    });
  CHECK(f.eventually([&](const pool_stats& x) {
    return x.counts.accepted == static_cast<std::uint64_t>(count);
  }));
  gate->count_down();
  CHECK(f.eventually([&](const pool_stats& x) {
    return x.counts.replied == static_cast<std::uint64_t>(count);
  }));
  std::lock_guard guard{order_mutex};
  return order;
}

// The order in which they were served that came while the only worker had 0.
std::vector<int> served_in_turn(pool_fixture& f, int count) {
  gate = std::make_shared<std::latch>(1);
  order.clear();
  cast(f.pool, caf::make_message(0));
  CHECK(
      f.eventually([](const pool_stats& x) { return x.counts.running == 1; }));
  for (int i = 1; i < count; ++i)
    cast(f.pool, caf::make_message(i));
  CHECK(f.eventually([&](const pool_stats& x) {
    return x.counts.running == 1
           && x.counts.waiting == static_cast<std::uint64_t>(count) - 1;
  }));
  gate->count_down();
  CHECK(f.eventually([&](const pool_stats& x) {
    return x.counts.replied == static_cast<std::uint64_t>(count);
  }));
  std::lock_guard guard{order_mutex};
  return order;
}

} // namespace

TEST_CASE("callers of the application's say who is served next") {
  register_callers("newest_first",
                   [] { return std::make_unique<newest_first>(); });
  auto x = noting();
  x.waiting_callers_impl = "newest_first";
  pool_fixture f{x};
  CHECK(served_in_turn(f, 8) == std::vector{0, 7, 6, 5, 4, 3, 2, 1});
  CHECK(f.stats().counts.balanced());
}

TEST_CASE("without them those that came first are served first") {
  register_workers("other", [] { return std::make_unique<lifo_workers>(); });
  auto x = noting();
  x.busy_workers_impl = "other"; // collections decide, and these are built in
  pool_fixture f{x};
  CHECK(served_in_turn(f, 8) == std::vector{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("requests that idle workers can take need no room in the queue") {
  auto x = noting(4);
  x.idle_workers_impl = "fifo_workers";
  x.max_queue_size = 1;
  x.max_overflow = 2;
  pool_fixture f{x};
  for (int round = 0; round < 50; ++round) {
    for (int i = 1; i <= 4; ++i)
      cast(f.pool, caf::make_message(i));
    CHECK(f.eventually([&](auto& s) {
      return s.counts.replied == 4u * (static_cast<unsigned>(round) + 1);
    }));
  }
  CHECK(f.stats().counts.refused == 0);
  CHECK(f.stats().overflow == 0);
}

TEST_CASE("a collection that throws loses its office, and nobody's request") {
  register_callers("forgetful", [] { return std::make_unique<forgetful>(); });
  auto x = noting();
  x.waiting_callers_impl = "forgetful";
  pool_fixture f{x};
  CHECK(served(f, 20).size() == 20);
  CHECK(f.events.wait_for("charmer.collection.failed"));
}

TEST_CASE("a managed pool survives the death of its queue manager") {
  register_callers("plain", [] { return std::make_unique<fifo_callers>(); });
  auto x = noting(2);
  x.waiting_callers_impl = "plain";
  x.pool_sup_intensity = 1000;
  pool_fixture f{x};
  for (int round = 0; round < 10; ++round) {
    gate = std::make_shared<std::latch>(1);
    for (int i = 0; i < 10; ++i)
      cast(f.pool, caf::make_message(0));
    pool_parts{f}.kill_part("queue_manager");
    gate->count_down();
    auto done = static_cast<std::uint64_t>(10 * (round + 1));
    CHECK(f.eventually(
        [&](const pool_stats& x) { return x.counts.replied == done; }));
  }
}

TEST_CASE("settings that name what nobody registered start nothing") {
  config cfg;
  caf::actor_system sys{cfg};
  auto x = noting();
  x.idle_workers_impl = "no_such_workers";
  x.default_strategy = "no_such_strategy";
  settings all;
  all.pools = {x};
  auto app = start(sys, std::move(all));
  REQUIRE(!app);
  CHECK(app.error() == pool_errc::invalid_settings);
  auto text = failure_of(app.error()).text;
  CHECK(text.find("idle_workers_impl") != std::string::npos);
  CHECK(text.find("default_strategy") != std::string::npos);
}

TEST_CASE("Python workers are chosen, held and asked together as others are") {
  pool_fixture f{shop(3)};
  auto pid = [&](worker_strategy how) {
    return f.call("pid", {}, {.strategy = how}).json().get<int>();
  };
  std::set<int> all;
  for (int i = 0; i < 3; ++i)
    all.insert(pid(next_worker));
  CHECK(all.size() == 3);
  auto own = pid(hash_worker("k"));
  for (int i = 0; i < 5; ++i)
    CHECK(pid(hash_worker("k")) == own);
  // Several calls to one worker that nobody else gets.
  auto same = run(f.self, f.pool, [&](lease& worker, timespan) {
    std::set<int> seen;
    for (int i = 0; i < 3; ++i)
      charmer::call(f.self, worker.pool(), "pid")
          .receive([&](const reply& x) { seen.insert(x.json().get<int>()); },
                   [&](caf::error& e) { FAIL(describe(e)); });
    return seen.size();
  });
  REQUIRE(same);
  CHECK(*same == 1);
  broadcall(f.self, f.pool, command("pid"))
      .receive(
          [&](const gathered& x) {
            CHECK(x.errors.empty());
            CHECK(x.replies.size() == 3);
          },
          [&](caf::error& e) { FAIL(describe(e)); });
  // A held worker that dies takes its lease along; the pool is whole again.
  run(f.self, f.pool, [&](lease& worker, timespan) {
    charmer::call(f.self, worker.pool(), "die", {{"how", "kill"}})
        .receive([&](const reply&) { FAIL("it lives"); },
                 [&](caf::error& e) { CHECK(e == pool_errc::worker_died); });
    charmer::call(f.self, worker.pool(), "pid")
        .receive(
            [&](const reply&) { FAIL("another one answers"); },
            [&](caf::error& e) { CHECK(e == pool_errc::no_available_worker); });
  });
  CHECK(f.eventually([](const pool_stats& x) {
    return x.workers.size() == 3 && x.counts.running == 0;
  }));
}
