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

#include "charmer/profiles/strategy.hpp"
#include "charmer/supervision/backoff.hpp"
#include "charmer/supervision/caf.hpp"
#include "charmer/supervision/child_spec.hpp"

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

/// In which order waiting requests are served (wpool's queue_type).
enum class queue_order : std::uint8_t {
  fifo, ///< the one that has waited longest first (the default)
  lifo, ///< the newest first
  /// Nothing waits at the pool (wpool's enable_queues false): only strategies
  /// that choose a worker at once.
  off,
};

/// When a pool stops taking requests because those it takes fail, and when it
/// tries again (PhoenixGenApi's circuit breaker, with a rate beside the count).
struct breaker_settings {
  bool enabled = false;
  /// So many failures in a row open it. 0: that many never do.
  std::uint32_t consecutive = 5;
  /// This share of failures within the window opens it. 0: no share does.
  double rate = 0.5;
  /// The share counts only when so many requests have ended in the window.
  std::uint32_t minimum = 20;
  timespan window = std::chrono::seconds(10);
  /// How long it stays open; then exactly one request is let through to see.
  timespan cooldown = std::chrono::seconds(60);
  /// What counts as a failure: names of pool_errc. "python_exception" stands
  /// for the exceptions of native workers too, and for errors that they answer;
  /// "bad_payload" for messages that they do not understand.
  std::vector<std::string> failures = {"exec_timeout", "worker_died",
                                       "start_failed", "python_exception"};
};

/// Which of the events that adapters emit reach the host. Decided in the
/// worker, before they cost anything.
struct telemetry_settings {
  /// The part that is sent, from 0 to 1.
  double sample = 1;
  /// Patterns of names, in which "*" stands for any text.
  std::vector<std::string> allow = {"*"};
  /// These are not sent, whatever `allow` says.
  std::vector<std::string> deny = {};
};

/// One pool.
struct pool_settings {
  // -- what it runs -----------------------------------------------------------

  /// Unique among the pools of a runtime; letters, digits, `_`, `-` and `.`.
  std::string name = "default";
  /// Which `worker_profile` runs the workers: "process", "thread", "native", or
  /// another one that is registered (see register_profile).
  std::string profile = "process";
  /// How many workers are kept alive. 0 only together with max_overflow.
  std::uint32_t size = 4;
  /// With the profile "thread": how many commands one process runs at once.
  std::uint32_t threads_per_worker = 10;
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

  // -- choosing a worker, waiting for one -------------------------------------

  /// For requests that do not say: best_worker, random_worker, next_worker,
  /// available_worker, next_available_worker, hash_worker (wpool), or the name
  /// of a registered one. Empty: that of the settings as a whole.
  std::string default_strategy;
  /// In which order requests that wait are served (wpool's queue_type).
  queue_order queue = queue_order::fifo;
  /// Names of registered collections that replace the built-in ones (poolex):
  /// of the callers that wait, of the workers that are idle, of those that are
  /// busy, of those of the overflow that are idle. Empty: built in, callers
  /// first in first out, workers last in first out.
  std::string waiting_callers_impl;
  std::string idle_workers_impl;
  std::string busy_workers_impl;
  std::string idle_overflow_workers_impl;

  // -- sessions ---------------------------------------------------------------

  /// What becomes of a request whose session is at home with a worker that is
  /// busy: "prefer" any other, "wait" for that one, or "fail" at once with
  /// no_available_worker. A request that names a strategy goes where that says.
  charmer::session_affinity session_affinity =
      charmer::session_affinity::prefer;
  /// How long after its last use a session is forgotten, by the pool and by
  /// the worker. infinite: never.
  timespan session_ttl = std::chrono::hours(1);
  /// How many sessions the pool remembers. One more is answered `queue_full`.
  std::uint32_t max_sessions = 10'000;

  // -- overflow and resizing --------------------------------------------------

  /// Workers that may be started beyond `size` while all are busy (poolex).
  std::uint32_t max_overflow = 0;
  /// How long one of them stays when it is idle (poolex's
  /// worker_shutdown_delay). 0: it ends at once.
  timespan overflow_retention{0};
  /// Between these `size` can be changed at run time (poolex).
  std::uint32_t min_size = 0;
  std::uint32_t max_size = 10'000;

