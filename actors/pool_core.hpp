// The books of a pool: waiting requests, leases, workers, deadlines.
//
// A lease names (worker incarnation, request); erasing it is the right to give
// the request its outcome. An answer, a deadline, a cancellation, the death of
// the caller and the death of the worker all claim the lease in the same way;
// who comes second finds nothing, is counted as stale and changes nothing. That
// is how every accepted request gets exactly one outcome.
//
// Where a request can be: in the pool's queue, in the line of one seat (the
// strategies that choose a worker, sessions that wait for theirs), behind
// another one of its key or of its lease by hand, undecided (the application's
// strategy chooses), or with a worker. See request_table, worker_table,
// seat_table, key_table, desk_table, session_table.
//
// Threading: all members may be called from any thread; one mutex. Nothing is
// sent under the lock: a call fills an `effects`, and the caller carries it out
// afterwards (see pool_context). The core outlives every actor of its pool but
// the door. It runs no code of the application's.
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
#include "charmer/actors/desk_table.hpp"
#include "charmer/actors/jump_hash.hpp"
#include "charmer/actors/key_table.hpp"
#include "charmer/actors/request_table.hpp"
#include "charmer/actors/seat_table.hpp"
#include "charmer/actors/session_table.hpp"
#include "charmer/actors/spread.hpp"
#include "charmer/actors/timer_wheel.hpp"
#include "charmer/actors/worker_table.hpp"

#include "charmer/supervision/brief_lock.hpp"

