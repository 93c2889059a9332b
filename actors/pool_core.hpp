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

#include "charmer/actors/command_table.hpp"
#include "charmer/actors/core_effects.hpp"
#include "charmer/actors/request_table.hpp"
#include "charmer/actors/timer_wheel.hpp"
#include "charmer/actors/worker_table.hpp"

#include <condition_variable>
#include <mutex>

namespace charmer {

template <class Traits>
class pool_core {
public:
  using request = typename Traits::request;
  using worker = typename Traits::worker;
  using cause = typename Traits::cause;
  using evidence = typename Traits::evidence;
  using effects = core_effects<Traits>;
  using submission = charmer::submission<request>;
  using settlement = charmer::settlement<request, cause>;
  using time_point = std::chrono::steady_clock::time_point;
  using nanoseconds = std::chrono::nanoseconds;

  explicit pool_core(core_limits limits, time_point now)
      : limits_(limits), epoch_(now), workers_(limits.prefetch) {
    // nop
  }

  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;

  // -- callers ----------------------------------------------------------------

  /// Takes a request or refuses it. Afterwards exactly one outcome follows,
  /// among the effects or as the result of `finish`.
  void submit(submission x, time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    auto kind = commands_.find(x.command);
    auto target = no_index;
    auto refusal = refusal_of(x, now);
    if (refusal == pool_errc::none) {
      if (waiting_.empty())
        target = pick(kind, now);
      if (target == no_index && !fits(x))
        refusal = pool_errc::queue_full;
    }
    if (refusal != pool_errc::none) {
      refuse(std::move(x), refusal, out);
      return;
    }
    ++counts_.accepted;
    auto id = admit(std::move(x), kind, out);
    if (target != no_index) {
      lease(id, target, now, out);
    } else {
      waiting_.push_back(requests_.records(), id);
      waiting_bytes_ += requests_[id].bytes;
      arm(id, out);
    }
  }

  /// The caller no longer wants the answer. False: there is no such request.
  bool cancel(request_key key, time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    auto id = requests_.find(key);
    if (id == no_index)
      return false;
    withdraw(id, pool_errc::cancelled, true, now, out);
    return true;
  }

  /// Nobody waits any more for the answers to this caller's requests.
  void caller_died(caller_key who, time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    for (auto id = requests_.first_of(who); id != no_index;
         id = requests_.first_of(who))
      withdraw(id, pool_errc::cancelled, false, now, out);
    requests_.forget_caller(who);
  }

  // -- answers ----------------------------------------------------------------

  /// A worker answered. Returns the request, whose caller is to be given the
  /// answer; nothing if the lease was claimed already.
  std::optional<request> finish(std::uint64_t lease_id, bool success,
                                std::optional<nanoseconds> measured,
                                time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    auto id = requests_.find(lease_id);
    if (id == no_index) {
      ++counts_.stale;
      return std::nullopt;
    }
    auto& r = requests_[id];
    auto on = r.worker;
    if (measured)
      commands_[r.kind].estimate.add(*measured);
    ++workers_[on].requests;
    release(id, now);
    std::optional<request> result;
    if (r.state == stage::cancelling) {
      ++counts_.stale;
    } else {
      ++(success ? counts_.replied : counts_.failed);
      result = std::move(r.what);
    }
    forget(id);
    feed(on, now, out);
    tell_if_empty();
    return result;
  }

  /// A message with this lease reached a worker that is gone: it never began.
  void bounced(std::uint64_t lease_id, time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    auto id = requests_.find(lease_id);
    if (id == no_index)
      return;
    workers_.retire(requests_[id].worker);
    if (requests_[id].state == stage::leased)
      ++counts_.requeued;
    let_go(id, now, out);
  }

  /// The message of an assignment with `confirm` is in the worker's mailbox, or
  /// has bounced.
  void sent(std::uint64_t lease_id, time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    auto id = requests_.find(lease_id);
    if (id == no_index)
      return;
    requests_[id].sent = true;
    if (workers_[requests_[id].worker].dead)
      bury(id, now, out);
  }

