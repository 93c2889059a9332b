// The decisions as values, without actors.
#include "charmer/supervision/backoff.hpp"
#include "charmer/supervision/restart_budget.hpp"
#include "charmer/supervision/restart_decision.hpp"
#include "charmer/supervision/stop_order.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

time_point at(timespan x) {
  return time_point{} + 1h + x;
}

} // namespace

TEST_CASE("a budget of intensity I allows I restarts in a period") {
  for (int intensity : {0, 1, 2, 3, 10}) {
    restart_budget budget{{.intensity = intensity, .period = 5s}};
    for (int i = 0; i < intensity; ++i)
      CHECK(budget.charge(at(0s)));
    CHECK_FALSE(budget.charge(at(0s)));
  }
}

TEST_CASE("the window of a budget is inclusive and exact to the clock") {
  restart_budget inside{{.intensity = 1, .period = 1s}};
  CHECK(inside.charge(at(0s)));
  CHECK_FALSE(inside.charge(at(1s)));
  restart_budget outside{{.intensity = 1, .period = 1s}};
  CHECK(outside.charge(at(0s)));
  CHECK(outside.charge(at(1s + 1ns)));
  CHECK(outside.used(at(1s + 1ns)) == 1);
}

TEST_CASE("an unlimited budget is never used up") {
  restart_budget budget{restart_intensity::unlimited()};
  for (int i = 0; i < 1000; ++i)
    REQUIRE(budget.charge(at(0s)));
}

TEST_CASE("a budget agrees with counting by hand on random sequences") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random{seed};
    restart_intensity limit{.intensity = static_cast<int>(random() % 6),
                            .period =
                                timespan{static_cast<int>(1 + random() % 50)}};
    restart_budget budget{limit};
    std::vector<time_point> all;
    auto now = at(0s);
    for (int i = 0; i < 200; ++i) {
      now += timespan{static_cast<int>(random() % 20)};
      all.push_back(now);
      auto inside = 0;
      for (auto t : all)
        inside += now - t <= limit.period ? 1 : 0;
      INFO("seed " << seed << ", step " << i);
      auto allowed = budget.charge(now);
      REQUIRE(allowed == (inside <= limit.intensity));
      if (!allowed)
        break; // the supervisor has ended
    }
  }
}

TEST_CASE("the first restart after a long life comes at once") {
  CHECK(backoff{}.delay(0, 0.9) == 0s);
}

TEST_CASE("the delay grows by its factor up to its maximum") {
  backoff x{.minimum = 200ms, .maximum = 1s, .factor = 2, .jitter = 0};
  CHECK(x.delay(1, 0.1) == 200ms);
  CHECK(x.delay(2, 0.1) == 400ms);
  CHECK(x.delay(3, 0.1) == 800ms);
  CHECK(x.delay(4, 0.1) == 1s);
  CHECK(x.delay(4'000'000'000u, 0.1) == 1s);
}

TEST_CASE("a delay of nothing stays nothing, and one for ever is for ever") {
  backoff none{.minimum = 0s, .maximum = 1s};
  backoff for_ever{.minimum = infinite, .maximum = infinite, .jitter = 1};
  for (auto attempt : {1u, 2u, 1000u, 2000u, 4'000'000'000u}) {
    CHECK(none.delay(attempt, 0.9) == 0s);
    CHECK(for_ever.delay(attempt, 0.9) == infinite);
  }
}

TEST_CASE(
    "jitter spreads the delay in both directions, never above the maximum") {
  backoff x{.minimum = 100ms, .maximum = 1s, .factor = 2, .jitter = 0.5};
  CHECK(x.delay(1, 0.0) == 50ms);
  CHECK(x.delay(1, 0.5) == 100ms);
  CHECK(x.delay(1, 0.75) == 125ms);
  for (std::uint32_t attempt = 0; attempt < 100; ++attempt)
    for (double random : {0.0, 0.3, 0.5, 0.7, 0.999999}) {
      CHECK(x.delay(attempt, random) <= 1s);
      CHECK(x.delay(attempt, random) >= 0s);
    }
}

TEST_CASE("the restart decision is OTP's table") {
  using enum restart_type;
  struct row {
    restart_type type;
    exit_kind kind;
    verdict expected;
    bool failure;
  };
  const row table[] = {
      {permanent, exit_kind::normal, verdict::restart, true},
      {permanent, exit_kind::shutdown, verdict::restart, true},
      {permanent, exit_kind::planned, verdict::renew, false},
      {permanent, exit_kind::abnormal, verdict::restart, true},
      {transient, exit_kind::normal, verdict::keep, false},
      {transient, exit_kind::shutdown, verdict::keep, false},
      {transient, exit_kind::planned, verdict::renew, false},
      {transient, exit_kind::abnormal, verdict::restart, true},
      {temporary, exit_kind::normal, verdict::remove, false},
      {temporary, exit_kind::shutdown, verdict::remove, false},
      {temporary, exit_kind::planned, verdict::remove, false},
      {temporary, exit_kind::abnormal, verdict::remove, true},
  };
  for (const auto& x : table) {
    CHECK(decide(x.type, x.kind) == x.expected);
    CHECK(is_failure(x.type, x.kind) == x.failure);
  }
}

TEST_CASE("exit reasons are sorted into what they mean") {
  CHECK(classify({}) == exit_kind::normal);
  CHECK(classify(caf::exit_reason::normal) == exit_kind::normal);
  CHECK(classify(caf::exit_reason::user_shutdown) == exit_kind::shutdown);
  CHECK(classify(caf::exit_reason::kill) == exit_kind::abnormal);
  CHECK(classify(make_error(supervision_errc::planned_stop))
        == exit_kind::planned);
  CHECK(classify(make_error(supervision_errc::planned_stop,
                            exit_details{.text = "max_requests"}))
        == exit_kind::planned);
  CHECK(classify(make_error(supervision_errc::restart_intensity_reached))
        == exit_kind::abnormal);
}

TEST_CASE("children stop in reverse order, one at a time") {
  CHECK(stop_order({{1, false}, {2, true}, {5, false}}, false)
        == stop_batches{{5}, {2}, {1}});
  CHECK(stop_order({}, false).empty());
}

TEST_CASE(
    "dynamic children that do not depend on each other stop together first") {
  CHECK(stop_order({{1, false}, {2, true}, {3, true}, {5, false}}, true)
        == stop_batches{{3, 2}, {5}, {1}});
}
