// What can be known of a pool, also while all its workers are busy.
#include "native_fixture.hpp"

using namespace charmer_tests;

TEST_CASE("statistics are answered while all workers are busy") {
  native_fixture f{lab(3)};
  f.occupy(3);
  for (int i = 0; i < 2; ++i)
    CHECK(!f.cast(work()));
  CHECK(!f.cast(work(), {.strategy = next_worker}));
  auto x = f.stats();
  CHECK(x.pool == "default");
  CHECK(x.supervisor == "root/pool default");
  CHECK(x.size == 3);
  CHECK(x.next_worker == 1);
  CHECK(x.counts.waiting == 3);
  CHECK(x.counts.running == 3);
  CHECK(x.counts.balanced());
  REQUIRE(x.workers.size() == 3);
  std::uint64_t lines = 0;
  for (auto& w : x.workers) {
    CHECK(w.state == worker_state::ready);
    CHECK(w.running == 1);
    CHECK(w.runtime > 0s);
    CHECK(w.uptime > 0s);
    CHECK(!w.held);
    lines += w.line;
  }
  CHECK(lines == 1);
}

TEST_CASE("times of waiting and of work are measured") {
  native_fixture f{lab(1)};
  auto first = f.ask(wait_at(f.door));
  auto second = f.ask(work());
  REQUIRE(f.door.wait_for(1));
  f.self->receive(caf::after(50ms) >> [] {});
  f.door.open();
  CHECK(f.answer(first));
  CHECK(f.answer(second));
  auto x = f.stats();
  CHECK(x.waited.count == 2);
  CHECK(x.waited.longest >= 50ms);
  CHECK(x.waited.total >= x.waited.longest);
  CHECK(x.busy.count == 2);
  CHECK(x.busy.longest >= 50ms);
}

TEST_CASE("there are statistics of all pools") {
  native_fixture f{lab(2)};
  auto x = lab(3);
  x.name = "other";
  REQUIRE(f.app->start_pool(x));
  REQUIRE(!f.app->await_all(limit));
  std::map<std::string, std::size_t> workers;
  for (auto& y : f.app->all_stats())
    workers[y.pool] = y.workers.size();
  CHECK(workers
        == std::map<std::string, std::size_t>{{"default", 2}, {"other", 3}});
}

TEST_CASE("a worker that is held shows it, with its errand") {
  native_fixture f{lab(1)};
  CHECK(!run(f.self, f.pool, [&](lease& x, timespan) {
    CHECK(f.stats().workers.at(0).held);
    CHECK(f.stats().workers.at(0).running == 1);
    auto errand = f.self->request(x.actor(), caf::infinite, wait_at(f.door));
    REQUIRE(f.door.wait_for(1));
    CHECK(f.stats().counts.running == 2);
    CHECK(f.stats().counts.balanced());
    f.door.open();
    errand.receive([](std::uint64_t) {},
                   [](caf::error& e) { FAIL(describe(e)); });
  }));
  CHECK(!f.stats().workers.at(0).held);
}

TEST_CASE("statistics have the options of the pool") {
  auto x = lab(2);
  x.max_queue_size = 77;
  native_fixture f{x};
  f.self->request(f.pool.actor(), limit, stats_atom_v)
      .receive(
          [](const pool_stats& x) {
            auto all = nlohmann::json::parse(to_json(x));
            CHECK(all["settings"]["max_queue_size"] == 77);
            CHECK(all["settings"]["name"] == "default");
          },
          [](caf::error& e) { FAIL(describe(e)); });
}

TEST_CASE("debug information has counts, collections and settings") {
  auto x = lab(2);
  x.queue = queue_order::lifo;
  x.max_queue_size = 77;
  native_fixture f{x};
  CHECK(f.call());
  auto text = f.app->debug_information();
  REQUIRE(text);
  auto all = nlohmann::json::parse(*text);
  CHECK(all["statistics"]["settings"]["max_queue_size"] == 77);
  CHECK(all["statistics"]["settings"]["adapter"] == "lab");
  CHECK(all["collections"]["waiting_callers"] == "lifo_callers");
  CHECK(all["collections"]["idle_workers"] == "lifo_workers");
  CHECK(all["statistics"]["workers"].size() == 2);
}

TEST_CASE("a task that waited in vain was not executed") {
  native_fixture f{lab(1)};
  f.occupy(1);
  CHECK(f.call(work(), {.queue_timeout = 1ms}).why == pool_errc::wait_timeout);
  f.door.open();
  CHECK(f.call());
  CHECK(f.comes_to(1, 0, 0));
  auto status = f.status();
  CHECK(status.total_tasks_executed == 2);
  CHECK(status.total_tasks_failed == 1);
  CHECK(f.stats().counts.unserved == 1);
}
