// What goes into the core of a pool, and what it asks for: plain values.
#pragma once

#include "charmer/actors/circuit_breaker.hpp"
#include "charmer/actors/overrun_schedule.hpp"
#include "charmer/actors/request_table.hpp"
#include "charmer/actors/send_gate.hpp"
#include "charmer/profiles/pool_errc.hpp"
#include "charmer/profiles/strategy.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace charmer {

/// What bounds a pool; constant while it lives, but for its size.
struct core_limits {
  std::uint32_t size = 0; ///< workers that are wanted
  std::uint64_t queue_size = 1000;
  std::uint64_t queue_bytes = 256ull << 20;
  bool queue = true; ///< false: nothing waits for just any worker
  bool lifo = false; ///< the newest waiting request goes first
  /// How a worker is chosen for a request that does not say.
  worker_strategy usual = available_worker;
  std::uint32_t poison_after = 3;
  /// Work that may lie in a worker's pipe behind what it runs. 0: none.
  std::chrono::nanoseconds prefetch{0};
  std::chrono::nanoseconds cancel_grace = std::chrono::milliseconds(500);
  /// Whether a worker can be told that nobody wants its answer any more. Else
  /// it has as long for that as if somebody did.
  bool cancellable = true;
  /// How long the other requests of a worker that hangs may go on if they have
  /// no deadline of their own.
  std::chrono::nanoseconds worker_shutdown = std::chrono::seconds(5);
  /// After so many requests, less its spread, a worker is worn. 0: never.
  std::uint64_t max_requests = 0;
  /// Workers that are started beyond `size` while requests wait.
  std::uint32_t max_overflow = 0;
  /// How long one of them is kept once it is idle.
  std::chrono::nanoseconds overflow_retention{0};
  overrun_schedule overruns;
  breaker_limits breaker;
  /// How many workers may be left behind and have a successor.
  std::uint32_t max_abandoned = 4;
  /// Collections of the application's say who is served by whom: the core only
  /// carries out.
  bool managed = false;
  std::uint64_t seed = 0; ///< of random_worker
  /// Whether somebody wants to be told each step of every request (see
  /// core_effects::notes). Outlives the core. Null: nobody ever does.
  const std::atomic<bool>* traced = nullptr;
  session_affinity affinity = session_affinity::prefer;
  std::uint64_t max_sessions = 10'000;
  /// How long after its last use a session is remembered.
  std::chrono::nanoseconds session_ttl = std::chrono::hours(1);
};

/// A request as it comes in.
template <class Request>
struct submission {
  using time_point = std::chrono::steady_clock::time_point;

  Request what;
  caller_key caller = nullptr;
  request_key key;
  std::uint64_t bytes = 0;
  time_point deadline;       ///< waiting and running together
  time_point queue_deadline; ///< waiting alone
  std::string_view command;
  std::string_view session; ///< empty: none
  /// What the request itself says; nothing: the command decides.
  std::optional<bool> idempotent;
  worker_strategy how;
  std::uint8_t priority = 1; ///< 0, 1 or 2: high, normal, low
  /// The caller wants the worker itself, until it gives it back.
  bool lease = false;
  /// The caller holds a worker under this name, and that one is to run it.
  request_key within;
  /// It may take long, by its nature: nothing waits in a pipe behind it.
  bool stream = false;
  /// The requests, of this pool or others, that wait for its outcome.
  std::vector<request_key> chain;

  /// Whether it must not be sent to a worker ahead of its turn.
  bool alone() const { return lease || stream || !chain.empty(); }
};

/// How a worker answered.
enum class verdict : std::uint8_t {
  success,
  failure, ///< counts for the breaker
  refusal, ///< an error that says nothing about the pool's health
};

/// A change in a managed pool, where the application's collections say who is
/// served by whom.
struct movement {
  enum class kind : std::uint8_t {
    request_waits,
    request_gone,
    worker_idle,
    worker_busy,
    worker_gone,
  };

  kind what = kind::request_waits;
  std::uint64_t reference = 0; ///< of the request; or the incarnation
  std::uint64_t caller = 0;
  bool overflow = false;
};

enum class assignment_result : std::uint8_t {
  done,
  request_gone,
  worker_busy, ///< or gone
};

