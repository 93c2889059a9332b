// When a task that runs too long is reported, and when it is ended.
//
// With an unlimited number of reports they come at 1, 2, 4, 8 … times the
// warning; with a limit of N at 1, 2, 3 … N times, and the last one is the
// limit: the worker is replaced. So wpool's manual (its code has it the other
// way round).
//
// Threading: a plain value, without time of its own.
//
//   overrun_schedule plan{.warning = 1s, .max_reports = 5};
//   plan.report(1);    // after 1 s: overrun
//   plan.report(5);    // after 5 s: max_overrun_limit
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

namespace charmer {

enum class overrun_alert : std::uint8_t {
  overrun,           ///< it runs long; it goes on
  max_overrun_limit, ///< it is ended with this report
};

struct overrun_report {
  std::chrono::nanoseconds after; ///< since the task began
  overrun_alert alert = overrun_alert::overrun;

  friend bool operator==(const overrun_report&,
                         const overrun_report&) = default;
};

struct overrun_schedule {
  using nanoseconds = std::chrono::nanoseconds;

  /// The longest duration stands for never.
  nanoseconds warning = nanoseconds::max();
  /// 0: without end.
  std::uint32_t max_reports = 0;

  /// The report with this number, from 1. Nothing: there is none, because it
  /// follows the last one or lies beyond all time.
  std::optional<overrun_report> report(std::uint32_t number) const {
    if (warning == nanoseconds::max() || number == 0)
      return std::nullopt;
    if (max_reports == 0) {
      if (number > 63)
        return std::nullopt;
      return after(std::int64_t{1} << (number - 1), overrun_alert::overrun);
    }
    if (number > max_reports)
      return std::nullopt;
    return after(number, number == max_reports
                             ? overrun_alert::max_overrun_limit
                             : overrun_alert::overrun);
  }

private:
  std::optional<overrun_report> after(std::int64_t times,
                                      overrun_alert alert) const {
    if (warning.count() > std::numeric_limits<std::int64_t>::max() / times)
      return std::nullopt;
    return overrun_report{warning * times, alert};
  }
};

} // namespace charmer
