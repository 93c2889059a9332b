// Many streams at once, with consumers that stop, cancel or die, and workers
// that are killed: each stream has one outcome, after chunks without gaps.
#include "pool_fixture.hpp"

#include <random>
#include <thread>

using namespace charmer_tests;

namespace {

// What all streams together came to.
struct tally {
  std::atomic<int> ended = 0;
  std::atomic<int> stopped = 0;
  std::atomic<int> failed = 0;
  std::atomic<int> deserted = 0; // their consumer died first
  std::atomic<int> chunks = 0;
  std::atomic<int> surprises = 0;
  pool_handle pool;

  int outcomes() const { return ended + stopped + failed + deserted; }
};

// Watches over one stream.
class witness {
public:
  witness(tally& t, int wanted) : t_(t), wanted_(wanted) {}

  void take(const chunk& x) {
    expect(outcomes_ == 0);
    expect(x.number == next_);
    expect(x.json() == next_);
    ++next_;
    ++t_.chunks;
  }

  void end(const stream_end& x) {
    expect(++outcomes_ == 1);
    expect(x.chunks == next_);
    expect(x.stopped || next_ == static_cast<std::uint64_t>(wanted_));
    ++(x.stopped ? t_.stopped : t_.ended);
  }

  void fail(const caf::error& why) {
    expect(++outcomes_ == 1);
    auto foreseen = why == pool_errc::worker_died || why == pool_errc::cancelled
                    || why == pool_errc::poisoned;
    expect(foreseen);
    if (!foreseen)
      MESSAGE(describe(why));
    ++t_.failed;
  }

private:
  void expect(bool holds) {
    if (!holds)
      ++t_.surprises;
  }

  tally& t_;
  const int wanted_;
  std::uint64_t next_ = 0;
  int outcomes_ = 0;
};

// One stream by `then`, treated in one of several ways.
void read_some(caf::event_based_actor* self, tally& t, std::uint64_t dice) {
  auto wanted = static_cast<int>(dice % 60);
  auto seen = std::make_shared<witness>(t, wanted);
  auto what = dice / 64 % 5;
  auto when = dice / 512 % 30;
  call_options options{
      .timeout = 60s,
      .queue_timeout = 60s,
      .idempotent = dice / 4096 % 2 == 0 ? idempotence::yes : idempotence::no,
      .window = static_cast<std::uint32_t>(1 + dice / 8192 % 20)};
  auto pending = stream(self, t.pool, dice % 2 == 0 ? "count" : "acount",
                        {{"to", wanted}}, options);
  auto handle = pending.handle();
  pending.then(
      [=, &t](const chunk& x) {
        seen->take(x);
        if (x.number != when)
          return true;
        if (what == 1)
          handle.cancel();
        if (what == 2) {
          ++t.deserted;
          self->quit();
        }
        return what != 3;
      },
      [=](const stream_end& x) { seen->end(x); },
      [=](const caf::error& e) { seen->fail(e); });
}

// One stream to a consumer actor, which may die.
caf::behavior consumer(caf::event_based_actor* self, tally* t,
                       std::uint64_t dice) {
  auto wanted = static_cast<int>(dice % 60);
  auto seen = std::make_shared<witness>(*t, wanted);
  auto dies_at = dice / 64 % 2 == 0 ? dice / 128 % 60 : 1000;
  stream_to(caf::actor{self}, t->pool, "count", {{"to", wanted}},
            {.timeout = 60s, .queue_timeout = 60s, .window = 4});
  return {
      [=](const chunk& x) {
        seen->take(x);
        acknowledge(t->pool, x);
        if (x.number == dies_at) {
          ++t->deserted;
          self->quit();
        }
      },
      [=](const stream_end& x) {
        seen->end(x);
        self->quit();
      },
      [=](const stream_failure& x) {
        seen->fail(x.why);
        self->quit();
      },
  };
}

void survive(pool_settings x, int streams) {
  auto said = std::getenv("CHARMER_SEED");
  auto seed = said ? std::stoull(said) : std::random_device{}();
  CAPTURE(seed);
  x.adapter = "streams:Streams";
  x.intensity = 1'000'000;
  x.restart_backoff = {.minimum = 1ms, .maximum = 5ms};
  x.max_queue_size = 100'000;
  x.poison_after = 100;
  pool_fixture f{x};
  tally t;
  t.pool = f.pool;
  std::atomic<bool> stop = false;
  std::atomic<bool> balanced = true;
  int kills = 0;
  std::thread chaos{[&] {
    std::mt19937_64 random{seed};
    // However slow the machine is, there is progress between two kills.
    auto next = 0;
    while (!stop) {
      auto workers = f.app->workers();
      if (t.outcomes() >= next && workers && !workers->empty()) {
        auto& victim = (*workers)[random() % workers->size()];
        caf::anon_send_exit(victim.handle, caf::exit_reason::kill);
        ++kills;
        next = t.outcomes() + static_cast<int>(random() % 20);
      }
      balanced = balanced && f.stats().counts.balanced();
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
    }
  }};
  std::mt19937_64 random{seed + 1};
  for (int i = 0; i < streams; ++i) {
    auto dice = random();
    if (dice % 3 == 0)
      f.self->spawn<caf::monitored>(consumer, &t, dice / 3);
    else
      f.self->spawn<caf::monitored>([&t, dice](caf::event_based_actor* self) {
        read_some(self, t, dice / 3);
      });
  }
  for (int i = 0; i < streams; ++i)
    f.self->receive([](const caf::down_msg&) {},
                    caf::after(limit) >> [] { FAIL("a consumer waits"); });
  stop = true;
  chaos.join();
  CHECK(f.eventually([&](auto& s) {
    return s.counts.running == 0 && s.counts.waiting == 0
           && s.workers.size() == x.size;
  }));
  MESSAGE(t.ended.load(), " ended, ", t.stopped.load(), " stopped, ",
          t.failed.load(), " failed, ", t.deserted.load(), " deserted, ",
          t.chunks.load(), " chunks, ", kills, " kills");
  CHECK(t.surprises == 0);
  CHECK(t.outcomes() == streams);
  CHECK(balanced);
  auto counts = f.stats().counts;
  CHECK(counts.balanced());
  CHECK(counts.accepted == static_cast<std::uint64_t>(streams));
  CHECK(f.call("plain", {{"x", 1}}).json() == 1);
}

} // namespace

TEST_CASE("processes: every stream has one outcome, after chunks in order") {
  survive(shop(3), 1500);
}

TEST_CASE("threads: every stream has one outcome, after chunks in order") {
  auto x = shop(2);
  x.profile = "thread";
  x.threads_per_worker = 4;
  survive(x, 1500);
}
