// Workers beyond the size of a pool: poolex's overflow, with its numbers.
#include "native_fixture.hpp"

using namespace charmer_tests;

namespace {

pool_settings with_overflow(std::uint32_t size, std::uint32_t overflow,
                            timespan retention = 0s) {
  auto x = lab(size);
  x.max_overflow = overflow;
  x.overflow_retention = retention;
  return x;
}

struct counts {
  std::size_t idle_overflow = 0;
  std::size_t busy = 0;
  std::size_t overflow = 0;

  friend bool operator==(const counts&, const counts&) = default;
};

counts count(const pool_stats& x) {
  counts result;
  for (auto& w : x.workers) {
    if (w.state != worker_state::ready)
      continue;
    result.busy += w.running != 0;
    result.overflow += w.overflow;
    result.idle_overflow += w.overflow && w.running == 0;
  }
  return result;
}

bool come_to(native_fixture& f, counts wanted) {
  return f.eventually([=](auto& x) { return count(x) == wanted; });
}

auto ended(const std::string& worker) {
  return [=](const event& e) {
    return e.name == "charmer.worker.terminated" && e.child == worker;
  };
}

} // namespace

TEST_CASE("1 worker, 5 beyond, 5 tasks: 5 are busy, 4 of them beyond") {
  native_fixture f{with_overflow(1, 5)};
  f.occupy(5);
  CHECK(count(f.stats()) == counts{0, 5, 4});
  auto status = f.status();
  CHECK(status.busy_workers == 5);
  CHECK(status.overflow_workers == 4);
  f.door.open();
  CHECK(f.eventually([](auto& x) { return x.workers.size() == 1; }));
}

TEST_CASE("what is taken by a worker beyond needs no place in the queue") {
  auto x = with_overflow(1, 3);
  x.max_queue_size = 1;
  native_fixture f{x};
  for (int i = 0; i < 4; ++i)
    CHECK(!f.cast(wait_at(f.door)));
  CHECK(f.door.wait_for(4));
  CHECK(!f.cast(work())); // waits
  CHECK(f.cast(work()) == pool_errc::queue_full);
  f.door.open();
  CHECK(f.eventually([](auto& s) { return s.counts.replied == 5; }));
}

TEST_CASE("1 worker, 2 beyond, one long task and two short ones: 1 is left") {
  native_fixture f{with_overflow(1, 2)};
  f.occupy(1);
  for (int i = 0; i < 2; ++i)
    CHECK(!f.cast(wait_at(f.other)));
  REQUIRE(f.other.wait_for(2));
  CHECK(count(f.stats()) == counts{0, 3, 2});
  f.other.open();
  CHECK(come_to(f, {0, 1, 0}));
}

TEST_CASE("a pool of 0 workers and 2 beyond works") {
  native_fixture f{with_overflow(0, 2)};
  CHECK(f.stats().workers.empty());
  CHECK(f.call());
  f.occupy(2);
  auto third = f.ask(work());
  CHECK(f.stats().counts.waiting == 1);
  f.door.open();
  CHECK(f.answer(third));
  CHECK(come_to(f, {0, 0, 0}));
}

TEST_CASE("who waits has a new one started however often the one beyond dies, "
          "also before its supervisor has heard of it") {
  native_fixture f{with_overflow(0, 1)};
  for (int i = 0; i < 100; ++i) {
    REQUIRE(!f.cast(suicide()));
    auto x = f.call();
    CAPTURE(i);
    CAPTURE(describe(x.why));
    REQUIRE(x);
  }
}

TEST_CASE("size 0 without overflow is refused by name") {
  auto mistakes = validate(lab(0));
  REQUIRE(mistakes.size() == 1);
  CHECK(mistakes[0].where.find("size") != std::string::npos);
}

TEST_CASE("there are never more than size and overflow together") {
  native_fixture f{with_overflow(2, 3)};
  f.occupy(5);
  std::vector<native_fixture::asked> open;
  for (int i = 0; i < 20; ++i)
    open.push_back(f.ask(wait_at(f.door)));
  CHECK(f.stats().workers.size() == 5);
  CHECK(f.stats().counts.waiting == 20);
  f.door.open();
  for (auto& x : open)
    CHECK(f.answer(x));
  CHECK(f.door.most() == 5);
}