  // -- limits on requests -----------------------------------------------------

  /// Requests that may wait in one line: at the pool, for each worker, behind
  /// each key, for each lease. One more is answered `queue_full`. What an idle
  /// worker can take at once does not wait.
  std::uint32_t max_queue_size = 1000;
  /// Bytes that may wait, in all lines together: of arguments, and of what else
  /// a request says in text (command, session, correlation, chain). Nobody can
  /// tell the size of a message to a native worker: of it only its options
  /// count, and it is bounded by max_queue_size.
  std::uint64_t max_queue_bytes = 256ull << 20;
  /// How long a request may wait for a worker. (Who wants one at once or not at
  /// all asks for next_available_worker.)
  timespan queue_timeout = std::chrono::seconds(5);
  /// How long a request may take in all, if its caller does not say.
  timespan request_timeout = std::chrono::seconds(60);
  /// The same for a stream, from its request to its end.
  timespan stream_timeout = std::chrono::seconds(300);
  /// After the deadline, or after it was cancelled: how long a command may take
  /// to notice that nobody wants it any more before its worker is replaced. A
  /// native worker cannot be told: what is cancelled there, or whose caller has
  /// ended, runs on until its own deadline first (without one: to its end, if
  /// there is one). Other commands that run in
  /// the same worker (profile "thread") are not to blame: it is given nothing
  /// more, its successor is started, and they go on until they are done or
  /// their own time is over. Those that have no deadline may go on for
  /// worker_shutdown, and of the workers that hang as many may go on as the
  /// pool has: with one more, the one that hangs for longest ends at once. What
  /// is not done then is tried again if it is idempotent, and else answered
  /// worker_died with a text that says why.
  timespan cancel_grace = std::chrono::milliseconds(500);
  /// A task that runs longer is reported (wpool). infinite: none is.
  timespan overrun_warning = infinite;
  /// With the last of so many reports its worker is replaced (wpool). 0: there
  /// is no last one (wpool's infinity).
  std::uint32_t max_overrun_warnings = 0;
  /// After how many workers have died of it a request is answered `poisoned`.
  std::uint32_t poison_after = 3;
  /// How much work may lie in the pipe of a worker behind what it runs. 0: a
  /// request is sent only to an idle worker.
  timespan prefetch = std::chrono::milliseconds(1);
  /// Neither side sends a longer frame.
  std::uint64_t max_frame_bytes = 64ull << 20;
  /// When requests are refused with `circuit_open` (PhoenixGenApi).
  breaker_settings breaker;

  // -- starting, stopping, restarting -----------------------------------------

  /// From the start of the process to its handshake.
  timespan start_timeout = std::chrono::seconds(10);
  /// Workers that are started at once when the pool is filled, in the beginning
  /// or again. Those that died are restarted each by itself, at most
  /// `intensity` of them; successors of living ones at most `max_surge`.
  std::uint32_t start_batch = 8;
  /// From being asked to stop to being killed. 0 (in a file also
  /// "brutal_kill"): killed at once. A worker that was replaced (recycling)
  /// finishes what it runs first, unless its pool is stopped meanwhile.
  timespan worker_shutdown = std::chrono::seconds(5);
  /// The strategy of the workers' supervisor (wpool): one_for_one, one_for_all
  /// or rest_for_one.
  std::string strategy = "one_for_one";
  /// The worker supervisor's intensity: restarts within the period.
  std::uint32_t intensity = 5;
  timespan period = std::chrono::seconds(60);
  /// The same for the pool's own supervisor (wpool).
  std::uint32_t pool_sup_intensity = 5;
  timespan pool_sup_period = std::chrono::seconds(60);
  /// How long the stop of the pool may take, beyond what its workers may
  /// (worker_shutdown); in a file a duration or "brutal_kill" (wpool).
  shutdown pool_sup_shutdown = shutdown::after(std::chrono::seconds(10));
  /// Between restarts of the same worker; the first one is immediate.
  backoff restart_backoff;
  on_exhausted exhausted = on_exhausted::degrade;
  /// Native workers that hang cannot be killed: they are left behind, still
  /// running, and have a successor. Those beyond this number have none until
  /// one has ended: the pool serves with fewer workers, and is degraded without
  /// any.
  std::uint32_t max_abandoned = 4;

