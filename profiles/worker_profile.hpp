// What runs a worker: the seam between a pool and its kinds of workers.
//
// Everything about pools (queues, leases, deadlines, books, recycling) works
// for every profile; nothing in actors/ asks which one it has. The interface is
// that of Snakepit's worker profiles.
//
// A worker is a CAF actor that receives requests with the pool's door as their
// sender and the lease as their message id, and answers them in any way CAF
// knows. It also understands (cancel_atom, lease), if the profile says that it
// can_cancel, and is asked to stop by an exit message, as every actor is; it
// then calls `retiring`, and ends when it
// is told by stop_worker that it has nothing left. The supervisor kills it when
// worker_shutdown is over, which begins with the exit message, or, if another
// has taken its place, with stop_worker.
//
// A profile of the application's own is registered under a name, and settings
// use it by that name: see register_profile and examples/user_profile. Two of
// the functions have to be written, start_worker and get_capacity.
//
// Threading: start_worker runs in the supervisor that starts the child; all
// other functions are called from any thread and must not block. So may a
// worker_host be.
#pragma once

#include "charmer/profiles/late_error.hpp"
#include "charmer/profiles/messages.hpp"
#include "charmer/profiles/settings.hpp"
#include "charmer/supervision/event.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
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

  /// How many requests it runs, and how many it has finished since it started.
  virtual std::uint32_t running() const = 0;
  virtual std::uint64_t finished() const = 0;
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
  /// Adds to an error, which a caller is about to get because a request runs
  /// too long, what the worker does at this moment. Null: nobody can tell.
  std::function<void(late_error_ptr)> explain;
};

/// One living worker of a pool, as a profile is asked about it.
struct worker_view {
  std::shared_ptr<const pool_settings> settings;
  std::string worker;
  std::uint64_t incarnation = 0;
  worker_info info;          ///< without its handle
  std::uint32_t running = 0; ///< requests, as the pool counts them
};

/// What is known of a worker, for people and dashboards.
struct worker_metadata {
  std::string profile;
  std::string worker;
  std::uint64_t incarnation = 0;
  std::uint32_t capacity = 0;
  std::uint32_t load = 0;
  std::int64_t pid = 0; ///< 0: it has no process of its own
  std::string interpreter;
  std::string python_version;
  bool gil_enabled = true;
  std::map<std::string, std::string> more; ///< JSON texts
};

/// How a worker is asked whether it can work.
struct health_question {
  caf::message request; ///< is answered by a `reply`
  /// What the answer says is wrong; empty: nothing.
  std::function<std::string(const reply& answer)> trouble;
};

/// Why stop_worker is called.
enum class worker_end : std::uint8_t {
  finished, ///< it was asked to stop, and has nothing left to do
  at_once,  ///< it does not listen, and is replaced: whatever it does is lost
};

/// How a worker ended.
struct worker_death {
  /// pool_errc::worker_died (or protocol_error, …) with exit code or signal,
  /// last lines of stderr: what the callers of its requests get.
  caf::error reason;
  /// It was asked to end.
  bool planned = false;
  /// It was, and was killed because that took longer than worker_shutdown.
  bool overdue = false;
  /// It was killed for that or another reason, and did not die by itself.
  bool killed = false;
  /// Leases that it had and did not begin, of a worker without evidence:
  /// others get those requests.
  std::vector<std::uint64_t> not_begun{};
};

/// A command calls a function of the application.
struct host_question {
  std::uint64_t number = 0; ///< the worker's, for the answer
  std::uint64_t lease = 0;  ///< of the request that asks; 0: none does
  std::string function;
  payload arguments;
  /// How long the command waits for the answer.
  timespan time_left = infinite;
  /// Nobody wants the answer any more: the request was cancelled, its time is
  /// over, or the worker is dead.
  std::stop_token ended{};
  /// Gets (answer_atom, number, payload) or (answer_atom, number, error).
  caf::actor asker;
};

/// The pool, as one incarnation of a worker sees it.
class worker_host {
public:
  virtual ~worker_host() = default;

  /// The worker can be given requests. At most once.
  virtual void ready(worker_info info) = 0;

  /// The worker was asked to end: it finishes what it has and is to be given
  /// nothing more, but what belongs to it (the holder of a lease may still use
  /// it). It may be asked twice: one that was replaced, when its pool is
  /// stopped meanwhile.
  /// @returns how long that may take. infinite: another has taken its place;
  /// worker_shutdown begins when stop_worker tells it that it has nothing left.
  /// Else it ends within worker_shutdown from now on, and what it is given
  /// nevertheless it leaves alone.
  virtual timespan retiring() = 0;

