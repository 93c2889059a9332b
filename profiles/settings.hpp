// The settings of pools, as plain values.
//
// Filled in C++ or read from JSON (settings_json.cpp); both are validated by
// the same function, which reports everything that is wrong at once: where it
// stands, what was found, what is allowed. Every default stands here and
// nowhere else.
//
// Threading: plain values. Units: durations are charmer::timespan
// (nanoseconds), sizes are bytes.
#pragma once

#include "charmer/supervision/backoff.hpp"
#include "charmer/supervision/caf.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace charmer {

/// What a pool does when its workers have used up their restart intensity.
enum class on_exhausted : std::uint8_t {
  /// Answer `pool_degraded` at once, wait, and try again (the default).
  degrade,
  /// Give up: the pool's supervisor ends, and the one above it decides.
  escalate,
};

/// One pool.
struct pool_settings {
  // -- what it runs -----------------------------------------------------------

  /// Unique among the pools of a runtime; letters, digits, `_`, `-` and `.`.
  std::string name = "default";
  /// Which `worker_profile` runs the workers: "process" or "native".
  std::string profile = "process";
  /// How many workers are kept alive.
  std::uint32_t size = 4;
  /// "module:name" of the Python adapter: a class derived from
  /// charmer.Adapter, or a module ("module") whose functions are the commands.
  std::string adapter;
  /// The interpreter: a path, a name on PATH, or the folder of a virtual
  /// environment. Empty: found (see interpreter.hpp).
  std::string python;
  /// Folders put before sys.path. In a file, a relative one counts from the
  /// file, as `python` and `cwd` do; the file's own folder is added at the end.
  std::vector<std::string> python_path;
  /// Set in the worker's environment, over what the host has.
  std::map<std::string, std::string> env;
  /// The worker's working directory. Empty: the host's.
  std::string cwd;
  /// JSON object, handed to the adapter's constructor by name. Empty: none.
  std::string adapter_options;
  /// Commands that may run twice: a request that had begun when its worker
  /// died is tried again. The decorator can say the same.
  std::vector<std::string> idempotent;

  // -- limits on requests -----------------------------------------------------

  /// Requests that may wait. One more is answered `queue_full`.
  std::uint32_t max_queue_size = 1000;
  /// Bytes of arguments that may wait.
  std::uint64_t max_queue_bytes = 256ull << 20;
  /// How long a request may wait for a worker.
  timespan queue_timeout = std::chrono::seconds(5);
  /// How long a request may take in all, if its caller does not say.
  timespan request_timeout = std::chrono::seconds(60);
  /// After the deadline: how long a command may take to notice that it was
  /// cancelled before its worker is replaced.
  timespan cancel_grace = std::chrono::milliseconds(500);
  /// After how many workers have died of it a request is answered `poisoned`.
  std::uint32_t poison_after = 3;
  /// How much work may lie in the pipe of a worker behind what it runs. 0: a
  /// request is sent only to an idle worker.
  timespan prefetch = std::chrono::milliseconds(1);
  /// Neither side sends a longer frame.
  std::uint64_t max_frame_bytes = 64ull << 20;

  // -- starting, stopping, restarting -----------------------------------------

  /// From the start of the process to its handshake.
  timespan start_timeout = std::chrono::seconds(10);
  /// Workers that are started at once.
  std::uint32_t start_batch = 8;
  /// From being asked to stop to being killed.
  timespan worker_shutdown = std::chrono::seconds(5);
  /// The worker supervisor's intensity: restarts within the period.
  std::uint32_t intensity = 5;
  timespan period = std::chrono::seconds(60);
  /// Between restarts of the same worker; the first one is immediate.
  backoff restart_backoff;
  on_exhausted exhausted = on_exhausted::degrade;

  // -- recycling --------------------------------------------------------------

  /// A worker is replaced when it is older. infinite: never.
  timespan ttl = infinite;
  /// A worker is replaced after so many requests. 0: never.
  std::uint64_t max_requests = 0;
  /// A worker is replaced when its resident memory is larger. 0: never.
  std::uint64_t memory_limit = 0;
  /// How often ttl, requests and memory are looked at.
  timespan lifecycle_check = std::chrono::seconds(60);
  /// Workers that are replaced at once. 0: a quarter of the pool, at least 1.
  std::uint32_t max_surge = 0;

  // -- what is told -----------------------------------------------------------

  /// Records of Python's logging from this level on become events.
  std::string log_level = "INFO";
  /// Lines of a worker's stderr that are kept for the report of its death.
  std::uint32_t stderr_lines = 20;
};

/// Everything that `charmer::start` needs.
struct settings {
  std::vector<pool_settings> pools;
  /// Limit for the ordered stop of everything.
  timespan stop_timeout = std::chrono::seconds(30);

  /// Reads a JSON file. The keys are the names of the fields, but that
  /// `exhausted` is called "on_exhausted". Relative paths count from where the
  /// file stands, and its folder is added to python_path.
  /// @returns settings that are valid, or pool_errc::invalid_settings with
  /// every mistake in its text, one to a line, or no_pools_configured.
  static caf::expected<settings> from_file(const std::string& path);

  /// Reads JSON text; relative paths count from `folder`.
  static caf::expected<settings> from_json(const std::string& text,
                                           const std::string& folder = ".");

  /// Renders back to JSON, defaults included.
  std::string to_json() const;
};

/// One thing that is wrong with settings.
struct settings_error {
  std::string where;   ///< "pools[1].size"
  std::string found;   ///< "-3"
  std::string allowed; ///< "a whole number from 1 to 10000"
};

/// Checks values, however they were made. Empty: they are valid.
std::vector<settings_error> validate(const settings& x);
std::vector<settings_error> validate(const pool_settings& x);

/// pool_errc::invalid_settings with every mistake in its text.
/// REQUIRES: there is one.
caf::error make_error(const std::vector<settings_error>& mistakes);

} // namespace charmer