  // -- workers ----------------------------------------------------------------

  /// A new incarnation is being started. Returns its number.
  std::uint64_t add_worker(std::string name) {
    std::lock_guard guard{mutex_};
    return workers_[workers_.add(std::move(name))].incarnation;
  }

  /// The incarnation can be given requests; older ones of the same name retire.
  /// Returns whether the pool was degraded until now.
  bool worker_ready(std::uint64_t incarnation, worker handle,
                    std::uint32_t capacity,
                    std::shared_ptr<const evidence> proof, time_point now,
                    effects& out) {
    std::lock_guard guard{mutex_};
    auto at = workers_.find(incarnation);
    if (at == no_index)
      return false;
    retire_predecessors(at);
    auto& w = workers_[at];
    w.handle = std::move(handle);
    w.capacity = capacity;
    w.proof = std::move(proof);
    w.since = now;
    if (w.state == worker_state::starting)
      w.state = worker_state::ready;
    workers_.relist(at);
    last_error_.reset();
    out.wake = !waiting_.empty();
    changed_.notify_all();
    return std::exchange(degraded_, false);
  }

  /// The incarnation is given nothing more; it finishes what it has.
  void worker_retiring(std::uint64_t incarnation) {
    std::lock_guard guard{mutex_};
    if (auto at = workers_.find(incarnation); at != no_index)
      workers_.retire(at);
  }

  /// The incarnation is gone and nothing it was given can begin any more. What
  /// had begun is settled, or tried again if it is idempotent; the rest goes
  /// back to the head of the queue.
  void worker_died(std::uint64_t incarnation, const cause& why, time_point now,
                   effects& out) {
    std::lock_guard guard{mutex_};
    auto at = workers_.find(incarnation);
    if (at == no_index)
      return;
    last_error_ = why;
    workers_[at].why = why;
    workers_.bury(at);
    if (workers_[at].leases.empty()) {
      workers_.drop(at);
    } else {
      // From the newest to the oldest, because each goes to the queue's head.
      for (auto id = workers_[at].leases.tail; id != no_index;) {
        auto before = requests_[id].prev;
        if (workers_[at].proof || requests_[id].sent)
          bury(id, now, out);
        id = before;
      }
    }
    out.wake = out.wake || !waiting_.empty();
    changed_.notify_all();
  }

  /// A command of the adapter: only these are remembered by name.
  void declare(std::string_view command, bool idempotent) {
    std::lock_guard guard{mutex_};
    commands_.declare(command, idempotent);
  }

  // -- time -------------------------------------------------------------------

  /// Settles what is due by `now` and asks for the next tick.
  void expire(time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    pending_tick_.reset();
    wheel_.advance(tick_of(now),
                   [&](std::uint32_t id) { expired(id, now, out); });
    request_tick(out);
    tell_if_empty();
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
      auto target = pick(requests_[id].kind, now);
      if (target == no_index)
        return false;
      if (limit-- == 0)
        return true;
      take_from_queue(id);
      lease(id, target, now, out);
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
    if (degraded_ || closing_ || workers_.ready() > 0)
      return false;
    degraded_ = true;
    settle_waiting(pool_errc::pool_degraded, last_error_, out);
    return true;
  }

  /// Refuses new requests from now on; what was accepted goes on.
  void drain() {
    std::lock_guard guard{mutex_};
    closing_ = true;
    changed_.notify_all();
  }

  /// Takes requests again, after `drain` or `close`.
  void reopen() {
    std::lock_guard guard{mutex_};
    closing_ = false;
  }

  /// Settles everything that is left. For the end, when no worker lives.
  void close(time_point now, effects& out) {
    std::lock_guard guard{mutex_};
    closing_ = true;
    settle_waiting(pool_errc::shutting_down, std::nullopt, out);
    for (std::uint32_t at = 0; at < workers_.size(); ++at)
      while (!workers_[at].leases.empty()) {
        auto id = workers_[at].leases.head;
        if (requests_[id].state == stage::leased)
          settle(id, pool_errc::shutting_down, true, std::nullopt, out);
        release(id, now);
        forget(id);
      }
    changed_.notify_all();
  }