  /// The worker is gone: its process is dead, all that it still said has been
  /// handed on, nothing that it was given can begin any more. Exactly once if
  /// start_worker succeeded, also after kill, and also if it was never ready.
  virtual void died(worker_death how) = 0;

  /// Told before `died` by a worker that cannot be ended: it goes on running,
  /// and nobody waits for it.
  virtual void left_behind() = 0;

  /// It has ended after all. At most once, after left_behind.
  virtual void returned() = 0;

  /// What is left of the deadline of a request that the worker was given;
  /// infinite: it has none. Never 0.
  virtual timespan time_left(std::uint64_t lease);

  /// Has a question answered, in whatever time that takes.
  virtual void ask(host_question what);

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

  /// What stands in the way of workers with these settings, as far as it can be
  /// told without starting one; the pool is not started then. By default
  /// nothing.
  virtual std::vector<settings_error> check(const pool_settings& x) const;

  /// Starts a worker and returns at once; `host->ready` or `host->died` tells
  /// how it went, within settings.start_timeout.
  virtual caf::expected<caf::actor> start_worker(caf::actor_system& sys,
                                                 worker_start what) = 0;

  /// Has it end. By default a message: (dismiss_atom) or (expel_atom).
  virtual void stop_worker(const caf::strong_actor_ptr& worker, worker_end how,
                           actor_runner* context);

  /// Gives a request to a worker: it is to answer `from` under `id`. By default
  /// it gets the message as it is.
  virtual void execute_request(const caf::strong_actor_ptr& worker,
                               caf::strong_actor_ptr from, caf::message_id id,
                               caf::message request, actor_runner* context);

  /// Whether a request that CAF returned (sec::request_receiver_down) was
  /// returned by the worker itself, which has ended and never began it: another
  /// one gets it. Else the worker had handed it on to an actor that has ended,
  /// and that is its answer. By default, whether the worker's mailbox is
  /// closed; one without a mailbox is taken to hand nothing on.
  virtual bool is_gone(const caf::strong_actor_ptr& worker) const;

  /// Whether a worker that is_gone may have begun its last request all the
  /// same, and ended because of it: a behaviour that sends what it got to
  /// itself, and ends, looks as if it never began. A request after which
  /// several such workers ended is given up. By default true; a worker that has
  /// evidence (worker_info) says so itself.
  virtual bool may_have_begun(const caf::strong_actor_ptr& worker) const;

  /// Whether a worker can be told that nobody wants its answer to a request any
  /// more (it was cancelled, or its caller has ended). Then it has cancel_grace
  /// to let go of it, and is replaced; else it runs it to its end, and is
  /// replaced only if it has not done so cancel_grace after the request's own
  /// deadline. By default true.
  virtual bool can_cancel(const pool_settings& x) const;

  /// How many requests one worker runs at once.
  virtual std::uint32_t get_capacity(const pool_settings& x) const = 0;

  /// How many it runs now. By default what its evidence says, else what the
  /// pool has counted.
  virtual std::uint32_t get_load(const worker_view& x) const;

  /// Resident memory of a worker in bytes, 0 if it has none of its own, which
  /// is the default. May read /proc; not on the path of a request.
  virtual std::uint64_t get_memory(const worker_info& x) const;

  /// What an idle worker is asked every health_interval; the question is a
  /// request like others and has health_timeout. By default nothing: a worker
  /// that lives is well.
  virtual std::optional<health_question>
  health_check(const worker_view& x) const;

  /// By default what stands in `x`, its capacity and its load.
  virtual worker_metadata get_metadata(const worker_view& x) const;
};

/// As one JSON object.
std::string to_json(const worker_metadata& x);

/// The profile of a name: "process", "thread", "native", or one that was
/// registered. Thread-safe. Errors: pool_errc::invalid_settings, naming those
/// there are.
caf::expected<std::shared_ptr<worker_profile>>
find_profile(const std::string& name);

/// The names of all profiles, sorted; those that settings may use. Thread-safe.
std::vector<std::string> profile_names();

/// Makes a profile usable by name in settings, in place of an earlier one of
/// that name; null: there is none of that name any more. Thread-safe.
void register_profile(const std::string& name,
                      std::shared_ptr<worker_profile> profile);

} // namespace charmer
