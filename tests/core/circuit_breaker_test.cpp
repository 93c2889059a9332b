#include "charmer/actors/circuit_breaker.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

using time_point = circuit_breaker::time_point;

constexpr time_point start{1000h};

breaker_limits five_in_a_row() {
  return {.enabled = true, .consecutive = 5, .rate = 0, .cooldown = 5s};
}

breaker_limits half_of_twenty() {
  return {.enabled = true,
          .consecutive = 0,
          .rate = 0.5,
          .minimum = 20,
          .window = 10s,
          .cooldown = 5s};
}

// A breaker that has just opened.
circuit_breaker opened(time_point now) {
  circuit_breaker result{five_in_a_row()};
  for (int i = 0; i < 5; ++i)
    result.failed(now, false);
  REQUIRE(result.state(now) == breaker_state::open);
  return result;
}

} // namespace

TEST_CASE("a breaker opens with the fifth failure in a row, and says so once") {
  circuit_breaker breaker{five_in_a_row()};
  for (int i = 0; i < 4; ++i) {
    CHECK(breaker.permit(start) == permission::admit);
    CHECK(breaker.failed(start, false) == breaker_change::none);
  }
  CHECK(breaker.failed(start, false) == breaker_change::opened);
  CHECK(breaker.permit(start) == permission::refuse);
  CHECK(breaker.failed(start, false) == breaker_change::none);
}

TEST_CASE("a success between failures begins the count again") {
  circuit_breaker breaker{five_in_a_row()};
  for (int i = 0; i < 100; ++i)
    if (i % 5 == 4)
      CHECK(breaker.succeeded(start, false) == breaker_change::none);
    else
      CHECK(breaker.failed(start, false) == breaker_change::none);
  CHECK(breaker.state(start) == breaker_state::closed);
}

TEST_CASE("an open breaker refuses at age 0, 1000 and 4900 ms and is half open "
          "at 5000") {
  auto breaker = opened(start);
  for (auto age : {0ms, 1000ms, 4900ms, 4999ms}) {
    CHECK(breaker.state(start + age) == breaker_state::open);
    CHECK(breaker.permit(start + age) == permission::refuse);
  }
  CHECK(breaker.permit(start + 5s - 1ns) == permission::refuse);
  CHECK(breaker.state(start + 5s) == breaker_state::half_open);
  CHECK(breaker.permit(start + 5s) == permission::probe);
}

TEST_CASE("a half-open breaker lets exactly one probe in") {
  auto breaker = opened(start);
  auto now = start + 5s;
  CHECK(breaker.permit(now) == permission::probe);
  for (int i = 0; i < 100; ++i)
    CHECK(breaker.permit(now += 1h) == permission::refuse);
  CHECK(breaker.state(now) == breaker_state::half_open);
}

TEST_CASE("a probe that succeeds closes the breaker, with a clean slate") {
  auto breaker = opened(start);
  auto now = start + 5s;
  breaker.permit(now);
  CHECK(breaker.succeeded(now, true) == breaker_change::closed);
  CHECK(breaker.permit(now) == permission::admit);
  for (int i = 0; i < 4; ++i)
    CHECK(breaker.failed(now, false) == breaker_change::none);
  CHECK(breaker.failed(now, false) == breaker_change::opened);
}

TEST_CASE("a probe that fails opens the breaker for another cooldown") {
  auto breaker = opened(start);
  auto now = start + 7s;
  breaker.permit(now);
  CHECK(breaker.failed(now, true) == breaker_change::opened);
  CHECK(breaker.permit(now + 4999ms) == permission::refuse);
  CHECK(breaker.permit(now + 5s) == permission::probe);
}

TEST_CASE("after a probe that never ran the next request is one") {
  auto breaker = opened(start);
  auto now = start + 5s;
  breaker.permit(now);
  breaker.abandoned_probe();
  CHECK(breaker.state(now) == breaker_state::half_open);
  CHECK(breaker.permit(now) == permission::probe);
  CHECK(breaker.permit(now) == permission::refuse);
}

TEST_CASE("what was let in before changes nothing after the breaker opened") {
  auto breaker = opened(start);
  CHECK(breaker.succeeded(start + 1s, false) == breaker_change::none);
  CHECK(breaker.state(start + 1s) == breaker_state::open);
  breaker.permit(start + 5s);
  CHECK(breaker.succeeded(start + 6s, false) == breaker_change::none);
  CHECK(breaker.failed(start + 6s, false) == breaker_change::none);
  CHECK(breaker.state(start + 6s) == breaker_state::half_open);
  CHECK(breaker.succeeded(start + 6s, true) == breaker_change::closed);
}

TEST_CASE("a share of failures opens a breaker once enough have ended") {
  circuit_breaker breaker{half_of_twenty()};
  for (int i = 0; i < 9; ++i) {
    breaker.succeeded(start, false);
    CHECK(breaker.failed(start, false) == breaker_change::none);
  }
  breaker.succeeded(start, false);
  CHECK(breaker.failed(start, false) == breaker_change::opened);
}