#include <array>
#include <condition_variable>
#include <mutex>
#include <set>

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

  pool_core(core_limits limits, time_point now);

  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;

  // -- callers (pool_core_requests.hpp) ---------------------------------------

  /// Takes a request or refuses it. Afterwards exactly one outcome follows,
  /// among the effects or as the result of `finish`. Returns why it was
  /// refused, or none.
  pool_errc submit(submission x, time_point now, effects& out);

  /// The caller no longer wants the answer. False: there is no such request.
  bool cancel(request_key key, time_point now, effects& out);

  /// The holder gives its worker back. `from`: who says so; nullptr: whoever
  /// knows the name. False: that is no lease of theirs (any more).
  bool give_back(request_key key, caller_key from, time_point now,
                 effects& out);

  /// Nobody waits any more for the answers to this caller's requests, and what
  /// it held is free.
  void caller_died(caller_key who, time_point now, effects& out);

  /// Hands waiting requests to workers, at most `limit`. True: there is more.
  bool dispatch(std::size_t limit, time_point now, effects& out);

  // -- answers (pool_core_outcomes.hpp) ---------------------------------------

  /// A worker answered. Returns the request, whose caller is to be given the
  /// answer; nothing if the lease was claimed already.
  std::optional<request> finish(std::uint64_t lease_id, verdict how,
                                std::optional<nanoseconds> measured,
                                time_point now, effects& out);

  /// A worker gave a part of its answer, and more will follow. Returns as
  /// `finish`; from now on the request is not tried again.
  std::optional<request> part(std::uint64_t lease_id);

  /// A message with this lease reached a worker that is gone, and goes to
  /// another one. `suspect`: it may have begun nevertheless, and have ended the
  /// worker; after poison_after of those (at least 3) it is given up.
  /// REQUIRES: the worker is gone, and not one to which it delegated this.
  void bounced(std::uint64_t lease_id, bool suspect, time_point now,
               effects& out);

  /// Whoever left this gate was the last one, and the worker died meanwhile.
  void sent(const send_gate& gate, time_point now, effects& out);

  // -- requests that run (pool_core_nesting.hpp) ------------------------------

  /// What runs under this lease; nothing if it was claimed already.
  std::optional<request> running(std::uint64_t lease_id) const;

  /// Who has it.
  std::optional<worker> holder(std::uint64_t lease_id) const;

  /// What is left of its deadline; nanoseconds::max() if it has none.
  nanoseconds time_left(std::uint64_t lease_id, time_point now) const;

  /// The worker that runs a request, and under which lease.
  std::optional<std::pair<worker, std::uint64_t>>
  location(request_key key) const;

  // -- workers (pool_core_workers.hpp) ----------------------------------------

  /// A place that nobody fills, and for which a worker is wanted.
  struct vacancy {
    std::string worker;
    std::uint32_t seat = no_index; ///< none: an overflow worker
  };

  /// At most `limit` of them, base workers first.
  std::vector<vacancy> vacancies(std::size_t limit) const;

  /// Whether there is such a place now, filled or not.
  bool wants(const vacancy& x) const;

  /// A worker that is no longer wanted and has nothing left to do.
  struct leftover {
    std::string name;
    std::uint64_t incarnation = 0;
  };

  /// Takes those that there are; whoever asks has to end them. Their places may
  /// be filled beside them.
  std::vector<leftover> leftovers();

  /// A new incarnation is being started; `beside` the one that it replaces.
  /// Returns its number.
  std::uint64_t add_worker(const vacancy& where, bool beside = false);

  /// The incarnation can be given requests; older ones of its seat retire.
  /// Returns whether the pool was degraded until now.
  bool worker_ready(std::uint64_t incarnation, worker handle,
                    std::uint32_t capacity,
                    std::shared_ptr<const evidence> proof, time_point now,
                    effects& out);

  /// The incarnation was asked to end: it is given nothing more, and is told by
  /// a dismissal when it has nothing left. Returns whether it may take its time
  /// for that: it was replaced, and is not asked for the second time.
  bool worker_retiring(std::uint64_t incarnation, time_point now, effects& out);

  /// The incarnation is gone and nothing it was given can begin any more. What
  /// had begun is settled, or tried again if it is idempotent; the rest goes
  /// back to the head of the queue.
  void worker_died(std::uint64_t incarnation, const cause& why, time_point now,
                   effects& out);

  /// A worker that cannot be ended was left behind (and died, as far as the
  /// books go). True: with it there are more than max_abandoned, and its place
  /// stays empty until one of them ends. A pool that has only such places, and
  /// no worker, is degraded for this reason.
  bool left_behind(std::uint64_t incarnation, const cause& too_many,
                   time_point now, effects& out);

  /// It has ended after all, and what waited for that because its key is that
  /// of what it ran can go on. True: the pool is no longer degraded.
  bool returned(std::uint64_t incarnation, time_point now, effects& out);

  /// A command of the adapter: only these are remembered by name.
  void declare(std::string_view command, bool idempotent);

  // -- time (pool_core_time.hpp) ----------------------------------------------

  /// Settles what is due by `now` and asks for the next tick.
  void expire(time_point now, effects& out);

  /// Asks for the next tick again: the one that was pending is lost.
  void rearm(effects& out);

  // -- choices of the application's (pool_core_choices.hpp) -------------------

  /// One ready worker.
  struct member {
    std::uint64_t incarnation = 0;
    worker handle;
    std::string name;
  };

  std::vector<member> members() const;

  /// The worker that somebody holds by hand under this name.
  std::optional<member> held(request_key lease) const;

  /// Why there are none: no_available_worker, pool_degraded, shutting_down.
  pool_errc absence() const;

  /// Changes when `members` does.
  std::uint64_t membership() const;

  /// A request whose worker is to be chosen.
  struct dilemma {
    std::uint64_t reference = 0;
    std::uint64_t function = 0; ///< which strategy: the hash of its name
    request what;
  };

  /// The oldest of them; they stay until they are decided.
  std::vector<dilemma> undecided(std::size_t limit) const;

  /// The application chose this worker; 0: it failed to, and the request is
  /// treated as any other; one that is not ready: no_available_worker.
  void decide(std::uint64_t reference, std::uint64_t incarnation,
              time_point now, effects& out);

  /// The application's strategy found none.
  void decline(std::uint64_t reference, time_point now, effects& out);

  // -- collections of the application's (pool_core_choices.hpp) ---------------

  /// What has changed since the last time it was asked, for a managed pool.
  /// Nothing: too much was to be remembered; see `occupation`.
  std::optional<std::vector<movement>> movements();

  /// All who wait and all workers, as they are now; what was to be told by
  /// `movements` is forgotten.
  std::vector<movement> occupation();

  /// Gives a waiting request to a worker that is idle.
  assignment_result assign(std::uint64_t reference, std::uint64_t incarnation,
                           time_point now, effects& out);

  // -- the pool as a whole (pool_core_whole.hpp) ------------------------------

  /// No worker can be had: what waits and what comes is answered at once, until
  /// a worker is ready. The reason that is given is how the last worker ended,
  /// or `why`. False: it was degraded already, or has a ready worker.
  bool degrade(const cause& why, time_point now, effects& out);

  /// All workers are about to be stopped: they finish what they have and are
  /// given nothing more, nor is one that becomes ready all the same.
  void retire_all(time_point now, effects& out);

  /// How many workers are wanted from now on. Those that were no longer, and
  /// are still busy, are taken back if they are wanted again. Returns whether
  /// the pool was degraded until now.
  bool resize(std::uint32_t size, time_point now, effects& out);

  std::uint32_t size() const;

  /// Refuses new requests from now on; what was accepted goes on.
  void drain();

  /// Whether it refuses them for that.
  bool draining() const;

  /// Takes requests again, after `drain` or `close`.
  void reopen();

  /// Settles everything that is left. For the end, when no worker lives.
  void close(time_point now, effects& out);

  /// Blocks until nothing waits or runs, at most until `limit`. False:
  /// something still does.
  bool wait_until_empty(time_point limit);

  /// Blocks until `count` workers are ready, the pool is degraded or closing,
  /// at most until `limit`. True: they are ready.
  bool wait_until_ready(std::size_t count, time_point limit);

  /// Blocks until every worker is gone, at most until `limit`.
  bool wait_until_vacant(time_point limit);

  /// Why the pool is degraded: how its last worker ended.
  std::optional<cause> last_error() const;

  pool_snapshot snapshot(time_point now) const;

  /// One living incarnation; nothing if there is none of this number.
  std::optional<worker_snapshot> snapshot_of(std::uint64_t incarnation,
                                             time_point now) const;

