// Strategies by call, cast, request and run, through everything that stands
// between a caller and a worker. The numbers are those of wpool's own tests.
#include "native_fixture.hpp"

using namespace charmer_tests;

namespace {

using worker_ids = std::set<std::uint64_t>;

worker_ids who(const std::vector<worked>& xs) {
  worker_ids result;
  for (auto& x : xs)
    result.insert(x.who);
  return result;
}

std::vector<worked> call(native_fixture& f, int count, worker_strategy how) {
  std::vector<worked> result;
  for (int i = 0; i < count; ++i)
    result.push_back(f.call(work(), {.strategy = how}));
  return result;
}

// What each worker has, running and waiting for it alone.
bool loads_are(native_fixture& f, std::uint64_t running, std::uint64_t line) {
  auto stats = f.stats();
  return std::all_of(stats.workers.begin(), stats.workers.end(), [&](auto& x) {
    return x.running == running && x.line == line;
  });
}

} // namespace

TEST_CASE("every strategy serves a call, a cast, a cast as request and a run") {
  register_strategy("first",
                    [](const std::string&, auto& xs) { return xs.front(); });
  native_fixture f;
  for (auto how : {available_worker, next_available_worker, best_worker,
                   next_worker, random_worker, hash_worker("key"),
                   hash_worker(7), custom_worker("first")}) {
    CAPTURE(int(how.kind));
    auto before = f.stats().counts.replied;
    call_options options{.strategy = how};
    CHECK(f.call(work(), options));
    charmer::cast(f.pool, work(), options);
    CHECK(!f.cast(work(), options));
    auto ran = false;
    CHECK(!run(
        f.self, f.pool, [&](lease&, timespan) { ran = true; }, options));
    CHECK(ran);
    CHECK(f.eventually([&](auto& x) {
      return x.counts.replied == before + 4 && x.counts.running == 0;
    }));
  }
}

TEST_CASE("6 calls by next_worker reach 6 workers, the next 6 in that order") {
  native_fixture f;
  auto first = call(f, 6, next_worker);
  CHECK(who(first).size() == 6);
  auto second = call(f, 6, next_worker);
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(first[i].who == second[i].who);
}

TEST_CASE("120 calls by random_worker reach all 6 workers") {
  native_fixture f;
  CHECK(who(call(f, 120, random_worker)).size() == 6);
}

TEST_CASE("best_worker spreads what runs and what waits evenly") {
  native_fixture f;
  f.occupy(6, {.strategy = best_worker});
  CHECK(loads_are(f, 1, 0));
  for (std::uint64_t line : {1, 2}) {
    for (int i = 0; i < 6; ++i)
      CHECK(!f.cast(wait_at(f.door), {.strategy = best_worker}));
    CHECK(loads_are(f, 1, line));
  }
  CHECK(f.stats().counts.waiting == 12);
}

TEST_CASE("with available_worker nothing waits at a worker") {
  native_fixture f;
  f.occupy(6);
  for (int i = 0; i < 6; ++i)
    CHECK(!f.cast(wait_at(f.door)));
  CHECK(loads_are(f, 1, 0));
  CHECK(f.stats().counts.waiting == 6);
  auto late = f.call(work(), {.timeout = 100ms});
  CHECK(late.why == pool_errc::wait_timeout);
  CHECK(!failure_of(late.why).begun);
}

TEST_CASE("with 3 workers busy the other 3 serve 120 calls") {
  native_fixture f;
  f.occupy(3);
  std::vector<native_fixture::asked> open;
  for (int i = 0; i < 120; ++i)
    open.push_back(f.ask(work()));
  std::vector<worked> served;
  for (auto& x : open)
    served.push_back(f.answer(x));
  CHECK(who(served).size() <= 3);
  CHECK(who(served).count(0) == 0);
}

TEST_CASE("next_available_worker has a worker now or not at all") {
  native_fixture f;
  f.occupy(6, {.strategy = next_available_worker});
  CHECK(f.cast(work(), {.strategy = next_available_worker})
        == pool_errc::no_available_worker);
  f.door.let(1);
  CHECK(f.comes_to(1, 5, 0));
  f.occupy(1, {.strategy = next_available_worker});
  CHECK(f.call(work(), {.strategy = next_available_worker}).why
        == pool_errc::no_available_worker);
}

TEST_CASE("two callers never get one worker by next_available_worker") {
  native_fixture f{lab(2)};
  std::vector<native_fixture::asked> open;
  for (int i = 0; i < 20; ++i)
    open.push_back(f.ask(wait_at(f.door), {.strategy = next_available_worker}));
  REQUIRE(f.door.wait_for(2));
  f.door.open();
  std::vector<worked> served;
  for (auto& x : open)
    if (auto y = f.answer(x))
      served.push_back(y);
    else
      CHECK(y.why == pool_errc::no_available_worker);
  CHECK(served.size() == 2);
  CHECK(who(served).size() == 2);
}

