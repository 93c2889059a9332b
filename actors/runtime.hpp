// Pools inside an application: one root supervisor with the event manager, the
// lifecycle manager and every pool below it.
//
//   root supervisor                 one_for_one
//   ├── events                      the event manager
//   ├── lifecycle_manager           recycling
//   └── pool NAME                   one for each pool
//
// Threading: every member function is thread-safe. Those that say "blocks" must
// not be called from an event-based actor.
//
// Lifetime: destroy the runtime, or stop it, before its actor system ends.
//
//   auto app = charmer::start(sys, charmer::settings::from_file("pools.json"));
//   if (!app) …
//   app->observe([](const charmer::event& e) { std::cerr << e << '\n'; });
//   auto pool = app->pool("default");
#pragma once

#include "charmer/actors/callbacks.hpp"
#include "charmer/actors/host_functions.hpp"
#include "charmer/actors/lifecycle_stats.hpp"
#include "charmer/actors/messages.hpp"
#include "charmer/actors/pool_handle.hpp"
#include "charmer/profiles/native_profile.hpp"
#include "charmer/profiles/settings.hpp"
#include "charmer/profiles/worker_profile.hpp"
#include "charmer/supervision/child_spec.hpp"
#include "charmer/supervision/event.hpp"
#include "charmer/supervision/event_handler.hpp"
#include "charmer/supervision/supervision_tree.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace charmer {

class event_hub;
struct runtime_state;

class runtime {
public:
  explicit runtime(std::shared_ptr<runtime_state> state);
  runtime(runtime&&) noexcept;
  runtime& operator=(runtime&&) noexcept;

  /// Stops what was not stopped, within settings::stop_timeout.
  ~runtime();

  // -- pools ------------------------------------------------------------------

  /// @returns pool_errc::no_such_pool if there is none; the text names those
  /// there are.
  caf::expected<pool_handle> pool(const std::string& name = "default") const;

  /// A handle typed as the workers are, which a pool of native workers has that
  /// were registered with their type (see register_native).
  /// @returns no_such_pool; unsupported if they accept something else
  template <class Worker>
  caf::expected<charmer::pool_of<Worker>>
  pool_of(const std::string& name = "default") const {
    auto untyped = pool(name);
    if (!untyped)
      return untyped.error();
    if (auto err = check_interface(name, interface_of<Worker>(system())))
      return err;
    return charmer::pool_of<Worker>{std::move(*untyped)};
  }

  /// Starts one more pool below the root. Blocks until its supervisor stands;
  /// its workers start afterwards. A start or a stop of the same name that is
  /// under way is waited for, at most 10 s, also a stop that took longer than
  /// its limit.
  /// @returns already_started if there is one of that name
  caf::expected<pool_handle> start_pool(pool_settings x);

  /// Drains and stops one pool: no new requests; what was accepted is finished,
  /// as far as the limit allows: within half of it, and leaving the workers
  /// their worker_shutdown; and not at all if pool_sup_shutdown is brutal_kill;
  /// then its tree stops. Blocks, at most for `limit`. No limit
  /// (0): what was accepted is answered shutting_down and the workers are
  /// killed, at once; blocks until they are gone, or a start or another stop of
  /// the pool is over that is under way, at most some 10 s.
  /// @returns nothing, also if there is no such pool (any more); shutting_down
  /// if it was not over in time: it goes on stopping, and to stop it again
  /// waits for that
  caf::error stop_pool(const std::string& name,
                       timespan limit = std::chrono::seconds(10));

  /// Blocks until every pool has a worker that is ready, at most for `limit`.
  /// @returns start_failed with the reason (a Python traceback included) of the
  /// first pool that has none; the others were waited for all the same.
  caf::error await_ready(timespan limit = std::chrono::seconds(60));

  /// Blocks until every worker of every pool is ready, at most for `limit`.
  caf::error await_all(timespan limit = std::chrono::seconds(60));

  /// Answered from the books, also while everything is stuck.
  caf::expected<pool_stats> stats(const std::string& name = "default") const;

  /// Of every pool.
  std::vector<pool_stats> all_stats() const;

  /// The workers of a pool that are ready (wpool's get_workers); those of the
  /// overflow, which come and go, are in `stats` only.
  caf::expected<std::vector<pool_member>>
  workers(const std::string& name = "default") const;

  /// All that can be known of a pool, as JSON: statistics with its settings,
  /// handles, which collections are in office.
  caf::expected<std::string>
  debug_information(const std::string& name = "default") const;

  /// Changes how many workers a pool has, within its min_size and max_size, and
  /// to 0 only if it has an overflow; what was not done is said in the result.
  /// Workers that are too many finish what they have, then their actors or
  /// processes end.
  caf::expected<resized> resize(const std::string& name, std::uint32_t size);

  // -- the life of workers ----------------------------------------------------

  /// What profiles know of the workers that are ready.
  caf::expected<std::vector<worker_metadata>>
  metadata(const std::string& name = "default") const;

  /// Replaces a worker now, without a dip: the successor takes over first. The
  /// worker finishes what it has, however long that takes. Blocks until the
  /// successor is ready.
  /// @param worker as `stats` calls it: "worker-3"
  /// @returns no_such_pool; no_available_worker if that worker is not ready, or
  /// was stopped meanwhile, as in a pool that shrinks; start_failed if its
  /// successor does not start, then it serves on; shutting_down also if the
  /// lifecycle manager ends meanwhile, and it is not known what comes of it
  caf::error recycle_worker(const std::string& pool, const std::string& worker);