  // -- recycling --------------------------------------------------------------
  // Each worker's limits, and its health_interval, are up to 10 % lower, so
  // that workers that began together are not replaced together.

  /// A worker is replaced when it is older. infinite: never. Noticed within a
  /// twentieth of it, at most a second.
  timespan ttl = infinite;
  /// A worker is replaced after so many requests, told by the last of them. 0:
  /// never.
  std::uint64_t max_requests = 0;
  /// A worker is replaced when its resident memory is larger, which is looked
  /// at every lifecycle_check. 0: never.
  std::uint64_t memory_limit = 0;
  /// How often memory is looked at, and at the latest age and requests.
  timespan lifecycle_check = std::chrono::seconds(60);
  /// Successors that are started at once, for whatever reason but by hand. 0: a
  /// quarter of the pool's present size, at least 1. Those that were replaced
  /// and still finish what they run do not count; but while there are as many
  /// of them as size and max_overflow allow workers, or two, none is replaced
  /// because of age, requests or memory, which is told
  /// (charmer.worker.recycle_delayed). After a successor that did not start the
  /// next one is tried after restart_backoff.
  std::uint32_t max_surge = 0;
  /// How often a worker that has room for it is asked whether it can work; what
  /// a busy one runs has a deadline that shows. infinite: never.
  timespan health_interval = std::chrono::minutes(5);
  /// How long its answer may take. One that gives none hangs and is replaced.
  timespan health_timeout = std::chrono::seconds(10);
  /// After so many bad answers in a row it is replaced.
  std::uint32_t health_failures = 3;

  // -- what is told -----------------------------------------------------------

  /// Records of Python's logging from this level on become events.
  std::string log_level = "INFO";
  /// Lines of a worker's stderr that are kept for the report of its death.
  std::uint32_t stderr_lines = 20;
  telemetry_settings telemetry;
  /// How often it is told how far each worker is, to those who ask for events
  /// of severity::trace. Costs the worker nothing. infinite: never.
  timespan heartbeat = std::chrono::seconds(2);
  /// With the profile "thread": "warn" of commands that run twice at once
  /// without the adapter's lock and of imports that are not thread-safe, have
  /// them fail ("strict"), or do not look ("off").
  std::string safety = "off";
};

/// How many commands one Python process of the pool runs at once.
std::uint32_t threads_of(const pool_settings& x);

/// Everything that `charmer::start` needs.
struct settings {
  std::vector<pool_settings> pools;
  /// False: no pool is started, as in Snakepit; there need not be one, either.
  bool pooling_enabled = true;
  /// For pools that do not say.
  std::string default_strategy = "available_worker";
  /// Limit for the ordered stop of everything.
  timespan stop_timeout = std::chrono::seconds(30);
  /// What a file says that is accepted and not needed, a sentence each.
  std::vector<std::string> notes;

  /// Reads a JSON file. The keys are the names of the fields, but that
  /// `exhausted` is called "on_exhausted". Relative paths count from where the
  /// file stands, and its folder is added to python_path.
  ///
  /// The form of Snakepit is read too: without "pools", but with
  /// adapter_module, pool_size, worker_ttl, worker_max_requests … or an object
  /// pool_config at the top, which is one pool named "default"; what stands at
  /// the top wins. Those names can also be used inside "pools".
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

/// One pool as it stands in a file of settings, on one line. What is not UTF-8
/// is replaced.
std::string to_json(const pool_settings& x);

/// The settings of a pool as they hold among these: what it does not say itself
/// is said by them.
pool_settings resolved(pool_settings pool, const settings& among);

/// Checks values, however they were made. Empty: they are valid. Names of what
/// the application registers (profiles, native adapters, strategies,
/// collections) are looked up when the pool is started, and not here.
std::vector<settings_error> validate(const settings& x);
std::vector<settings_error> validate(const pool_settings& x);

/// pool_errc::invalid_settings with every mistake in its text.
/// REQUIRES: there is one.
caf::error make_error(const std::vector<settings_error>& mistakes);

} // namespace charmer
