// The errors of pools: one enum, and what each of them carries.
//
// A caller gets a caf::error whose code is a pool_errc and whose context holds
// one charmer::failure. Why caf::error and not std::error_code: it is what CAF's
// response handlers deliver, and it can carry the failure along, across nodes
// too.
//
// Threading: plain values.
//
//   self->request(...).receive(
//     [](const charmer::reply& x) { … },
//     [](const caf::error& e) {
//       if (e == charmer::pool_errc::python_exception)
//         std::cerr << charmer::failure_of(e).traceback;
//     });
#pragma once

#include "charmer/supervision/caf.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace charmer {

enum class pool_errc : std::uint8_t {
  none = 0,
  no_such_pool,        ///< no pool of that name is running
  already_started,     ///< a pool of that name is running
  pool_degraded,       ///< no worker can be had at present; try again later
  queue_full,          ///< too many requests or bytes wait
  circuit_open,        ///< the breaker is open
  wait_timeout,        ///< no worker was free in time; the command never ran
  exec_timeout,        ///< the deadline passed while the command ran
  worker_died,         ///< the worker died while the command ran
  poisoned,            ///< several workers died of this request
  cancelled,           ///< the caller cancelled, or is gone
  no_available_worker, ///< the strategy found none
  unknown_command,     ///< the adapter has no such command
  python_exception,    ///< the command raised
  bad_payload,         ///< arguments or result cannot be encoded or do not fit
  frame_too_large,     ///< above max_frame_bytes
  protocol_error,      ///< the worker broke the protocol and was ended
  start_failed,        ///< a worker could not be started
  invalid_settings,    ///< the settings are wrong; the text lists every mistake
  no_pools_configured, ///< the settings name no pool
  node_down,           ///< the pool's node is gone
  unsupported,         ///< this pool cannot do that
  would_deadlock,      ///< the call could only wait for itself
  shutting_down,       ///< the pool is being stopped
};

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
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, failure& x) {
  return f(caf::meta::type_name("charmer::failure"), x.text, x.pool, x.worker,
           x.incarnation, x.request, x.command, x.type, x.traceback,
           x.exit_code, x.signal, x.stderr_tail, x.begun);
}

/// Makes the error that a caller gets.
caf::error make_error(pool_errc code, failure what);

/// Makes the error from its text alone.
caf::error make_error(pool_errc code, std::string text);

/// What an error carries; for errors of other categories only `text` is set.
failure failure_of(const caf::error& x);

/// One line: "worker_died: killed by SIGKILL (pool default, worker 3, …)".
/// Multi-line details (traceback, stderr) follow on lines of their own.
std::string describe(const caf::error& x);

} // namespace charmer

CAF_ERROR_CODE_ENUM(charmer::pool_errc, "charmer")