  /// Blocks until nothing waits or runs, at most until `limit`. False:
  /// something still does.
  bool wait_until_empty(time_point limit) {
    std::unique_lock guard{mutex_};
    return changed_.wait_until(guard, limit, [&] { return empty(); });
  }

  /// Blocks until `count` workers are ready, the pool is degraded or closing,
  /// at most until `limit`. True: they are ready.
  bool wait_until_ready(std::size_t count, time_point limit) {
    std::unique_lock guard{mutex_};
    changed_.wait_until(guard, limit, [&] {
      return workers_.ready() >= count || degraded_ || closing_;
    });
    return workers_.ready() >= count;
  }

  /// Blocks until every worker is gone, at most until `limit`.
  bool wait_until_vacant(time_point limit) {
    std::unique_lock guard{mutex_};
    return changed_.wait_until(guard, limit, [&] { return workers_.vacant(); });
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
  using slot = worker_slot<Traits>;

  // -- requests ---------------------------------------------------------------

  pool_errc refusal_of(const submission& x, time_point now) const {
    if (closing_)
      return pool_errc::shutting_down;
    if (degraded_)
      return pool_errc::pool_degraded;
    if (x.deadline <= now || x.queue_deadline <= now)
      return pool_errc::wait_timeout;
    return pool_errc::none;
  }

  bool fits(const submission& x) const {
    return waiting_.size < limits_.queue_size
           && waiting_bytes_ + x.bytes <= limits_.queue_bytes
           && !requests_.full();
  }

  void refuse(submission x, pool_errc code, effects& out) {
    ++counts_.refused;
    settlement s;
    s.who = std::move(x.what);
    s.code = code;
    if (code == pool_errc::pool_degraded)
      s.why = last_error_;
    out.settlements.push_back(std::move(s));
  }

  std::uint32_t admit(submission x, std::uint32_t kind, effects& out) {
    request_record<request> r;
    r.what = std::move(x.what);
    r.caller = x.caller;
    r.key = x.key;
    r.bytes = x.bytes;
    r.deadline = x.deadline;
    r.queue_deadline = x.queue_deadline;
    r.kind = kind;
    r.idempotent = x.idempotent;
    auto [id, fresh] = requests_.admit(std::move(r));
    if (fresh)
      out.watch = x.caller;
    return id;
  }

  void forget(std::uint32_t id) {
    wheel_.disarm(id);
    requests_.forget(id);
  }

  // -- the queue --------------------------------------------------------------

  void take_from_queue(std::uint32_t id) {
    waiting_.remove(requests_.records(), id);
    waiting_bytes_ -= requests_[id].bytes;
  }

  void settle_waiting(pool_errc code, const std::optional<cause>& why,
                      effects& out) {
    while (!waiting_.empty()) {
      auto id = waiting_.head;
      take_from_queue(id);
      settle(id, code, false, why, out);
      forget(id);
    }
  }

  // Whether nothing waits and nothing runs. What was given up but still
  // occupies a worker does not count.
  bool empty() const {
    if (!waiting_.empty())
      return false;
    for (auto& w : workers_) {
      auto [running, ahead] = load_of(w);
      if (running + ahead != 0)
        return false;
    }
    return true;
  }

  void tell_if_empty() {
    if (closing_ && empty())
      changed_.notify_all();
  }

  // -- outcomes ---------------------------------------------------------------

  // Counts an outcome that is not a worker's answer and has it told.
  void settle(std::uint32_t id, pool_errc code, bool begun,
              const std::optional<cause>& why, effects& out) {
    ++(code == pool_errc::cancelled ? counts_.cancelled : counts_.failed);
    auto& r = requests_[id];
    settlement s;
    s.who = std::move(r.what);
    s.code = code;
    s.serial = r.serial;
    s.begun = begun;
    s.deaths = r.deaths;
    s.why = why;
    if (r.worker != no_index) {
      s.worker = workers_[r.worker].name;
      s.incarnation = workers_[r.worker].incarnation;
    }
    out.settlements.push_back(std::move(s));
  }

  // Ends a request before its worker answered: expiry and cancellation. One
  // that lies with a worker stays with it until the worker lets go of it.
  void withdraw(std::uint32_t id, pool_errc code, bool answer, time_point now,
                effects& out) {
    auto& r = requests_[id];
    auto was_leased = r.state == stage::leased;
    if (!was_leased)
      take_from_queue(id);
    if (answer)
      settle(id, code, was_leased && may_have_begun(id), std::nullopt, out);
    else
      ++counts_.cancelled;
    if (!was_leased) {
      forget(id);
    } else {
      requests_.detach(id);
      r.state = stage::cancelling;
      r.what = request{};
      out.cancellations.push_back(
          {workers_[r.worker].handle, requests_.lease_of(id)});
      r.deadline = now + limits_.cancel_grace;
      arm(id, out);
    }
    tell_if_empty();
  }

  bool may_have_begun(std::uint32_t id) const {
    auto& proof = workers_[requests_[id].worker].proof;
    return !proof || proof->begun(requests_.lease_of(id));
  }

  // -- leases -----------------------------------------------------------------

  // An idle worker, or one to which a command of this kind may be sent ahead.
  std::uint32_t pick(std::uint32_t kind, time_point now) {
    auto at = workers_.idle();
    if (at != no_index)
      return at;
    at = workers_.roomy();
    if (at == no_index || takes(at, kind, now))
      return at;
    if (workers_.stalled(workers_[at], now))
      workers_.skip(at);
    return no_index;
  }

  bool takes(std::uint32_t at, std::uint32_t kind, time_point now) const {
    auto& w = workers_[at];
    if (w.state != worker_state::ready)
      return false;
    auto& estimate = commands_[kind].estimate;
    return w.leases.size < w.capacity
           || (estimate.known()
               && workers_.has_room_for(w, estimate.value(), now));
  }

  void lease(std::uint32_t id, std::uint32_t at, time_point now, effects& out) {
    auto& r = requests_[id];
    auto& w = workers_[at];
    requests_.renew(id);
    r.state = stage::leased;
    r.worker = at;
    r.sent = false;
    auto& estimate = commands_[r.kind].estimate;
    r.cost = estimate.known() ? estimate.value() : unknown_cost;
    w.work += r.cost;
    if (w.leases.empty())
      w.front_since = now;
    w.leases.push_back(requests_.records(), id);
    workers_.relist(at);
    out.assignments.push_back(
        {w.handle, requests_.lease_of(id), r.what, !w.proof});
    arm(id, out);
  }

  // Takes a lease from its worker; the record lives on.
  void release(std::uint32_t id, time_point now) {
    auto& r = requests_[id];
    auto& w = workers_[r.worker];
    w.leases.remove(requests_.records(), id);
    w.work -= r.cost;
    w.front_since = now;
    if (w.dead && w.leases.empty())
      workers_.drop(r.worker);
    else
      workers_.relist(r.worker);
    requests_.renew(id); // what still names the lease is stale from here on
  }

  // Takes a request from a worker that will not answer it: back to the head of
  // the queue, unless it has its outcome already.
  void let_go(std::uint32_t id, time_point now, effects& out) {
    auto& r = requests_[id];
    release(id, now);
    if (r.state == stage::cancelling) {
      forget(id);
      return;
    }
    r.state = stage::waiting;
    r.worker = no_index;
    waiting_.push_front(requests_.records(), id);
    waiting_bytes_ += r.bytes;
    arm(id, out);
    out.wake = true;
  }

  // What a dead worker leaves of one lease.
  void bury(std::uint32_t id, time_point now, effects& out) {
    auto& r = requests_[id];
    auto begun = may_have_begun(id);
    if (begun)
      ++r.deaths;
    auto again = r.idempotent.value_or(commands_[r.kind].idempotent);
    if (r.state == stage::cancelling || !begun
        || (again && r.deaths < limits_.poison_after)) {
      if (r.state == stage::leased)
        ++(begun ? counts_.retried : counts_.requeued);
      let_go(id, now, out);
      return;
    }
    settle(id, again ? pool_errc::poisoned : pool_errc::worker_died, true,
           workers_[r.worker].why, out);
    release(id, now);
    forget(id);
    tell_if_empty();
  }

  // Gives a worker that has just answered more to do.
  void feed(std::uint32_t at, time_point now, effects& out) {
    while (!waiting_.empty()) {
      auto id = waiting_.head;
      if (!takes(at, requests_[id].kind, now))
        return;
      take_from_queue(id);
      lease(id, at, now, out);
    }
  }

  // -- workers ----------------------------------------------------------------

  void retire_predecessors(std::uint32_t at) {
    for (std::uint32_t i = 0; i < workers_.size(); ++i)
      if (workers_[i].used && workers_[i].name == workers_[at].name
          && workers_[i].incarnation < workers_[at].incarnation)
        workers_.retire(i);
  }

  // {running, sent ahead}. A request that was given up still occupies its
  // worker, but is in the books no more.
  std::pair<std::uint64_t, std::uint64_t> load_of(const slot& w) const {
    std::uint64_t running = 0;
    std::uint64_t ahead = 0;
    std::uint32_t position = 0;
    for (auto id = w.leases.head; id != no_index; id = requests_[id].next) {
      if (requests_[id].state == stage::leased)
        ++(position < w.capacity ? running : ahead);
      ++position;
    }
    return {running, ahead};
  }

  void expel(std::uint32_t at, effects& out) {
    workers_.retire(at);
    workers_[at].state = worker_state::expelled;
    ++counts_.expelled;
    out.expulsions.push_back(workers_[at].handle);
  }

  // -- time -------------------------------------------------------------------

  using milliseconds = std::chrono::milliseconds;

  timer_wheel::tick tick_of(time_point t) const {
    if (t <= epoch_)
      return 0;
    return static_cast<timer_wheel::tick>(
        std::chrono::floor<milliseconds>(t - epoch_).count());
  }

  time_point time_of(timer_wheel::tick x) const {
    return epoch_ + milliseconds{static_cast<std::int64_t>(x)};
  }

  void arm(std::uint32_t id, effects& out) {
    auto& r = requests_[id];
    auto when = r.deadline;
    if (r.state == stage::waiting && r.queue_deadline < when)
      when = r.queue_deadline;
    if (when == time_point::max()) {
      wheel_.disarm(id);
      return;
    }
    // Rounded up: nothing expires before its time.
    auto tick = tick_of(when) + 1;
    wheel_.arm(id, tick);
    ask_for(time_of(tick), out);
  }

  void request_tick(effects& out) {
    if (auto next = wheel_.next())
      ask_for(time_of(*next), out);
  }

  void ask_for(time_point tick, effects& out) {
    if (!pending_tick_ || tick < *pending_tick_)
      out.tick_at = pending_tick_ = tick;
  }

  void expired(std::uint32_t id, time_point now, effects& out) {
    auto& r = requests_[id];
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
            && workers_[r.worker].state != worker_state::expelled)
          expel(r.worker, out);
        r.deadline = now + limits_.cancel_grace;
        arm(id, out);
        break;
      case stage::free:
        break;
    }
  }

  // A command of which nothing is known is taken to be long: nothing is sent
  // behind it.
  static constexpr nanoseconds unknown_cost = std::chrono::hours(1);

  const core_limits limits_;
  const time_point epoch_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;

  // All that follows is shared, under mutex_.
  request_table<request> requests_;
  worker_table<Traits> workers_;
  command_table commands_;
  index_list waiting_;
  std::uint64_t waiting_bytes_ = 0;
  timer_wheel wheel_;
  std::optional<time_point> pending_tick_;
  books counts_; // waiting and running are counted when asked
  bool degraded_ = false;
  bool closing_ = false;
  std::optional<cause> last_error_;
};

} // namespace charmer
