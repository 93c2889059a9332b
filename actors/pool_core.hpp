// The books of a pool: waiting requests, leases, workers, deadlines.
//
// A lease names (worker incarnation, request); erasing it is the right to give
// the request its outcome. An answer, a deadline, a cancellation, the death of
// the caller and the death of the worker all claim the lease in the same way;
// who comes second finds nothing, is counted as stale and changes nothing. That
// is how every accepted request gets exactly one outcome.
//
// Threading: all members may be called from any thread; one mutex. Nothing is
// sent under the lock: a call fills an `effects`, and the caller carries it out
// afterwards (see pool_context). The core outlives every actor of its pool but
// the door.
//
// Cost: constant in the number of waiting requests, of workers and of callers,
// for every call on the path of a request; a death costs what it touches.
//
// Templated, so that it can be tested without actors and under ThreadSanitizer:
//   Traits::request  what is carried; copyable, cheap to copy
//   Traits::worker   a handle to send to; copyable
//   Traits::cause    why a worker died; copyable
//   Traits::evidence has `bool begun(std::uint64_t lease) const`
#pragma once

#include "charmer/actors/books.hpp"
#include "charmer/actors/service_estimate.hpp"
#include "charmer/actors/timer_wheel.hpp"
#include "charmer/profiles/pool_errc.hpp"

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace charmer {

/// What bounds a pool; constant after construction.
struct core_limits {
  std::uint64_t queue_size = 1000;
  std::uint64_t queue_bytes = 256ull << 20;
  std::uint32_t poison_after = 3;
  /// Work that may lie in a worker's pipe behind what it runs. 0: none.
  std::chrono::nanoseconds prefetch{0};
  std::chrono::nanoseconds cancel_grace = std::chrono::milliseconds(500);
};

template <class Traits>
class pool_core {
public:
  using request = typename Traits::request;
  using worker = typename Traits::worker;
  using cause = typename Traits::cause;
  using evidence = typename Traits::evidence;
  using time_point = std::chrono::steady_clock::time_point;
  using nanoseconds = std::chrono::nanoseconds;
  /// Identity of a caller while it lives; nullptr: nobody waits for an answer.
  using caller_key = const void*;

  /// A name that the caller's side gave a request, to cancel it by.
  struct request_key {
    std::uint64_t origin = 0;
    std::uint64_t number = 0;

    friend bool operator==(const request_key&, const request_key&) = default;
  };

  /// A request as it comes in.
  struct submission {
    request what;
    caller_key caller = nullptr;
    request_key key;
    std::uint64_t bytes = 0;
    time_point deadline;
    time_point queue_deadline;
    std::string_view command;
    /// What the request itself says; nothing: the command decides.
    std::optional<bool> idempotent;
  };

  /// An outcome that is not a worker's answer.
  struct settlement {
    request who;
    pool_errc code = pool_errc::none;
    std::uint64_t serial = 0;
    bool begun = false;
    std::uint32_t deaths = 0;
    std::string worker;
    std::uint64_t incarnation = 0;
    std::optional<cause> why;
  };

  /// What has to be sent once the lock is released.
  struct effects {
    struct assignment {
      worker to;
      std::uint64_t lease;
      request what;
      bool confirm; ///< call `sent` once it is enqueued
    };
    struct cancellation {
      worker to;
      std::uint64_t lease;
    };
    std::vector<assignment> assignments;
    std::vector<settlement> settlements;
    std::vector<cancellation> cancellations;
    std::vector<worker> expulsions;
    caller_key watch = nullptr;        ///< tell `caller_died` when it ends
    std::optional<time_point> tick_at; ///< call `expire` then
    bool wake = false;                 ///< call `dispatch` from elsewhere
  };

  explicit pool_core(core_limits limits, time_point now)
      : limits_(limits), epoch_(now) {
    kinds_.emplace_back();
  }

  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;

  // -- callers ----------------------------------------------------------------

  /// Takes a request or refuses it. Afterwards exactly one outcome follows,
  /// among the effects or as the result of `finish`.
  void submit(submission x, time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    auto refusal = closing_                  ? pool_errc::shutting_down
                   : degraded_               ? pool_errc::pool_degraded
                   : x.deadline <= now       ? pool_errc::wait_timeout
                   : x.queue_deadline <= now ? pool_errc::wait_timeout
                                             : pool_errc::none;
    auto kind = kind_of(x.command);
    auto target = none;
    if (refusal == pool_errc::none) {
      if (waiting_.empty())
        target = pick(kind, now);
      if (target == none && !fits(x))
        refusal = pool_errc::queue_full;
    }
    if (refusal != pool_errc::none) {
      ++counts_.refused;
      refuse(std::move(x), refusal, out);
      return;
    }
    ++counts_.accepted;
    auto id = admit(std::move(x), kind, out);
    if (target != none) {
      lease(id, target, now, out);
    } else {
      waiting_.push_back(records_, id);
      waiting_bytes_ += records_[id].bytes;
    }
    arm(id, out);
  }

  /// The caller no longer wants the answer. False: there is no such request.
  bool cancel(request_key key, time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    auto i = by_key_.find(key);
    if (i == by_key_.end())
      return false;
    auto id = i->second;
    withdraw(id, pool_errc::cancelled, true, now, out);
    return true;
  }

  /// Nobody waits any more for the answers to this caller's requests.
  void caller_died(caller_key who, time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    auto i = callers_.find(who);
    if (i == callers_.end())
      return;
    while (i->second.head != none)
      withdraw(i->second.head, pool_errc::cancelled, false, now, out);
    callers_.erase(i);
  }

  // -- answers ----------------------------------------------------------------

  /// A worker answered. Returns the request, whose caller is to be given the
  /// answer; nothing if the lease was claimed already.
  std::optional<request> finish(std::uint64_t lease_id, bool success,
                                std::optional<nanoseconds> measured,
                                time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    auto id = find(lease_id);
    if (id == none) {
      ++counts_.stale;
      return std::nullopt;
    }
    auto& x = records_[id];
    auto on = x.worker;
    if (measured)
      kinds_[x.kind].estimate.add(*measured);
    ++workers_[on].requests;
    release(id, now);
    std::optional<request> result;
    if (x.state == stage::cancelling) {
      ++counts_.stale;
    } else {
      ++(success ? counts_.replied : counts_.failed);
      result = std::move(x.what);
    }
    forget(id);
    feed(on, now, out);
    notify_if_empty();
    return result;
  }

  /// A message with this lease reached a worker that is gone: it never began.
  void bounced(std::uint64_t lease_id, time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    auto id = find(lease_id);
    if (id == none)
      return;
    retire(records_[id].worker);
    if (records_[id].state == stage::leased)
      ++counts_.requeued;
    let_go(id, now, out);
  }

  /// The message of an assignment with `confirm` is in the worker's mailbox, or
  /// has bounced.
  void sent(std::uint64_t lease_id, time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    auto id = find(lease_id);
    if (id == none)
      return;
    auto& x = records_[id];
    x.sent = true;
    if (workers_[x.worker].dead)
      bury(id, now, out);
  }

  // -- workers ----------------------------------------------------------------

  /// A new incarnation is being started. Returns its number.
  std::uint64_t add_worker(std::string name) {
    std::lock_guard guard{mutex_};
    auto at = free_worker();
    auto& w = workers_[at];
    w.name = std::move(name);
    w.incarnation = ++incarnations_;
    w.used = true;
    by_incarnation_.emplace(w.incarnation, at);
    return w.incarnation;
  }

  /// The incarnation can be given requests; older ones of the same name retire.
  /// Returns whether the pool was degraded until now.
  bool worker_ready(std::uint64_t incarnation, worker handle,
                    std::uint32_t capacity,
                    std::shared_ptr<const evidence> proof, time_point now,
                    effects& out) {
    std::lock_guard guard{mutex_};
    auto at = find_worker(incarnation);
    if (at == none)
      return false;
    for (std::uint32_t i = 0; i < workers_.size(); ++i)
      if (i != at && workers_[i].used && workers_[i].name == workers_[at].name
          && workers_[i].incarnation < incarnation)
        retire(i);
    auto& w = workers_[at];
    w.handle = std::move(handle);
    w.capacity = capacity;
    w.proof = std::move(proof);
    w.state = worker_state::ready;
    w.since = now;
    enlist(at, now);
    auto recovered = std::exchange(degraded_, false);
    last_error_.reset();
    out.wake = !waiting_.empty();
    changed_.notify_all();
    return recovered;
  }

  /// The incarnation is given nothing more; it finishes what it has.
  void worker_retiring(std::uint64_t incarnation) {
    std::lock_guard guard{mutex_};
    if (auto at = find_worker(incarnation); at != none)
      retire(at);
  }

  /// The incarnation is gone and nothing it was given can begin any more. What
  /// had begun is settled, or tried again if it is idempotent; the rest goes
  /// back to the head of the queue.
  void worker_died(std::uint64_t incarnation, const cause& why, time_point now,
                   effects& out) {
    std::lock_guard guard{mutex_};
    auto at = find_worker(incarnation);
    if (at == none)
      return;
    retire(at);
    auto& w = workers_[at];
    w.dead = true;
    w.why = why;
    last_error_ = why;
    by_incarnation_.erase(incarnation);
    // From the newest to the oldest, because each goes to the queue's head.
    for (auto id = w.leases.tail; id != none;) {
      auto before = records_[id].prev;
      if (w.proof || records_[id].sent)
        bury(id, now, out);
      id = before;
    }
    if (w.leases.size == 0)
      drop_worker(at);
    out.wake = out.wake || !waiting_.empty();
    changed_.notify_all();
  }

  /// A command of the adapter: only these are remembered by name.
  void declare(std::string_view command, bool idempotent) {
    std::lock_guard guard{mutex_};
    auto i = kind_names_.find(command);
    if (i == kind_names_.end()) {
      i = kind_names_.emplace(std::string{command}, kinds_.size()).first;
      kinds_.emplace_back();
    }
    kinds_[i->second].idempotent = idempotent;
  }

  // -- time -------------------------------------------------------------------

  /// Settles what is due by `now` and asks for the next tick.
  void expire(time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    pending_tick_.reset();
    wheel_.advance(floor_tick(now),
                   [&](std::uint32_t id) { expired(id, now, out); });
    request_tick(out);
    notify_if_empty();
  }

  /// Asks for the next tick again: the one that was pending is lost.
  void rearm(effects& out) {
    std::lock_guard guard{mutex_};
    pending_tick_.reset();
    request_tick(out);
  }

  // -- the pool as a whole ----------------------------------------------------

  /// Hands waiting requests to workers, at most `limit`. True: there is more.
  bool dispatch(std::size_t limit, time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    while (!waiting_.empty()) {
      auto id = waiting_.head;
      auto target = pick(records_[id].kind, now);
      if (target == none)
        return false;
      if (limit-- == 0)
        return true;
      take_from_queue(id);
      lease(id, target, now, out);
      arm(id, out);
    }
    return false;
  }

  /// No worker can be had: what waits and what comes is answered at once, until
  /// a worker is ready. The reason that is given is how the last worker ended,
  /// or `why`. False: it was degraded already, or has a ready worker.
  bool degrade(const cause& why, effects& out) {
    std::lock_guard guard{mutex_};
    if (!last_error_)
      last_error_ = why;
    changed_.notify_all();
    if (degraded_ || closing_ || ready_workers() > 0)
      return false;
    degraded_ = true;
    settle_waiting(pool_errc::pool_degraded, last_error_, out);
    return true;
  }

  /// Refuses new requests from now on; what was accepted goes on.
  void drain() {
    std::lock_guard guard{mutex_};
    closing_ = true;
  }

  /// Settles everything that is left. For the end, when no worker lives.
  void close(time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    closing_ = true;
    settle_waiting(pool_errc::shutting_down, std::nullopt, out);
    for (auto& w : workers_)
      while (w.leases.head != none) {
        auto id = w.leases.head;
        if (records_[id].state != stage::cancelling) {
          ++counts_.failed;
          settle(id, pool_errc::shutting_down, true, std::nullopt, out);
        }
        release(id, now);
        forget(id);
      }
    changed_.notify_all();
  }

  /// Blocks until nothing waits or runs, at most until `limit` on the steady
  /// clock. False: something still does.
  bool wait_until_empty(time_point limit) {
    std::unique_lock guard{mutex_};
    return changed_.wait_until(guard, limit, [&] { return active() == 0; });
  }

  /// Blocks until `count` workers are ready, the pool is degraded or closing,
  /// at most until `limit` on the steady clock. True: they are ready.
  bool wait_until_ready(std::size_t count, time_point limit) {
    std::unique_lock guard{mutex_};
    changed_.wait_until(guard, limit, [&] {
      return ready_workers() >= count || degraded_ || closing_;
    });
    return ready_workers() >= count;
  }

  /// Why the pool is degraded: how its last worker ended.
  std::optional<cause> last_error() const {
    std::lock_guard guard{mutex_};
    return last_error_;
  }

  /// The names of workers of which an incarnation lives.
  std::vector<std::string> worker_names() const {
    std::lock_guard guard{mutex_};
    std::vector<std::string> result;
    for (auto& w : workers_)
      if (w.used && !w.dead)
        result.push_back(w.name);
    return result;
  }

  pool_snapshot snapshot() const {
    std::lock_guard guard{mutex_};
    pool_snapshot result;
    result.degraded = degraded_;
    result.draining = closing_;
    result.waiting_bytes = waiting_bytes_;
    result.counts = counts_;
    result.counts.waiting = waiting_.size;
    for (auto& w : workers_) {
      if (!w.used)
        continue;
      auto [running, ahead] = load_of(w);
      result.counts.running += running;
      result.counts.waiting += ahead;
      if (!w.dead)
        result.workers.push_back({w.name, w.incarnation, w.state, running,
                                  ahead, w.requests, w.since});
    }
    return result;
  }

private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  static constexpr unsigned index_bits = 24;
  static constexpr std::uint32_t max_records = 1u << index_bits;
  // Half of what the ring of a progress page remembers.
  static constexpr std::uint32_t max_in_pipe = 128;

  enum class stage : std::uint8_t {
    free,
    waiting,
    leased,
    cancelling, // has its outcome, but the worker has not let go of it
  };

  /// One request. Lives in a slab; its index is also the number of its timer.
  struct record {
    request what{};
    caller_key caller = nullptr;
    request_key key;
    std::uint64_t serial = 0;
    std::uint64_t generation = 0; // changes with each lease
    std::uint64_t bytes = 0;
    time_point deadline;
    time_point queue_deadline;
    nanoseconds cost{0}; // what it adds to the work in its worker's pipe
    std::uint32_t kind = 0;
    std::uint32_t worker = none;
    std::uint32_t deaths = 0;
    stage state = stage::free;
    bool sent = false;
    std::optional<bool> idempotent;
    // neighbours in the queue or among the worker's leases
    std::uint32_t next = none;
    std::uint32_t prev = none;
    // neighbours among the caller's requests
    std::uint32_t caller_next = none;
    std::uint32_t caller_prev = none;
  };

  /// A doubly linked list through records.
  struct chain {
    std::uint32_t head = none;
    std::uint32_t tail = none;
    std::uint64_t size = 0;

    bool empty() const noexcept { return head == none; }

    void push_back(std::vector<record>& xs, std::uint32_t id) {
      xs[id].prev = tail;
      xs[id].next = none;
      (tail == none ? head : xs[tail].next) = id;
      tail = id;
      ++size;
    }

    void push_front(std::vector<record>& xs, std::uint32_t id) {
      xs[id].next = head;
      xs[id].prev = none;
      (head == none ? tail : xs[head].prev) = id;
      head = id;
      ++size;
    }

    void remove(std::vector<record>& xs, std::uint32_t id) {
      auto& x = xs[id];
      (x.prev == none ? head : xs[x.prev].next) = x.next;
      (x.next == none ? tail : xs[x.next].prev) = x.prev;
      x.next = x.prev = none;
      --size;
    }
  };

  struct worker_slot {
    std::string name;
    std::uint64_t incarnation = 0;
    worker handle{};
    std::shared_ptr<const evidence> proof;
    std::optional<cause> why;
    chain leases; // oldest first
    worker_state state = worker_state::starting;
    std::uint32_t capacity = 1;
    std::uint64_t requests = 0;
    nanoseconds work{0};    // what lies in its pipe, estimated
    time_point since;       // ready since
    time_point front_since; // when the oldest lease can have begun
    bool used = false;
    bool dead = false;
    bool listed = false; // in idle_ or roomy_
    std::uint32_t next = none;
    std::uint32_t prev = none;
    bool idle = false; // which of the two
  };

  /// A doubly linked list through workers.
  struct roster {
    std::uint32_t head = none;
    std::uint32_t tail = none;
  };

  struct kind_entry {
    service_estimate estimate;
    bool idempotent = false;
  };

  struct caller_entry {
    std::uint32_t head = none;
  };

  struct key_hash {
    std::size_t operator()(const request_key& x) const noexcept {
      return static_cast<std::size_t>((x.origin ^ x.number)
                                      * 0x9E3779B97F4A7C15ull);
    }
  };

  // -- records ----------------------------------------------------------------

  bool fits(const submission& x) const {
    return waiting_.size < limits_.queue_size
           && waiting_bytes_ + x.bytes <= limits_.queue_bytes
           && (!free_records_.empty() || records_.size() < max_records);
  }

  std::uint32_t admit(submission x, std::uint32_t kind, effects& out) {
    std::uint32_t id;
    if (free_records_.empty()) {
      id = static_cast<std::uint32_t>(records_.size());
      records_.emplace_back();
    } else {
      id = free_records_.back();
      free_records_.pop_back();
    }
    auto& r = records_[id];
    r.what = std::move(x.what);
    r.caller = x.caller;
    r.key = x.key;
    r.serial = ++serials_;
    r.bytes = x.bytes;
    r.deadline = x.deadline;
    r.queue_deadline = x.queue_deadline;
    r.kind = kind;
    r.deaths = 0;
    r.idempotent = x.idempotent;
    r.state = stage::waiting;
    if (r.caller) {
      auto [i, fresh] = callers_.try_emplace(r.caller);
      if (fresh)
        out.watch = r.caller;
      r.caller_prev = none;
      r.caller_next = i->second.head;
      if (r.caller_next != none)
        records_[r.caller_next].caller_prev = id;
      i->second.head = id;
    }
    if (r.key.number != 0 && !by_key_.emplace(r.key, id).second)
      r.key = {}; // the name is taken: this one cannot be cancelled by it
    return id;
  }

  // The request has its outcome: neither caller nor name lead to it any more.
  void detach(std::uint32_t id) {
    auto& r = records_[id];
    if (r.caller) {
      if (r.caller_prev != none)
        records_[r.caller_prev].caller_next = r.caller_next;
      else if (auto i = callers_.find(r.caller); i != callers_.end())
        i->second.head = r.caller_next;
      if (r.caller_next != none)
        records_[r.caller_next].caller_prev = r.caller_prev;
      r.caller = nullptr;
      r.caller_next = r.caller_prev = none;
    }
    if (r.key.number != 0) {
      by_key_.erase(r.key);
      r.key = {};
    }
  }

  void forget(std::uint32_t id) {
    detach(id);
    wheel_.disarm(id);
    auto& r = records_[id];
    r.what = request{};
    r.state = stage::free;
    r.worker = none;
    free_records_.push_back(id);
  }

  std::uint64_t lease_id(std::uint32_t id) const {
    return (records_[id].generation << index_bits) | id;
  }

  std::uint32_t find(std::uint64_t lease) const {
    auto id = static_cast<std::uint32_t>(lease & (max_records - 1));
    if (id >= records_.size() || records_[id].generation != lease >> index_bits
        || records_[id].worker == none)
      return none;
    return id;
  }

  std::uint64_t active() const {
    auto result = waiting_.size;
    for (auto& w : workers_)
      if (w.used) {
        auto [running, ahead] = load_of(w);
        result += running + ahead;
      }
    return result;
  }

  void notify_if_empty() {
    if (closing_ && active() == 0)
      changed_.notify_all();
  }

  // -- the queue --------------------------------------------------------------

  void take_from_queue(std::uint32_t id) {
    waiting_.remove(records_, id);
    waiting_bytes_ -= records_[id].bytes;
  }

  void settle_waiting(pool_errc code, const std::optional<cause>& why,
                      effects& out) {
    while (!waiting_.empty()) {
      auto id = waiting_.head;
      take_from_queue(id);
      ++counts_.failed;
      settle(id, code, false, why, out);
      forget(id);
    }
  }

  // -- outcomes ---------------------------------------------------------------

  void refuse(submission x, pool_errc code, effects& out) {
    settlement s;
    s.who = std::move(x.what);
    s.code = code;
    if (code == pool_errc::pool_degraded)
      s.why = last_error_;
    out.settlements.push_back(std::move(s));
  }

  void settle(std::uint32_t id, pool_errc code, bool begun,
              const std::optional<cause>& why, effects& out) {
    auto& r = records_[id];
    settlement s;
    s.who = std::move(r.what);
    s.code = code;
    s.serial = r.serial;
    s.begun = begun;
    s.deaths = r.deaths;
    s.why = why;
    if (r.worker != none) {
      s.worker = workers_[r.worker].name;
      s.incarnation = workers_[r.worker].incarnation;
    }
    out.settlements.push_back(std::move(s));
  }

  // Ends a request before its worker answered: expiry and cancellation. One
  // that lies with a worker stays with it until the worker lets go of it.
  void withdraw(std::uint32_t id, pool_errc code, bool answer, time_point now,
                effects& out) {
    auto& r = records_[id];
    auto was_leased = r.state == stage::leased;
    if (r.state == stage::waiting)
      take_from_queue(id);
    ++(code == pool_errc::cancelled ? counts_.cancelled : counts_.failed);
    if (answer)
      settle(id, code, was_leased && may_have_begun(id), std::nullopt, out);
    if (!was_leased) {
      forget(id);
    } else {
      detach(id);
      r.state = stage::cancelling;
      r.what = request{};
      out.cancellations.push_back({workers_[r.worker].handle, lease_id(id)});
      r.deadline = now + limits_.cancel_grace;
      arm(id, out);
    }
    notify_if_empty();
  }

  bool may_have_begun(std::uint32_t id) const {
    auto& r = records_[id];
    auto& w = workers_[r.worker];
    return !w.proof || w.proof->begun(lease_id(id));
  }

  // -- leases -----------------------------------------------------------------

  void lease(std::uint32_t id, std::uint32_t at, time_point now, effects& out) {
    auto& r = records_[id];
    auto& w = workers_[at];
    ++r.generation;
    r.state = stage::leased;
    r.worker = at;
    r.sent = false;
    auto& estimate = kinds_[r.kind].estimate;
    r.cost = estimate.known() ? estimate.value() : unknown_cost;
    w.work += r.cost;
    if (w.leases.empty())
      w.front_since = now;
    w.leases.push_back(records_, id);
    relist(at, now);
    out.assignments.push_back({w.handle, lease_id(id), r.what, !w.proof});
  }

  // Takes a lease from its worker; the record lives on.
  void release(std::uint32_t id, time_point now) {
    auto& r = records_[id];
    auto& w = workers_[r.worker];
    w.leases.remove(records_, id);
    w.work -= r.cost;
    w.front_since = now;
    if (w.dead && w.leases.size == 0)
      drop_worker(r.worker);
    else
      relist(r.worker, now);
    if (r.state == stage::leased)
      wheel_.disarm(id);
    ++r.generation; // what still names the old lease is stale from here on
  }

  // Takes a request from a worker that will not answer it: back to the head of
  // the queue, unless it has its outcome already.
  void let_go(std::uint32_t id, time_point now, effects& out) {
    auto& r = records_[id];
    release(id, now);
    if (r.state == stage::cancelling) {
      forget(id);
      return;
    }
    r.state = stage::waiting;
    r.worker = none;
    waiting_.push_front(records_, id);
    waiting_bytes_ += r.bytes;
    arm(id, out);
    out.wake = true;
  }

  // What a dead worker leaves of one lease.
  void bury(std::uint32_t id, time_point now, effects& out) {
    auto& r = records_[id];
    auto at = r.worker;
    auto begun = may_have_begun(id);
    auto why = workers_[at].why;
    if (begun)
      ++r.deaths;
    auto again = r.idempotent.value_or(kinds_[r.kind].idempotent);
    if (r.state == stage::cancelling || !begun
        || (again && r.deaths < limits_.poison_after)) {
      if (r.state == stage::leased)
        ++(begun ? counts_.retried : counts_.requeued);
      let_go(id, now, out);
      return;
    }
    ++counts_.failed;
    settle(id, again ? pool_errc::poisoned : pool_errc::worker_died, true, why,
           out);
    release(id, now);
    forget(id);
    notify_if_empty();
  }

  // Gives a worker that has just answered more to do.
  void feed(std::uint32_t at, time_point now, effects& out) {
    while (!waiting_.empty()) {
      auto id = waiting_.head;
      if (!workers_[at].used || !takes(at, records_[id].kind, now))
        return;
      take_from_queue(id);
      lease(id, at, now, out);
      arm(id, out);
    }
  }

  // -- workers ----------------------------------------------------------------

  // {running, sent ahead}; a request that was given up still occupies its
  // worker, but is in the books no more.
  std::pair<std::uint64_t, std::uint64_t> load_of(const worker_slot& w) const {
    std::uint64_t running = 0;
    std::uint64_t ahead = 0;
    std::uint32_t position = 0;
    for (auto id = w.leases.head; id != none; id = records_[id].next) {
      if (records_[id].state == stage::leased)
        ++(position < w.capacity ? running : ahead);
      ++position;
    }
    return {running, ahead};
  }

  bool takes(std::uint32_t at, std::uint32_t kind, time_point now) const {
    auto& w = workers_[at];
    if (w.state != worker_state::ready)
      return false;
    if (w.leases.size < w.capacity)
      return true;
    auto& estimate = kinds_[kind].estimate;
    return has_room(w) && estimate.known()
           && w.work + estimate.value() <= limits_.prefetch * w.capacity
           && now - w.front_since <= limits_.prefetch;
  }

  // Whether anything at all could be sent ahead to it.
  bool has_room(const worker_slot& w) const {
    return w.proof && w.work < limits_.prefetch * w.capacity
           && w.leases.size < max_in_pipe;
  }

  std::uint32_t pick(std::uint32_t kind, time_point now) {
    if (idle_.head != none)
      return idle_.head;
    if (roomy_.head == none)
      return none;
    auto at = roomy_.head;
    delist(at);
    if (takes(at, kind, now)) {
      enlist(at, now); // at the end: the next one takes the next request
      return at;
    }
    if (now - workers_[at].front_since <= limits_.prefetch)
      enlist(at, now);
    return none;
  }

  // Keeps a worker in the list that fits it: idle, roomy or none.
  void relist(std::uint32_t at, time_point now) {
    auto& w = workers_[at];
    auto idle = w.leases.size < w.capacity;
    auto wanted =
        w.state == worker_state::ready && !w.dead && (idle || has_room(w));
    if (w.listed && (!wanted || w.idle != idle))
      delist(at);
    if (wanted && !w.listed)
      enlist(at, now);
  }

  void enlist(std::uint32_t at, time_point) {
    auto& w = workers_[at];
    w.idle = w.leases.size < w.capacity;
    auto& list = w.idle ? idle_ : roomy_;
    w.listed = true;
    if (w.idle) { // the one that worked last has the warmest caches
      w.prev = none;
      w.next = list.head;
      (list.head == none ? list.tail : workers_[list.head].prev) = at;
      list.head = at;
    } else {
      w.next = none;
      w.prev = list.tail;
      (list.tail == none ? list.head : workers_[list.tail].next) = at;
      list.tail = at;
    }
  }

  void delist(std::uint32_t at) {
    auto& w = workers_[at];
    auto& list = w.idle ? idle_ : roomy_;
    (w.prev == none ? list.head : workers_[w.prev].next) = w.next;
    (w.next == none ? list.tail : workers_[w.next].prev) = w.prev;
    w.next = w.prev = none;
    w.listed = false;
  }

  void retire(std::uint32_t at) {
    auto& w = workers_[at];
    if (w.listed)
      delist(at);
    if (w.state == worker_state::ready || w.state == worker_state::starting)
      w.state = worker_state::retiring;
  }

  std::uint32_t free_worker() {
    for (std::uint32_t i = 0; i < workers_.size(); ++i)
      if (!workers_[i].used)
        return i;
    workers_.emplace_back();
    return static_cast<std::uint32_t>(workers_.size() - 1);
  }

  void drop_worker(std::uint32_t at) {
    if (workers_[at].listed)
      delist(at);
    workers_[at] = worker_slot{};
  }

  std::uint32_t find_worker(std::uint64_t incarnation) const {
    auto i = by_incarnation_.find(incarnation);
    return i == by_incarnation_.end() ? none : i->second;
  }

  std::size_t ready_workers() const {
    std::size_t result = 0;
    for (auto& w : workers_)
      if (w.used && w.state == worker_state::ready)
        ++result;
    return result;
  }

  std::uint32_t kind_of(std::string_view command) const {
    auto i = kind_names_.find(command);
    return i == kind_names_.end() ? 0 : i->second;
  }

  // -- time -------------------------------------------------------------------

  using milliseconds = std::chrono::milliseconds;

  timer_wheel::tick floor_tick(time_point t) const {
    return t <= epoch_
               ? 0
               : static_cast<timer_wheel::tick>(
                   std::chrono::floor<milliseconds>(t - epoch_).count());
  }

  time_point time_of(timer_wheel::tick x) const {
    return epoch_ + milliseconds{static_cast<std::int64_t>(x)};
  }

  void arm(std::uint32_t id, effects& out) {
    auto& r = records_[id];
    auto when = r.deadline;
    if (r.state == stage::waiting && r.queue_deadline < when)
      when = r.queue_deadline;
    if (when == time_point::max()) {
      wheel_.disarm(id);
      return;
    }
    // Rounded up: nothing expires before its time.
    auto tick = floor_tick(when) + 1;
    wheel_.arm(id, tick);
    if (!pending_tick_ || time_of(tick) < *pending_tick_)
      out.tick_at = pending_tick_ = time_of(tick);
  }

  void request_tick(effects& out) {
    auto next = wheel_.next();
    if (next && (!pending_tick_ || time_of(*next) < *pending_tick_))
      out.tick_at = pending_tick_ = time_of(*next);
  }

  void expired(std::uint32_t id, time_point now, effects& out) {
    auto& r = records_[id];
    switch (r.state) {
      case stage::waiting:
        withdraw(id, pool_errc::wait_timeout, true, now, out);
        break;
      case stage::leased:
        withdraw(id, pool_errc::exec_timeout, true, now, out);
        break;
      case stage::cancelling:
        // One that has not begun lies behind another and will not begin; it
        // does no harm.
        if (may_have_begun(id)
            && workers_[r.worker].state != worker_state::expelled) {
          expel(r.worker, out);
        } else {
          r.deadline = now + limits_.cancel_grace;
          arm(id, out);
        }
        break;
      case stage::free:
        break;
    }
  }

  void expel(std::uint32_t at, effects& out) {
    retire(at);
    workers_[at].state = worker_state::expelled;
    ++counts_.expelled;
    out.expulsions.push_back(workers_[at].handle);
  }

  // An unknown command is taken to be long: nothing is sent behind it.
  static constexpr nanoseconds unknown_cost = std::chrono::hours(1);

  const core_limits limits_;
  const time_point epoch_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;

  // All that follows is shared, under mutex_.
  std::vector<record> records_;
  std::vector<std::uint32_t> free_records_;
  chain waiting_;
  std::uint64_t waiting_bytes_ = 0;
  std::unordered_map<request_key, std::uint32_t, key_hash> by_key_;
  std::unordered_map<caller_key, caller_entry> callers_;

  std::vector<worker_slot> workers_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_incarnation_;
  roster idle_;
  roster roomy_;
  std::uint64_t incarnations_ = 0;

  std::vector<kind_entry> kinds_; // 0: a command that nobody declared
  std::map<std::string, std::uint32_t, std::less<>> kind_names_;

  timer_wheel wheel_;
  std::optional<time_point> pending_tick_;

  books counts_; // waiting and running are counted when asked
  std::uint64_t serials_ = 0;
  bool degraded_ = false;
  bool closing_ = false;
  std::optional<cause> last_error_;
};

} // namespace charmer
