// What runs a worker: the seam between a pool and its kinds of workers.
//
// Everything about pools (queues, leases, deadlines, books, recycling) works
// for every profile; nothing in actors/ asks which one it has. The interface is
// that of Snakepit's worker profiles.
//
// A worker is a CAF actor that receives requests with the pool's door as their
// sender and the lease as their message id, and answers them in any way CAF
// knows. It also understands (cancel_atom, lease), (expel_atom), and
// (dismiss_atom), which says that it was asked to stop and has nothing left.
//
// Threading: start_worker runs in the supervisor that starts the child; a
// worker_host may be called from any thread.
#pragma once

#include "charmer/profiles/messages.hpp"
#include "charmer/profiles/settings.hpp"
#include "charmer/supervision/event.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace charmer {

/// Tells whether a request had begun, from outside the worker, also after its
/// death.
class execution_evidence {
public:
  virtual ~execution_evidence() = default;

  /// Whether the request with this lease may have begun. REQUIRES: the lease is
  /// one of the last 256 that the worker got.
  virtual bool begun(std::uint64_t lease) const = 0;
};

/// One command of an adapter.
struct command_info {
  std::string name;
  bool idempotent = false;
  bool stream = false;
  std::string signature;
  std::string doc;
};

/// What is known of a worker once it is ready.
struct worker_info {
  caf::actor handle;
  std::int64_t pid = 0; ///< 0: it has no process of its own
  std::string interpreter;
  std::string python_version;
  bool gil_enabled = true;
  std::vector<command_info> commands;
  /// Null: a request has begun unless it bounced.
  std::shared_ptr<const execution_evidence> evidence;
};

/// How a worker ended.
struct worker_death {
  /// pool_errc::worker_died (or protocol_error, …) with exit code or signal,
  /// last lines of stderr: what the callers of its requests get.
  caf::error reason;
  /// It was asked to end.
  bool planned = false;
};

/// The pool, as one incarnation of a worker sees it.
class worker_host {
public:
  virtual ~worker_host() = default;

  /// The worker can be given requests. At most once.
  virtual void ready(worker_info info) = 0;

  /// The worker was asked to end: it finishes what it has and is to be given
  /// nothing more. What it is given nevertheless it leaves alone.
  virtual void retiring() = 0;

  /// The worker is gone: its process is dead, all that it still said has been
  /// handed on, nothing that it was given can begin any more. Exactly once if
  /// start_worker succeeded, also after kill, and also if it was never ready.
  virtual void died(worker_death how) = 0;

  /// Told before `died` by a worker that cannot be ended: it goes on running,
  /// and nobody waits for it.
  virtual void left_behind() = 0;

  /// It has ended after all. At most once, after left_behind.
  virtual void returned() = 0;

  /// An event of this worker (log records, telemetry); the host adds pool,
  /// worker and path.
  virtual void tell(event what) = 0;
};

/// What a profile is told about the worker it is to start.
struct worker_start {
  std::shared_ptr<const pool_settings> settings;
  std::string worker;            ///< id in the pool: "worker-1"
  std::uint64_t incarnation = 0; ///< unique in the pool
  std::shared_ptr<worker_host> host;
};

class worker_profile {
public:
  virtual ~worker_profile() = default;

  /// Starts a worker and returns at once; `host->ready` or `host->died` tells
  /// how it went, within settings.start_timeout.
  virtual caf::expected<caf::actor> start_worker(caf::actor_system& sys,
                                                 worker_start what) = 0;

  /// How many requests one worker runs at once.
  virtual std::uint32_t get_capacity(const pool_settings& x) const = 0;

  /// Resident memory of a worker in bytes, 0 if it has none of its own. May
  /// read /proc; not on the path of a request.
  virtual std::uint64_t get_memory(const worker_info& x) const = 0;
};

/// The profile of a name: "process", "native", or one that was registered.
/// Thread-safe. Errors: pool_errc::invalid_settings, naming those there are.
caf::expected<std::shared_ptr<worker_profile>>
find_profile(const std::string& name);

/// The names of all profiles, sorted; those that settings may use. Thread-safe.
std::vector<std::string> profile_names();

/// Makes a profile usable by name in settings, in place of an earlier one of
/// that name. Thread-safe.
void register_profile(const std::string& name,
                      std::shared_ptr<worker_profile> profile);

} // namespace charmer
