// What a supervisor does about a child that ended by itself: OTP's table.
//
//   exit reason | normal        | shutdown      | planned stop | anything else
//   permanent   | restart       | restart       | renew        | restart
//   transient   | keep          | keep          | renew        | restart
//   temporary   | remove        | remove        | remove       | remove
//
// Threading: plain values.
//
//   decide(restart_type::transient, exit_kind::normal) == verdict::keep
#pragma once

#include "charmer/supervision/caf.hpp"
#include "charmer/supervision/child_spec.hpp"

#include <cstdint>

namespace charmer {

/// What an exit reason means to a supervisor.
enum class exit_kind : std::uint8_t {
  normal,   ///< none
  shutdown, ///< exit_reason::user_shutdown
  planned,  ///< supervision_errc::planned_stop
  abnormal, ///< all others
};

enum class verdict : std::uint8_t {
  restart, ///< start it again and charge the budget
  renew,   ///< start it again at once, nothing is charged
  keep,    ///< the spec stays, stopped
  remove,  ///< the spec goes
};

exit_kind classify(const caf::error& reason);

verdict decide(restart_type type, exit_kind kind);

/// Whether the end of such a child is worth an error report.
bool is_failure(restart_type type, exit_kind kind);

} // namespace charmer