TEST_CASE("a smaller share never opens it") {
  circuit_breaker breaker{half_of_twenty()};
  for (int i = 0; i < 10'000; ++i) {
    auto now = start + i * 10ms;
    if (i % 100 >= 51)
      REQUIRE(breaker.failed(now, false) == breaker_change::none);
    else
      breaker.succeeded(now, false);
  }
}

TEST_CASE("failures that are older than the window are forgotten") {
  circuit_breaker breaker{half_of_twenty()};
  for (int i = 0; i < 19; ++i)
    breaker.failed(start, false);
  CHECK(breaker.failed(start + 10s, false) == breaker_change::none);
  circuit_breaker other{half_of_twenty()};
  for (int i = 0; i < 19; ++i)
    other.failed(start, false);
  CHECK(other.failed(start + 9s - 1ns, false) == breaker_change::opened);
}

TEST_CASE("a breaker that is not enabled admits everything") {
  auto limits = five_in_a_row();
  limits.enabled = false;
  circuit_breaker breaker{limits};
  for (int i = 0; i < 1000; ++i) {
    CHECK(breaker.permit(start) == permission::admit);
    CHECK(breaker.failed(start, false) == breaker_change::none);
  }
}

TEST_CASE("the codes that count are a set") {
  breaker_limits limits;
  limits.failures = 1ull << static_cast<unsigned>(pool_errc::worker_died);
  CHECK(limits.counts(pool_errc::worker_died));
  CHECK_FALSE(limits.counts(pool_errc::cancelled));
  CHECK_FALSE(limits.counts(pool_errc::none));
}

namespace {

// A breaker that keeps every end of a request and forgets nothing by itself. It
// knows the window in whole steps, as the breaker does.
struct model {
  struct end {
    std::int64_t turn;
    bool failed;
  };

  breaker_limits limits;
  breaker_state state = breaker_state::closed;
  bool probing = false;
  time_point opened_at;
  std::deque<end> ends;

  std::int64_t turn_of(time_point now) const {
    return now.time_since_epoch() / (limits.window / 10);
  }

  bool too_many(time_point now) const {
    std::uint32_t row = 0;
    while (row < ends.size() && ends[ends.size() - 1 - row].failed)
      ++row;
    if (limits.consecutive > 0 && row >= limits.consecutive)
      return true;
    double all = 0;
    double failed = 0;
    for (auto& x : ends)
      if (x.turn > turn_of(now) - 10) {
        all += 1;
        failed += x.failed ? 1 : 0;
      }
    return limits.rate > 0 && all >= limits.minimum
           && failed >= limits.rate * all;
  }

  permission permit(time_point now) {
    if (state == breaker_state::open && now >= opened_at + limits.cooldown)
      state = breaker_state::half_open;
    if (state == breaker_state::closed)
      return permission::admit;
    if (state == breaker_state::open || probing)
      return permission::refuse;
    probing = true;
    return permission::probe;
  }

  breaker_change end_of(time_point now, bool failed, bool was_probe) {
    if (was_probe) {
      probing = false;
    } else {
      if (state != breaker_state::closed)
        return breaker_change::none;
      ends.push_back({turn_of(now), failed});
      if (!failed || !too_many(now))
        return breaker_change::none;
    }
    ends.clear();
    if (!failed) {
      state = breaker_state::closed;
      return breaker_change::closed;
    }
    state = breaker_state::open;
    opened_at = now;
    return breaker_change::opened;
  }
};

} // namespace

TEST_CASE("breakers agree with one that remembers everything") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    breaker_limits limits{.enabled = true,
                          .consecutive = static_cast<std::uint32_t>(seed % 7),
                          .rate = seed % 3 * 0.3,
                          .minimum = 1 + seed % 10,
                          .window = 1s,
                          .cooldown = 300ms};
    circuit_breaker breaker{limits};
    model expected{.limits = limits};
    auto now = start;
    unsigned opened = 0;
    for (int step = 0; step < 3000; ++step) {
      now += std::chrono::milliseconds(random() % 60);
      auto allowed = breaker.permit(now);
      REQUIRE(allowed == expected.permit(now));
      auto was_probe = allowed == permission::probe;
      auto kind = random() % 10;
      if (was_probe && kind == 0) {
        breaker.abandoned_probe();
        expected.probing = false;
        continue;
      }
      // What is refused stands for something that was let in long ago.
      auto failed = kind < 4;
      auto change = failed ? breaker.failed(now, was_probe)
                           : breaker.succeeded(now, was_probe);
      REQUIRE(change == expected.end_of(now, failed, was_probe));
      REQUIRE(breaker.state(now) == expected.state);
      opened += change == breaker_change::opened ? 1 : 0;
    }
    if (limits.consecutive != 0 || limits.rate > 0)
      CHECK(opened > 0);
  }
}
