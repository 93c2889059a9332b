// What all parts of one pool share, and the only place where the core's effects
// become messages. Private to this room.
//
// Lives as long as the door; the actors of the pool are handed it by their
// supervisor's factories, so that any of them can be killed at any moment and
// its successor finds everything here.
//
// Threading: thread-safe; constant after construction but for the core and the
// addresses of the parts, which have a lock each.
#pragma once

#include "charmer/actors/function_registry.hpp"
#include "charmer/actors/managed_queue.hpp"
#include "charmer/actors/messages.hpp"
#include "charmer/actors/occurrences.hpp"
#include "charmer/actors/pool_core.hpp"
#include "charmer/profiles/settings.hpp"
#include "charmer/profiles/worker_profile.hpp"
#include "charmer/supervision/event_hub.hpp"

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace charmer {

/// A request as the core carries it: enough to answer it from anywhere.
struct caf_request {
  caf::strong_actor_ptr caller;
  caf::message_id id;
  caf::message content;
  std::string correlation{}; ///< of one that has none in its content
};

/// What its caller calls a request; empty: nothing.
const std::string& correlation_of(const caf_request& x);

struct core_traits {
  using request = caf_request;
  using worker = caf::strong_actor_ptr;
  using cause = caf::error;
  using evidence = execution_evidence;
};

/// The actors of a pool.
enum class pool_part : std::uint8_t {
  pool,
  queue_manager,
  task_monitor,
  worker_supervisor,
  lifecycle_manager, ///< of all pools
  pool_supervisor,
};

/// Which child of which supervisor a worker is.
struct its_place {
  caf::actor_addr supervisor;
  std::uint64_t token = 0;
};

/// The collections that the settings name.
collection_names collections_of(const pool_settings& x);

/// Whether collections of the application's decide who is served by whom.
bool has_collections(const pool_settings& x);

class pool_context : public std::enable_shared_from_this<pool_context> {
public:
  using core_type = pool_core<core_traits>;
  using effects = core_type::effects;

  pool_context(caf::actor_system& sys, pool_settings settings,
               std::shared_ptr<worker_profile> profile,
               std::shared_ptr<event_hub> events,
               std::shared_ptr<const function_registry> functions,
               std::string path);

  // -- constant ---------------------------------------------------------------

  caf::actor_system& system;
  const std::shared_ptr<const pool_settings> settings;
  /// The same as JSON, written once.
  const std::string settings_text;
  /// Which failures the breaker counts, read once.
  const breaker_limits breaker;
  const std::shared_ptr<worker_profile> profile;
  const std::shared_ptr<event_hub> events;
  /// What commands can call.
  const std::shared_ptr<const function_registry> functions;
  /// Of the pool's supervisor: "root/pool default".
  const std::string path;

  // -- shared -----------------------------------------------------------------

  core_type core;

  /// The system's clock, which tests move by hand.
  time_point now() const { return system.clock().now(); }

  /// Whether it was closed and not started again: nothing is left to be done,
  /// and the actor system may be gone.
  bool closed() const noexcept { return closed_; }

  /// It is started (again). Returns which reign this is, for `close`.
  std::uint64_t open();

  /// The present one, or the last.
  std::uint64_t reign() const;

  /// Refuses new requests from now on, also if its supervisor dies and is
  /// started again before the pool has ended: it is not to be open any more.
  void drain();
  bool draining() const;

  /// Everything is being stopped within a limit, of which so much is left; then
  /// what lives yet is killed.
  void stops_within(timespan limit, timespan left);

  /// Calls `f(effects)` on the core and carries the effects out.
  template <class F>
  decltype(auto) with_core(actor_runner* context, F f) {
    effects out;
    if constexpr (std::is_void_v<decltype(f(out))>) {
      f(out);
      carry_out(out, context, nullptr);
    } else {
      decltype(auto) result = f(out);
      carry_out(out, context, nullptr);
      return result;
    }
  }

  /// Sends what the core asked for. `caller` is whoever sent the request that
  /// led to them, if one did.
  void carry_out(effects& out, actor_runner* context,
                 const caf::strong_actor_ptr& caller);

  // -- the parts --------------------------------------------------------------

  /// Announces the living actor of a part; its successor replaces it.
  void enter(pool_part which, const caf::actor& who);

  /// The present actor of a part; null while it is being restarted.
  caf::actor part(pool_part which) const;

  /// Wakes a part up; what is lost while it restarts, its successor sees.
  template <class... Ts>
  void wake(pool_part which, Ts&&... xs) {
    if (auto who = part(which))
      cast(who, std::forward<Ts>(xs)...);
  }

  /// What the profile says. One of the application's may throw: that is told
  /// once for each question, and the answer is `otherwise`.
  template <class T, class F>
  T ask_profile(const char* question, T otherwise, F f) const {
    try {
      return f(*profile);
    } catch (const std::exception& e) {
      profile_failed(question, e.what());
    } catch (...) {
      profile_failed(question, "what it threw is no std::exception");
    }
    return otherwise;
  }

  /// What is known of the living incarnations, their handles left out, and
  /// which children they are.
  void remember(std::uint64_t incarnation, worker_info info, its_place where);
  void forget(std::uint64_t incarnation);
  std::optional<worker_info> info(std::uint64_t incarnation) const;
  its_place place_of(std::uint64_t incarnation) const;
  void note_gil(std::uint64_t incarnation);

  void set_door(const caf::actor& x);
  caf::strong_actor_ptr door() const;

  // -- what is answered (pool_answers.cpp) -----------------------------------

  /// An outcome as its caller gets to see it: an error, alone in a message.
  caf::message outcome_of(const core_type::settlement& x) const;

  /// What is answered to somebody for whom there is no worker at all.
  caf::message absence() const;

  /// What is answered to somebody whose lease has ended.
  caf::message no_lease() const;

  // -- what is told (pool_events.cpp) ----------------------------------------

  /// Tells an event of this pool.
  void tell(std::string name, severity level, std::string text,
            const std::map<std::string, std::string>& details = {}) const;

  /// A request that nobody waits for has failed: its error would be lost.
  void tell_failed(const caf_request& x, const caf::error& why);

  /// A worker is ready. The first time that all are, it is told.
  void tell_initialised();

  /// A worker or its start went wrong for good: answers everybody with
  /// `pool_degraded` until a worker is ready.
  void degrade(const caf::error& why);

  /// The workers have used up their intensity: those that are left are about to
  /// be stopped, however long that takes, and the pool is degraded.
  void exhausted(const caf::error& why);

  /// Answers what is left with `shutting_down`; no worker lives any more.
  void close();

  /// The same at the end of this reign, unless another one has begun: whoever
  /// tells of an end may be slower than whoever starts it again.
  void close(std::uint64_t reign);

  /// Changes how many workers are wanted, within min_size and max_size.
  resized resize(std::uint32_t size);

  std::vector<pool_member> members() const;

  /// The worker that is held under this name; none: nobody holds one.
  std::vector<pool_member> held(request_key lease) const;

  /// The workers that are ready.
  std::vector<worker_view> views() const;

  /// The memory of the workers costs a look at /proc for each.
  pool_stats stats(bool with_memory = true) const;
  pool_status status() const;

  /// A worker was recycled, for this reason.
  void count_recycled(const std::string& reason);

  /// How often, by reason.
  std::map<std::string, std::uint64_t> recycled() const;

  /// Which collections decide at present; before any did, the settings' own.
  void note_collections(collection_names x);
  collection_names collections() const;

private:
  caf::error error_of(const core_type::settlement& x) const;
  std::string missed_limit() const;
  void answer(core_type::settlement& x, actor_runner* context);
  void answer_late(core_type::settlement x, const caf::error& why);
  void deliver(const caf_request& to, caf::message outcome,
               actor_runner* context);
  void grant(effects::grant& x, actor_runner* context);
  void
  tell_overrun(const overrun_notice<caf_request, caf::strong_actor_ptr>& x);
  void tell_circuit(breaker_change x);
  void tell_step(const request_note<caf_request>& x);
  void tell_settled(pool_errc code, const caf_request& x,
                    const caf::error& why);
  void tell_quarantined(const caf_request& x, const caf::error& why);

  worker_stats stats_of(worker_snapshot x, bool with_memory) const;

  void dismiss(const effects::dismissal& x, actor_runner* context);
  void watch(const caf::strong_actor_ptr& caller);
  void arm(time_point when);
  void profile_failed(const char* question, const std::string& why) const;

  /// By code: what a request gets that was refused.
  std::array<caf::message,
             static_cast<std::size_t>(pool_errc::shutting_down) + 1>
      alike_;

  mutable std::mutex reign_mutex_; // is locked before the core's
  std::uint64_t reign_ = 0;
  bool draining_ = false;
  std::atomic<bool> closed_ = false;
  std::atomic<timespan> stop_limit_ = infinite;
  std::atomic<time_point> stop_end_ = time_point::max();
  caf::weak_actor_ptr door_; // set once, before anybody else knows us
  mutable std::mutex parts_mutex_;
  mutable std::set<std::string> profile_faults_; // those that were told
  std::array<caf::actor_addr, 6> parts_;
  std::map<std::uint64_t, std::pair<worker_info, its_place>> workers_;
  std::map<std::string, std::uint64_t> recycled_;
  collection_names collections_;
  const time_point began_;
  std::atomic<bool> initialised_ = false;
  occurrences queue_timeouts_;
  occurrences refusals_;
};

using pool_context_ptr = std::shared_ptr<pool_context>;

} // namespace charmer