TEST_CASE("starts that fail never push the total above size and overflow") {
  static std::atomic<bool> sick;
  static std::atomic<int> attempts;
  sick = false;
  attempts = 0;
  auto healthy = lab(1);
  register_native("sick", [](caf::actor_system& sys) {
    ++attempts;
    if (sick)
      throw std::runtime_error("not today");
    return sys.spawn<caf::detached>([](caf::event_based_actor*) {
      return caf::behavior{[](job& x) {
        x.run(nullptr);
        return std::uint64_t{1};
      }};
    });
  });
  auto x = with_overflow(1, 2);
  x.adapter = "sick";
  native_fixture f{x};
  f.occupy(1);
  sick = true;
  for (int i = 0; i < 6; ++i)
    CHECK(!f.cast(wait_at(f.other), {.queue_timeout = limit}));
  CHECK(f.eventually([](auto& s) {
    CHECK(s.workers.size() <= 3);
    CHECK(s.overflow <= 2);
    return attempts >= 6;
  }));
  CHECK(f.stats().counts.waiting == 6);
  CHECK(!f.stats().degraded);
  sick = false;
  REQUIRE(f.other.wait_for(2));
  CHECK(f.stats().workers.size() == 3);
  CHECK(f.other.most() == 2);
}

TEST_CASE("it is never a base worker that goes") {
  native_fixture f{with_overflow(2, 2)};
  std::set<std::string> base{"worker-1", "worker-2"};
  for (int round = 0; round < 5; ++round) {
    std::vector<native_fixture::asked> open;
    for (int i = 0; i < 4; ++i)
      open.push_back(f.ask(wait_at(f.door)));
    REQUIRE(f.door.wait_for(4 * static_cast<std::size_t>(round + 1)));
    f.door.let(4);
    for (auto& x : open)
      CHECK(f.answer(x));
    CHECK(come_to(f, {0, 0, 0}));
  }
  CHECK(f.eventually([](auto& x) { return x.workers.size() == 2; }));
  for (auto& w : f.stats().workers)
    CHECK(base.count(w.worker) == 1);
  for (auto& e : f.events.all())
    if (e.name == "charmer.worker.terminated")
      CHECK(base.count(e.child) == 0);
}

TEST_CASE("an idle one is kept for as long as retention says, and no longer") {
  using clock = std::chrono::steady_clock;
  native_fixture f{with_overflow(1, 1, 200ms)};
  f.occupy(1);
  auto before = clock::now();
  CHECK(f.call());
  CHECK(count(f.stats()) == counts{1, 1, 1});
  REQUIRE(f.events.wait_for(ended("overflow-1")));
  auto kept = clock::now() - before;
  CHECK(kept >= 200ms);
  CHECK(kept < 5s); // much less; but a busy machine is late
  CHECK(come_to(f, {0, 1, 0}));
}

TEST_CASE("one that is used again meanwhile stays") {
  native_fixture f{with_overflow(1, 1, 1s)};
  f.occupy(1);
  auto first = f.call().who;
  for (int i = 0; i < 4; ++i) {
    f.self->receive(caf::after(400ms) >> [] {});
    CHECK(f.call().who == first);
  }
  CHECK(f.events.wait_for(ended("overflow-1")));
  CHECK(f.call().who != first);
}

TEST_CASE("idle, busy and all workers beyond the size, as time goes by") {
  native_fixture f{with_overflow(1, 2, 1s)};
  f.occupy(1);
  CHECK(!f.cast(wait_at(f.other)));
  REQUIRE(f.other.wait_for(1));
  CHECK(count(f.stats()) == counts{0, 2, 1});
  CHECK(f.call());
  CHECK(come_to(f, {1, 2, 2}));
  f.self->receive(caf::after(500ms) >> [] {});
  f.other.open();
  CHECK(come_to(f, {2, 1, 2}));
  CHECK(come_to(f, {1, 1, 1}));
  CHECK(come_to(f, {0, 1, 0}));
}