/// How a worker ended that owes somebody an answer.
enum class worker_ending : std::uint8_t {
  death,     ///< by itself; what it ran may have caused it
  expulsion, ///< another request of it did not stop
  stop,      ///< it was asked to stop, and its limit was over
};

/// An outcome that is not a worker's answer.
template <class Request, class Cause>
struct settlement {
  Request who;
  pool_errc code = pool_errc::none;
  std::uint64_t serial = 0;
  bool begun = false;
  bool errand = false;       ///< it was for the holder of a lease
  bool session = false;      ///< refused because of its session
  bool overrun = false;      ///< it ran for max_overrun_warnings, not too late
  std::uint32_t bounces = 0; ///< workers that it may have ended, unseen
  std::uint32_t deaths = 0;
  std::string worker;
  std::uint64_t incarnation = 0;
  worker_ending ending = worker_ending::death; ///< if it has ended
  std::optional<Cause> why;
};

/// A request that has run for long.
template <class Request, class Worker>
struct overrun_notice {
  std::uint64_t serial = 0;
  Request what;
  std::string worker;
  std::uint64_t incarnation = 0;
  Worker handle;
  std::chrono::nanoseconds runtime{0};
  overrun_alert alert = overrun_alert::overrun;
};

/// What happens to a request on its way.
enum class request_step : std::uint8_t {
  waiting,    ///< it is the first that finds no worker free
  dispatched, ///< it was given to a worker
  executed,   ///< it had begun, and has its outcome
  retried,    ///< it had begun, its worker died, and it is tried again
  requeued,   ///< it had not begun when its worker went, and waits again
  cancelled,  ///< its caller does not want it any more
  stale,      ///< a worker answered what had its outcome already
};

template <class Request>
struct request_note {
  request_step step = request_step::waiting;
  std::uint64_t serial = 0; ///< 0: nobody knows which request it was
  Request what{};
  std::string worker; ///< empty: none had it
  std::uint64_t incarnation = 0;
  std::uint64_t queued = 0;         ///< requests that wait
  std::chrono::nanoseconds took{0}; ///< dispatched: waited; executed: ran
  pool_errc outcome = pool_errc::none;
};

/// What has to be done once the core's lock is released.
template <class Traits>
struct core_effects {
  using request = typename Traits::request;
  using worker = typename Traits::worker;
  using cause = typename Traits::cause;

  struct assignment {
    worker to;
    std::uint64_t lease;
    request what;
    /// Leave it once the message is enqueued, see `sent`; may be null.
    send_gate* gate;
  };

  struct cancellation {
    worker to;
    std::uint64_t lease;
  };

  /// A worker that was asked to stop has nothing left.
  struct dismissal {
    worker who;
    std::uint64_t incarnation;
  };

  /// A caller was given a worker by hand.
  struct grant {
    request who;
    worker handle;
    std::string worker_name;
    std::uint64_t incarnation;
    std::chrono::steady_clock::time_point until;
  };

  std::vector<assignment> assignments;
  std::vector<grant> grants;
  std::vector<settlement<request, cause>> settlements;
  std::vector<cancellation> cancellations;
  std::vector<overrun_notice<request, worker>> overruns;
  std::vector<request_note<request>> notes; ///< none unless limits.traced
  /// Nobody needs them any more. Destroyed with the effects, because that may
  /// run code of the application's, which must find the core unlocked.
  std::vector<request> discarded;
  std::vector<worker> expulsions;        ///< end them, they do not listen
  std::vector<std::string> replacements; ///< start successors of these
  std::vector<dismissal> dismissals;
  caller_key watch = nullptr; ///< tell `caller_died` when it ends
  /// Call `expire` then.
  std::optional<std::chrono::steady_clock::time_point> tick_at;
  bool wake = false;       ///< call `dispatch` and `decide` from elsewhere
  bool administer = false; ///< look at `vacancies` and `leftovers`
  bool worn = false;       ///< a worker has answered max_requests, or one that
                           ///< was replaced is gone
  bool degraded = false;   ///< the pool is, as every place is one of a worker
                           ///< that was left behind
  breaker_change circuit = breaker_change::none;
};

} // namespace charmer