  lifecycle_stats lifecycle() const;

  // -- what workers can do ----------------------------------------------------

  /// The commands of a pool's adapter, as its workers declare them.
  /// @returns no_available_worker while none is ready
  caf::expected<std::vector<command_info>>
  commands(const std::string& name = "default") const;

  // -- what commands can call (host_functions.hpp) ----------------------------

  /// Makes a function callable by name for the commands of all pools, in place
  /// of an earlier one of that name; an empty one takes the name away.
  void register_function(const std::string& name, host_function f);

  /// The same for an actor: gets a host_call, answers with a payload or error.
  void register_actor(const std::string& name, caf::actor who);

  /// False: there is none of that name. What was called goes on.
  bool unregister(const std::string& name);

  // -- events -----------------------------------------------------------------

  /// Calls `f` with every event that passes the filter. `f` runs in an actor of
  /// its own, one event at a time; what it throws removes it. Once `stop` has
  /// returned it is called no more, unless it took longer than 2 s for what was
  /// left; after stop_observing it may still be.
  /// @returns the name under which it can be removed; invalid_spec if there is
  /// no function
  caf::expected<std::string> observe(std::function<void(const event&)> f,
                                     event_filter filter = {});

  /// After what waits was dealt with: the function may still be called after
  /// this has returned, and so must own what it uses.
  void stop_observing(const std::string& name);

  const std::shared_ptr<event_hub>& events() const;

  /// Has the workers of a pool followed, until the callbacks are removed.
  /// @returns no_such_pool; already_started if there are some of that name
  caf::error add_callbacks(const std::string& pool, const std::string& name,
                           worker_callbacks callbacks);

  /// @returns no_such_pool if the pool has none of that name
  caf::error remove_callbacks(const std::string& pool, const std::string& name);

  /// Has requests reported that run longer than overrun_warning. A pool that
  /// has one also has the handler "default", which is log_overrun.
  /// @returns as add_callbacks; invalid_spec if there is no function
  caf::error add_overrun_handler(const std::string& pool,
                                 const std::string& name,
                                 std::function<void(const overrun&)> f);

  /// @returns as remove_callbacks
  caf::error remove_overrun_handler(const std::string& pool,
                                    const std::string& name);

  // -- the tree ---------------------------------------------------------------

  /// The root supervisor: takes children of the application's own.
  caf::actor supervisor() const;

  /// Every supervisor and every child, as they are now. Blocks, at most for
  /// `limit`; who has not answered by then is marked.
  caf::expected<supervision_tree>
  tree(timespan limit = std::chrono::seconds(1)) const;

  /// Stops everything: no new requests; what was accepted is finished, as far
  /// as half of the limit allows; then the tree stops in order. What is left is
  /// answered with shutting_down. Blocks, at most for `limit` (0: the
  /// settings' stop_timeout). Twice is fine, also at once: both return when all
  /// has stopped, with the same outcome.
  caf::error stop(timespan limit = timespan{0});

private:
  const caf::actor_system& system() const;

  /// Why there is no such pool: it is unknown, or was stopped.
  caf::error no_pool(const std::string& name) const;

  caf::error check_interface(const std::string& pool,
                             const message_interface& wanted) const;

  caf::error add_observer(const std::string& pool, handler_spec x);

  caf::error remove_observer(const std::string& name);

  std::shared_ptr<runtime_state> state_;
};

/// Starts pools. Returns when the tree stands; workers start afterwards (see
/// runtime::await_ready). Blocks briefly.
/// Errors: invalid_settings, no_pools_configured, already_started (two pools of
/// one name), start_failed (also of a system without I/O, see charmer::config).
/// @param handlers are told all events from the first one on
caf::expected<runtime> start(caf::actor_system& sys, settings x,
                             std::vector<handler_spec> handlers = {});

/// The same with settings that may have failed to load; passes the error on.
caf::expected<runtime> start(caf::actor_system& sys, caf::expected<settings> x);

/// A pool for a supervisor of the application's own.
struct pool_child {
  /// Start it below any charmer supervisor, and below one at a time: a second
  /// start while the first one runs fails with already_started.
  child_spec spec;
  /// Valid at once; requests wait until it is started, within their deadlines.
  pool_handle handle;
};

/// Makes a pool to be started by somebody else. Callbacks and handlers of
/// overruns are those of its `events`: see following_workers and
/// watching_overruns. Null: nobody hears of anything but overruns, which are
/// written to stderr.
caf::expected<pool_child>
make_pool_child(caf::actor_system& sys, pool_settings x,
                std::shared_ptr<event_hub> events = nullptr,
                const std::string& path = {});

/// A pool that was started alone.
struct linked_pool {
  caf::actor supervisor;
  pool_handle handle;
};

/// Starts a pool alone, linked to the actor that starts it (wpool's start_pool,
/// OTP's start_link): it ends with that actor, whatever the reason, and if it
/// fails for good that actor ends, too, unless it handles exit messages. To
/// stop it: `starter->unlink_from(pool.supervisor)`, then send the supervisor
/// exit_reason::user_shutdown; twice is fine. `events` may be null.
/// Errors: as make_pool_child.
caf::expected<linked_pool>
start_linked(caf::local_actor* starter, pool_settings x,
             std::shared_ptr<event_hub> events = nullptr);

} // namespace charmer
