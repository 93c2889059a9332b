// What a request costs does not grow with how many wait, nor with how many
// workers there are. Times are compared with each other, generously: what grows
// with the number would take a hundred times as long.
#include "bench.hpp"

#include <algorithm>
#include <functional>

namespace {

using span = std::chrono::nanoseconds;

constexpr double much_longer = 15;

// The best of a few: a busy machine is slow, but never too fast.
span best_of_5(const std::function<void()>& f) {
  auto result = span::max();
  for (int i = 0; i < 5; ++i) {
    auto before = std::chrono::steady_clock::now();
    f();
    result = std::min<span>(result, std::chrono::steady_clock::now() - before);
  }
  return result;
}

double ratio(span many, span few) {
  return static_cast<double>(many.count()) / static_cast<double>(few.count());
}

core_limits roomy(std::uint32_t size = 1) {
  core_limits result;
  result.size = size;
  result.queue_size = 200'000;
  return result;
}

request_key name(std::uint64_t number) {
  return {1, number};
}

// A pool whose one worker is busy, with so many that wait.
struct crowded : bench {
  explicit crowded(std::uint64_t count) : bench(roomy()), waiting(count) {
    hire("w");
    submit("running");
    for (std::uint64_t i = 1; i <= count; ++i)
      wait(i);
  }

  void wait(std::uint64_t number, std::chrono::nanoseconds limit = 5s) {
    auto x = request("x");
    x.key = name(number);
    x.bytes = 10;
    x.queue_deadline = now + limit;
    submit(std::move(x));
  }

  void cancel(std::uint64_t number) {
    effects out;
    core.cancel(name(number), now, out);
  }

  std::uint64_t waiting;
};

// 1,000 in the middle go, and others come.
span time_of_cancels(std::uint64_t count) {
  crowded b{count};
  auto result = best_of_5([&] {
    auto middle = count / 2 - 499;
    for (std::uint64_t i = middle; i < middle + 1000; ++i) {
      b.cancel(i);
      b.wait(i);
    }
  });
  CHECK(b.counts().waiting == count);
  CHECK(b.counts().cancelled == 5000);
  return result;
}

// 1,000 wait too long, behind and before those that may wait.
span time_of_expiry(std::uint64_t count) {
  crowded b{count};
  auto result = best_of_5([&] {
    for (std::uint64_t i = 1; i <= 1000; ++i)
      b.wait(count + i, 1ms);
    b.pass(10ms);
  });
  CHECK(b.counts().waiting == count);
  CHECK(b.counts().failed == 5000);
  return result;
}

span time_of_requests(std::uint32_t workers, worker_strategy how) {
  bench b{roomy(workers)};
  for (std::uint32_t i = 0; i < workers; ++i)
    b.hire("w" + std::to_string(i));
  auto served = 0;
  auto result = best_of_5([&] {
    for (int i = 0; i < 1000; ++i) {
      auto x = b.request("x");
      x.how = how;
      auto out = b.submit(std::move(x));
      if (!out.assignments.empty()) {
        b.arrived(out.assignments[0]);
        b.done(out);
        ++served;
      }
    }
  });
  CHECK(served == 5000);
  return result;
}

} // namespace

TEST_CASE("to cancel one of 100,000 costs what it costs among 1,000") {
  CHECK(ratio(time_of_cancels(100'000), time_of_cancels(1000)) < much_longer);
}

TEST_CASE("to expire among 100,000 costs what it costs among 1,000") {
  CHECK(ratio(time_of_expiry(100'000), time_of_expiry(1000)) < much_longer);
}

TEST_CASE("a request to one of 10,000 workers costs what it costs with 10") {
  for (auto how : {available_worker, next_available_worker, best_worker,
                   next_worker, random_worker, hash_worker(7)}) {
    CAPTURE(static_cast<int>(how.kind));
    CHECK(ratio(time_of_requests(10'000, how), time_of_requests(10, how))
          < much_longer);
  }
}

TEST_CASE("2,000 cancelled waiters leave no bytes behind") {
  auto limits = roomy();
  limits.queue_bytes = 20'000;
  bench b{limits};
  b.hire("w");
  b.submit("running");
  auto wait = [&](std::uint64_t number) {
    auto x = b.request("x");
    x.key = name(number);
    x.bytes = 10;
    return b.submit(std::move(x)).settlements.empty();
  };
  for (std::uint64_t i = 1; i <= 2000; ++i)
    CHECK(wait(i));
  CHECK(b.core.snapshot(b.now).waiting_bytes == 20'000);
  CHECK(!wait(2001));
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    effects out;
    CHECK(b.core.cancel(name(i), b.now, out));
  }
  auto last = b.core.snapshot(b.now);
  CHECK(last.waiting_bytes == 0);
  CHECK(last.counts.waiting == 0);
  CHECK(wait(2002));
}