private:
  using slot = worker_slot<Traits>;
  using record = request_record<request>;

  /// Where a request is to go: to a worker, to a line, or away.
  struct route {
    pool_errc refusal = pool_errc::none;
    std::uint32_t worker = no_index;
    place where = place::central;
    std::uint32_t line = 0;  ///< whose, where lines have an owner
    bool by_session = false; ///< refused because its session's home is busy
  };

  // -- requests
  pool_errc refusal_of(const submission& x, time_point now) const;
  route choose(const submission& x, std::uint32_t kind, time_point now);
  route choose_home(const submission& x, std::uint32_t session,
                    std::uint32_t kind, time_point now);
  route choose_new_home(const submission& x, std::uint32_t session,
                        std::uint32_t kind, time_point now);
  bool has_home(std::uint32_t session) const;
  std::uint32_t some_seat(std::uint32_t session);
  std::uint8_t lane_of(const submission& x) const;
  route central(const submission& x, std::uint32_t kind, time_point now);
  route to_seat(std::uint32_t seat, bool alone, std::uint32_t kind,
                time_point now);
  route to_incarnation(std::uint64_t incarnation, bool alone,
                       std::uint32_t kind, time_point now);
  bool fits(const submission& x, const route& to);
  pool_errc refuse(submission x, pool_errc code, effects& out);
  pool_errc refuse_session(submission x, pool_errc code, effects& out);
  std::uint32_t admit(submission x, std::uint32_t kind, time_point now,
                      effects& out);
  void forget(std::uint32_t id, time_point now, effects& out);
  void promote(std::uint64_t key, time_point now, effects& out);
  pool_errc submit_errand(submission x, time_point now, effects& out);

  // -- requests within requests
  bool would_deadlock(const submission& x, const route& to) const;
  bool waits_for(const record& r, const submission& x) const;
  template <class F>
  bool is_full_of(std::uint32_t at, F f) const;
  void block_chain_of(std::uint32_t id);
  void unblock_chain_of(std::uint32_t id);

  // -- lines
  index_list& line_of(place where, std::uint32_t line, const record& r);
  void enqueue(std::uint32_t id, place where, std::uint32_t line, bool in_front,
               effects& out);
  void dequeue(std::uint32_t id);
  void go_to_seat_of_key(std::uint32_t id, bool in_front, effects& out);
  void go_home(std::uint32_t id, bool in_front, effects& out);
  void send_home(effects& out);
  void go_to_seat(std::uint32_t id, std::uint32_t seat, bool in_front,
                  effects& out);
  bool drop_if_late(std::uint32_t id, time_point now, effects& out);
  std::uint64_t queued() const;
  std::uint64_t room_at_once() const;
  std::uint32_t head_of_queue() const;
  std::uint32_t next_for(std::uint32_t at) const;

  // -- what managed pools are told
  void note_request(bool waits, std::uint32_t id);
  void note_worker(std::uint32_t at);
  void note(movement x);
  movement waiting_now(std::uint32_t id) const;
  movement worker_now(std::uint32_t at) const;

  // -- what those are told who ask for every step
  bool traced() const;
  void trace(request_step step, std::uint32_t id, nanoseconds took,
             effects& out, pool_errc outcome = pool_errc::none);

  // -- leases
  std::uint32_t pick(std::uint32_t kind, bool alone, time_point now);
  bool takes(std::uint32_t at, std::uint32_t kind, bool alone,
             time_point now) const;
  void lease(std::uint32_t id, std::uint32_t at, time_point now, effects& out);
  void release(std::uint32_t id, time_point now, effects& out);
  void next_errand(desk& from, std::uint32_t at, time_point now, effects& out);
  void serve(time_point now, effects& out);
  void feed(std::uint32_t at, time_point now, effects& out);
  void settle_down(std::uint32_t at, time_point now, effects& out);
  void weigh(std::uint32_t seat);
  void end_lease(std::uint32_t id, pool_errc how, time_point now, effects& out);

  // -- outcomes
  void settle(std::uint32_t id, pool_errc code, bool begun,
              const std::optional<cause>& why, time_point now, effects& out);
  void settle_waiting(pool_errc code, const std::optional<cause>& why,
                      time_point now, effects& out);
  void withdraw(std::uint32_t id, pool_errc code, bool answer, time_point now,
                effects& out);
  time_point end_of_grace(time_point deadline, time_point now) const;
  void let_go(std::uint32_t id, std::uint64_t books::*counter, time_point now,
              effects& out);
  void bury(std::uint32_t id, time_point now, effects& out);
  bool may_have_begun(std::uint32_t id) const;
  bool may_run_again(const record& r) const;
  void judge(std::uint32_t id, verdict how, time_point now, effects& out);

  // -- workers
  void vacate(std::uint32_t at, time_point now, effects& out);
  void no_longer_starts(const slot& w);
  void retire(std::uint32_t at);
  void retire_namesakes(std::uint32_t at);
  void bury_all(std::uint32_t at, time_point now, effects& out);
  void keep_keys_of(std::uint32_t at);
  void scatter(std::uint32_t seat, time_point now, effects& out);
  void dismiss(std::uint32_t at, time_point now, effects& out);
  bool can_be_recalled(const slot& w) const;
  void recall(std::uint32_t at);
  void does_not_stop(std::uint32_t id, time_point now, effects& out);
  void give_up(std::uint32_t at, time_point now, effects& out);
  bool serves_others(std::uint32_t at, bool endless) const;
  void bound_hanging(time_point now, effects& out);
  void expel(std::uint32_t at, time_point now, effects& out);
  worker_ending ending_of(const slot& w) const;
  std::uint32_t seats_lost() const;
  bool all_seats_lost() const;
  std::vector<bool> seats_filled() const;
  std::uint32_t seats_wanted(const std::vector<bool>& filled) const;
  static bool is_there(const slot& w) {
    return w.used && !w.dead && !w.replaced && !w.released;
  }
  bool is_lost(std::uint32_t seat) const;
  void clear_lost_seats(time_point now, effects& out);
  std::uint32_t seat_of_key(std::uint64_t key) const;
  void degrade_if_stranded(effects& out);
  std::optional<cause> why_degraded() const;
  std::uint32_t overflow_room() const;
  std::uint32_t overflow_wanted() const;
  std::pair<std::uint64_t, std::uint64_t> load_of(const slot& w) const;
  worker_snapshot snapshot_of(std::uint32_t at, std::uint64_t running,
                              std::uint64_t ahead, time_point now) const;
  bool empty() const;
  void tell_if_empty();

  // -- time
  timer_wheel::tick tick_of(time_point t) const;
  time_point time_of(timer_wheel::tick x) const;
  void arm(std::uint32_t id, effects& out);
  bool watches_overruns() const;
  void arm_overrun(std::uint32_t id, effects& out);
  void watch_front(std::uint32_t at, time_point now, effects& out);
  void request_tick(effects& out);
  void ask_for(time_point tick, effects& out);
  void expired(std::uint32_t id, time_point now, effects& out);
  bool is_stuck(std::uint32_t id);
  bool is_first(std::uint32_t id) const;
  void overran(std::uint32_t id, time_point now, effects& out);

  // A command of which nothing is known is taken to be long: nothing is sent
  // behind it.
  static constexpr nanoseconds unknown_cost = std::chrono::hours(1);

  // A worker may die of itself just when a request reaches it, once or twice.
  static constexpr std::uint32_t least_bounces = 3;

  // So many changes are remembered for a queue manager that does not look.
  static constexpr std::size_t max_movements = 1 << 16;

  const core_limits limits_;
  const time_point epoch_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;

  // All that follows is shared, under mutex_.
  request_table<request> requests_;
  worker_table<Traits> workers_;
  seat_table seats_;
  key_table keys_;
  session_table sessions_;
  desk_table desks_;
  command_table commands_;
  // In the first lane what a request that runs here waits for, and then each
  // priority.
  std::array<index_list, 4> queue_;
  index_list undecided_;
  std::uint64_t waiting_ = 0; // in all lines
  std::uint64_t waiting_bytes_ = 0;
  std::uint64_t behind_keys_ = 0; // of those that wait, behind one of their key
  std::vector<std::uint32_t> hungry_; // workers that may have room
  std::vector<movement> movements_;
  bool movements_lost_ = false;
  circuit_breaker breaker_;
  timer_wheel wheel_;          // deadlines, by request
  timer_wheel overrun_wheel_;  // reports, by request
  timer_wheel overflow_wheel_; // retention, by worker
  std::optional<time_point> pending_tick_;
  books counts_; // waiting and running are counted when asked
  span_sum waited_;
  span_sum busy_;
  std::uint64_t membership_ = 0;
  std::uint32_t overflow_ = 0;          // living overflow workers
  std::uint32_t starting_ = 0;          // workers that are not ready yet
  std::uint32_t starting_overflow_ = 0; // of these, those without a seat
  std::uint32_t abandoned_ = 0;
  std::set<std::uint64_t> abandoned_overflow_; // of those, without a seat
  std::vector<std::uint32_t> dismissed_;       // workers that may be leftovers
  std::uint32_t replaced_ = 0;                 // workers that live on
  bool degraded_ = false;
  bool closing_ = false;
  std::optional<cause> last_error_;
  std::optional<cause> overburdened_; // more are left behind than may be
};

} // namespace charmer

#include "charmer/actors/pool_core_choices.hpp"
#include "charmer/actors/pool_core_leases.hpp"
#include "charmer/actors/pool_core_lines.hpp"
#include "charmer/actors/pool_core_nesting.hpp"
#include "charmer/actors/pool_core_outcomes.hpp"
#include "charmer/actors/pool_core_requests.hpp"
#include "charmer/actors/pool_core_sessions.hpp"
#include "charmer/actors/pool_core_time.hpp"
#include "charmer/actors/pool_core_whole.hpp"
#include "charmer/actors/pool_core_workers.hpp"
