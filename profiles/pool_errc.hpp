// The codes of pools' errors, apart from what they carry (errors.hpp), so that
// the books of a pool can name them without CAF.
#pragma once

#include <cstdint>

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

} // namespace charmer
