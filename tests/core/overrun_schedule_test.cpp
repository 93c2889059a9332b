#include "charmer/actors/overrun_schedule.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

// Everything that is reported of a task that runs so long.
std::map<std::chrono::nanoseconds, overrun_alert>
reports(const overrun_schedule& plan, std::chrono::nanoseconds runtime) {
  std::map<std::chrono::nanoseconds, overrun_alert> result;
  for (std::uint32_t number = 1;; ++number) {
    auto report = plan.report(number);
    if (!report || report->after > runtime)
      return result;
    REQUIRE(!result.contains(report->after));
    result[report->after] = report->alert;
    if (report->alert == overrun_alert::max_overrun_limit)
      return result;
  }
}

constexpr auto overrun = overrun_alert::overrun;
constexpr auto limit = overrun_alert::max_overrun_limit;

} // namespace

TEST_CASE("without a limit reports come at 1, 2, 4, 8 times the warning") {
  overrun_schedule plan{.warning = 1s};
  CHECK(reports(plan, 10s)
        == std::map<std::chrono::nanoseconds, overrun_alert>{
            {1s, overrun}, {2s, overrun}, {4s, overrun}, {8s, overrun}});
}

TEST_CASE("with a limit they come in equal steps and the last one ends it") {
  overrun_schedule plan{.warning = 1s, .max_reports = 5};
  CHECK(reports(plan, 1h)
        == std::map<std::chrono::nanoseconds, overrun_alert>{{1s, overrun},
                                                             {2s, overrun},
                                                             {3s, overrun},
                                                             {4s, overrun},
                                                             {5s, limit}});
  CHECK(!plan.report(6));
}

TEST_CASE("a warning of 1000 ms and a task of 1500 ms: exactly one report") {
  CHECK(reports({.warning = 1000ms}, 1500ms).size() == 1);
}

TEST_CASE("500 ms, at most 2, a task of 2000 ms: one report, then the limit") {
  CHECK(reports({.warning = 500ms, .max_reports = 2}, 2000ms)
        == std::map<std::chrono::nanoseconds, overrun_alert>{{500ms, overrun},
                                                             {1000ms, limit}});
}

TEST_CASE("with a limit of one the first report is the last") {
  CHECK(reports({.warning = 1s, .max_reports = 1}, 1h)
        == std::map<std::chrono::nanoseconds, overrun_alert>{{1s, limit}});
}

TEST_CASE("without a warning nothing is ever reported") {
  CHECK(!overrun_schedule{}.report(1));
  CHECK(!overrun_schedule{.max_reports = 5}.report(1));
}

TEST_CASE("there is no report number zero") {
  CHECK(!overrun_schedule{.warning = 1s}.report(0));
}

TEST_CASE("reports beyond all time are none, and none comes back early") {
  for (auto warning : {1ns, 3ns, 1'000'000'000ns, 999'999'999'999'999'999ns}) {
    overrun_schedule plan{.warning = warning};
    auto before = 0ns;
    std::uint32_t number = 1;
    for (; auto report = plan.report(number); ++number) {
      REQUIRE(report->after > before);
      before = report->after;
    }
    for (auto later = number; later < number + 200; ++later)
      REQUIRE(!plan.report(later));
  }
  overrun_schedule plan{.warning = std::chrono::hours(1'000'000),
                        .max_reports = ~0u};
  CHECK(plan.report(2));
  CHECK(!plan.report(~0u));
}
