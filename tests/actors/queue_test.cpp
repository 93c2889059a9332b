// What waits at a pool: its order, its bounds, and how long.
#include "native_fixture.hpp"

using namespace charmer_tests;

namespace {

// The order in which ten casts run that came while the only worker was busy.
std::vector<int> order_of_ten(queue_order queue) {
  auto x = lab(1);
  x.queue = queue;
  native_fixture f{x};
  std::vector<int> order; // by one worker, read when it has done
  f.occupy(1);
  for (int i = 1; i <= 10; ++i)
    CHECK(!f.cast(work([&, i] { order.push_back(i); })));
  f.door.open();
  CHECK(f.comes_to(1, 0, 0));
  return order;
}

} // namespace

TEST_CASE("ten casts run in the order in which they came, or the other way") {
  std::vector<int> up{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  CHECK(order_of_ten(queue_order::fifo) == up);
  CHECK(order_of_ten(queue_order::lifo)
        == std::vector<int>{up.rbegin(), up.rend()});
}

TEST_CASE("3 workers blocked and 5 waiting: the 9th gets queue_full") {
  auto x = lab(3);
  x.max_queue_size = 5;
  native_fixture f{x};
  f.occupy(3);
  for (int i = 0; i < 5; ++i)
    CHECK(!f.cast(work()));
  CHECK(f.cast(work()) == pool_errc::queue_full);
  CHECK(f.call().why == pool_errc::queue_full);
  charmer::cast(f.pool, work());
  CHECK(f.events.wait_for([](const event& e) {
    return e.name == "charmer.request.failed"
           && e.text.find("queue_full") != std::string::npos;
  }));
  CHECK(f.stats().counts.refused == 3);
  f.door.open();
  CHECK(f.comes_to(3, 0, 0));
  CHECK(f.call());
}

TEST_CASE("what options carry counts as bytes that wait") {
  auto x = lab(1);
  x.max_queue_bytes = 1000;
  native_fixture f{x};
  f.occupy(1);
  CHECK(!f.cast(work(), {.correlation = std::string(600, 'x')}));
  CHECK(f.stats().waiting_bytes == 600);
  CHECK(f.cast(work(), {.correlation = std::string(600, 'y')})
        == pool_errc::queue_full);
  CHECK(!f.cast(work()));
  f.door.open();
  CHECK(f.comes_to(1, 0, 0));
}

TEST_CASE("a worker's own line has the limit of the queue") {
  auto x = lab(2);
  x.max_queue_size = 3;
  native_fixture f{x};
  f.occupy(2);
  // Whose turn it is changes with each.
  for (int i = 0; i < 6; ++i)
    CHECK(!f.cast(work(), {.strategy = next_worker}));
  for (int i = 0; i < 2; ++i)
    CHECK(f.cast(work(), {.strategy = next_worker}) == pool_errc::queue_full);
  CHECK(!f.cast(work()));
}

TEST_CASE("so has what waits behind an equal key, and others have room") {
  auto x = lab(2);
  x.max_queue_size = 3;
  native_fixture f{x};
  f.occupy(2);
  // The first waits for its worker, the others for the first.
  for (auto key : {"hot", "cold"}) {
    call_options one_key{.strategy = hash_worker(key)};
    for (int i = 0; i < 1 + 3; ++i)
      CHECK(!f.cast(work(), one_key));
    CHECK(f.cast(work(), one_key) == pool_errc::queue_full);
  }
}

TEST_CASE("some are served, some wait too long, some find the queue full") {
  auto x = lab(1);
  x.max_queue_size = 5;
  native_fixture f{x};
  std::atomic<int> ran{0};
  std::vector<native_fixture::asked> open;
  for (int i = 0; i < 10; ++i)
    open.push_back(f.ask(work([&] {
                           ++ran;
                           f.door.pass();
                         }),
                         {.queue_timeout = 100ms}));
  REQUIRE(f.eventually([](auto& s) { return s.counts.failed == 5; }));
  f.door.open();
  std::map<pool_errc, int> outcomes;
  for (auto& y : open)
    ++outcomes[code_of(f.answer(y).why).value_or(pool_errc::none)];
  CHECK(outcomes[pool_errc::none] == 1);
  CHECK(outcomes[pool_errc::wait_timeout] == 5);
  CHECK(outcomes[pool_errc::queue_full] == 4);
  CHECK(ran == 1);
}

TEST_CASE("2,000 cancelled waiters leave nothing behind") {
  auto x = lab(1);
  x.max_queue_size = 2000;
  native_fixture f{x};
  f.occupy(1);
  std::atomic<int> ran{0};
  std::vector<std::pair<call_id, native_fixture::asked>> open;
  for (int i = 0; i < 2000; ++i) {
    auto id = call_id::next();
    open.emplace_back(id, f.ask(work([&] { ++ran; }), {.id = id}));
  }
  CHECK(f.stats().counts.waiting == 2000);
  for (auto& [id, response] : open)
    charmer::cast(f.pool.actor(), cancel_atom_v, id);
  for (auto& [id, response] : open)
    CHECK(f.answer(response).why == pool_errc::cancelled);
  CHECK(f.stats().counts.waiting == 0);
  f.door.open();
  CHECK(f.call());
  CHECK(ran == 0);
}

TEST_CASE("of 10 waiters one is killed: 9 wait, and it takes no place") {
  auto x = lab(1);
  x.max_queue_size = 10;
  native_fixture f{x};
  f.occupy(1);
  std::vector<caf::actor> waiters;
  for (int i = 0; i < 10; ++i)
    waiters.push_back(f.sys.spawn([&](caf::event_based_actor* self) {
      self->request(f.pool.actor(), caf::infinite, work())
          .then([](std::uint64_t) {}, [](caf::error&) {});
    }));
  REQUIRE(f.eventually([](auto& s) { return s.counts.waiting == 10; }));
  CHECK(f.cast(work()) == pool_errc::queue_full);
  kill(f.self->address(), waiters.front());
  CHECK(f.eventually([](auto& s) { return s.counts.waiting == 9; }));
  CHECK(f.stats().counts.cancelled == 1);
  CHECK(!f.cast(work()));
}

TEST_CASE("5 workers serve 20 callers") {
  native_fixture f{lab(5)};
  CHECK(f.comes_to(5, 0, 0));
  std::vector<native_fixture::asked> open;
  for (int i = 0; i < 20; ++i)
    open.push_back(f.ask(wait_at(f.door)));
  REQUIRE(f.door.wait_for(5));
  CHECK(f.comes_to(0, 5, 15));
  f.door.open();
  for (auto& x : open)
    CHECK(f.answer(x));
  CHECK(f.door.most() == 5);
}

TEST_CASE("a request of high priority goes before those that wait") {
  native_fixture f{lab(1)};
  std::vector<int> order;
  f.occupy(1);
  CHECK(!f.cast(work([&] { order.push_back(2); })));
  CHECK(
      !f.cast(work([&] { order.push_back(3); }), {.priority = priority::low}));
  CHECK(
      !f.cast(work([&] { order.push_back(1); }), {.priority = priority::high}));
  f.door.open();
  CHECK(f.comes_to(1, 0, 0));
  CHECK(order == std::vector<int>{1, 2, 3});
}