TEST_CASE("keys 0 and 1 reach exactly 2 workers, keys 1 to 120 all 6") {
  native_fixture f;
  worker_ids two;
  worker_ids all;
  for (int i = 0; i < 120; ++i) {
    two.insert(f.call(work(), {.strategy = hash_worker(i % 2)}).who);
    all.insert(f.call(work(), {.strategy = hash_worker(i + 1)}).who);
  }
  CHECK(two.size() == 2);
  CHECK(all.size() == 6);
}

TEST_CASE("equal keys run in order and alone, also across a worker's death") {
  native_fixture f{lab(3)};
  std::mutex mutex;
  std::vector<int> order;
  std::atomic<int> inside{0};
  std::atomic<bool> overlapped{false};
  std::vector<native_fixture::asked> open;
  open.push_back(f.ask(wait_at(f.door), {.strategy = hash_worker("k")}));
  for (int i = 0; i < 60; ++i) {
    auto one = [&, i](caf::event_based_actor* self) {
      if (++inside != 1)
        overlapped = true;
      {
        std::lock_guard guard{mutex};
        order.push_back(i);
      }
      --inside;
      if (i % 20 == 10)
        self->quit(caf::sec::runtime_error);
    };
    open.push_back(
        f.ask(caf::make_message(job{one}), {.strategy = hash_worker("k")}));
  }
  f.door.open();
  worker_ids reached;
  for (auto& x : open) {
    auto y = f.answer(x);
    CHECK_MESSAGE(y, describe(y.why));
    reached.insert(y.who);
  }
  CHECK(reached.size() >= 3);
  CHECK(!overlapped);
  CHECK(order.size() == 60);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a time-out of 0 is over at once, and the task never runs") {
  native_fixture f{lab(2)};
  std::atomic<int> ran{0};
  auto count = work([&] { ++ran; });
  for (auto how : {available_worker, next_available_worker, best_worker,
                   next_worker, random_worker, hash_worker("key")}) {
    CHECK(f.call(count, {.timeout = 0s, .strategy = how}).why
          == pool_errc::wait_timeout);
    CHECK(f.cast(count, {.queue_timeout = 0s, .strategy = how})
          == pool_errc::wait_timeout);
    CHECK(run(f.self, f.pool, [&](lease&, timespan) { ++ran; },
              {.queue_timeout = 0s, .strategy = how})
          == pool_errc::wait_timeout);
  }
  CHECK(f.call());
  CHECK(ran == 0);
}

TEST_CASE("without a queue the strategies that need one name the option") {
  auto x = lab(2);
  x.queue = queue_order::off;
  x.default_strategy = "best_worker";
  native_fixture f{x};
  for (auto how : {available_worker, next_available_worker}) {
    auto out = f.call(work(), {.strategy = how});
    CHECK(out.why == pool_errc::unsupported);
    CHECK(failure_of(out.why).text.find("\"queue\"") != std::string::npos);
    CHECK(f.cast(work(), {.strategy = how}) == pool_errc::unsupported);
  }
  for (auto how :
       {best_worker, next_worker, random_worker, hash_worker("key")}) {
    CHECK(f.call(work(), {.strategy = how}));
    CHECK(!f.cast(work(), {.strategy = how}));
  }
  charmer::cast(f.pool, work(), {.strategy = available_worker});
  CHECK(f.events.wait_for("charmer.request.failed"));
}

TEST_CASE("a pool's own default_strategy holds where a request says nothing") {
  auto x = lab(6);
  x.default_strategy = "next_worker";
  native_fixture f{x};
  worker_ids reached;
  for (int i = 0; i < 6; ++i)
    reached.insert(f.call().who);
  CHECK(reached.size() == 6);
}

TEST_CASE("one pool by name: what is not there is told in every form") {
  native_fixture f{lab(1)};
  auto& app = *f.app;
  CHECK(app.pool("none").error() == pool_errc::no_such_pool);
  CHECK(app.stats("none").error() == pool_errc::no_such_pool);
  CHECK(app.resize("none", 3).error() == pool_errc::no_such_pool);
  CHECK(app.debug_information("none").error() == pool_errc::no_such_pool);
  CHECK(app.commands("none").error() == pool_errc::no_such_pool);
  CHECK(app.add_callbacks("none", "x", {}) == pool_errc::no_such_pool);
  CHECK(app.add_overrun_handler("none", "x", [](const overrun&) {})
        == pool_errc::no_such_pool);
}
