// The errors of pools: one enum, and what each of them carries.
//
// A caller gets a caf::error whose code is a pool_errc and whose context holds
// one charmer::failure. Why caf::error and not std::error_code: it is what
// CAF's response handlers deliver, and it can carry the failure along, across
// nodes too.
//
// Threading: plain values.
//
//   request(self, ...).receive(
//     [](const charmer::reply& x) { … },
//     [](const caf::error& e) {
//       if (e == charmer::pool_errc::python_exception)
//         std::cerr << charmer::failure_of(e).traceback;
//     });
#pragma once

#include "charmer/profiles/pool_errc.hpp"
#include "charmer/supervision/caf.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace charmer {

std::string to_string(pool_errc x);

/// What a pool_errc carries. Fields that do not apply are empty or 0.
struct failure {
  std::string text; ///< one sentence: what happened and what to do
  std::string pool;
  std::string worker;
  std::uint64_t incarnation = 0;
  std::uint64_t request = 0;
  std::string command;
  std::string type;      ///< of a Python exception: "ValueError"
  std::string traceback; ///< of a Python exception, causes included
  std::int32_t exit_code = -1;
  std::int32_t signal = 0;
  std::vector<std::string> stderr_tail; ///< last lines before the death
  /// The command had begun. False: it never ran and can be sent again safely.
  bool begun = false;
  std::string correlation; ///< what its caller calls the request
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, failure& x) {
  return inspect_fields(f, x, "charmer::failure", x.text, x.pool, x.worker,
                        x.incarnation, x.request, x.command, x.type,
                        x.traceback, x.exit_code, x.signal, x.stderr_tail,
                        x.begun, x.correlation);
}

/// Makes the error that a caller gets.
caf::error make_error(pool_errc code, failure what);

/// Makes the error from its text alone.
caf::error make_error(pool_errc code, std::string text);

/// What an error carries; for errors of other categories only `text` is set.
failure failure_of(const caf::error& x);

/// The code of an error, if it is a pool's.
std::optional<pool_errc> code_of(const caf::error& x);

/// One line: "worker_died: killed by SIGKILL (pool default, worker 3, …)".
/// Multi-line details (traceback, stderr) follow on lines of their own.
std::string describe(const caf::error& x);

} // namespace charmer

CHARMER_ERROR_CODES(charmer::pool_errc, "charmer")
