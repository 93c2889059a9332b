#include "charmer/actors/pool_context.hpp"

#include "charmer/actors/resize_plan.hpp"
#include "charmer/actors/task_monitor.hpp"
#include "charmer/supervision/messages.hpp"

#include <algorithm>
#include <chrono>
#include <random>

namespace charmer {

namespace {

core_limits limits_of(const pool_settings& x, const worker_profile& profile,
                      const std::atomic<bool>* traced) {
  core_limits result;
  result.queue_size = x.max_queue_size;
  result.queue_bytes = x.max_queue_bytes;
  result.poison_after = x.poison_after;
  result.prefetch = x.prefetch;
  result.cancel_grace = x.cancel_grace;
  result.cancellable = profile.can_cancel(x);
  result.worker_shutdown = x.worker_shutdown;
  result.max_requests = x.max_requests;
  result.size = x.size;
  result.queue = x.queue != queue_order::off;
  result.lifo = x.queue == queue_order::lifo;
  result.usual = strategy_named(x.default_strategy);
  result.max_overflow = x.max_overflow;
  result.overflow_retention = x.overflow_retention;
  if (x.overrun_warning != infinite)
    result.overruns = {x.overrun_warning, x.max_overrun_warnings};
  result.breaker = charmer::limits_of(x.breaker);
  result.max_abandoned = x.max_abandoned;
  result.managed = has_collections(x);
  result.seed = std::random_device{}();
  result.traced = traced;
  result.affinity = x.session_affinity;
  result.max_sessions = x.max_sessions;
  result.session_ttl = x.session_ttl;
  return result;
}

duration_stats duration_stats_of(const span_sum& x) {
  return {x.count, x.total, x.longest};
}

} // namespace

collection_names collections_of(const pool_settings& x) {
  return {x.waiting_callers_impl, x.idle_workers_impl, x.busy_workers_impl,
          x.idle_overflow_workers_impl, x.queue == queue_order::lifo};
}

bool has_collections(const pool_settings& x) {
  return !x.waiting_callers_impl.empty() || !x.idle_workers_impl.empty()
         || !x.busy_workers_impl.empty()
         || !x.idle_overflow_workers_impl.empty();
}

pool_context::pool_context(caf::actor_system& sys, pool_settings x,
                           std::shared_ptr<worker_profile> p,
                           std::shared_ptr<event_hub> e,
                           std::shared_ptr<const function_registry> f,
                           std::string where)
    : system(sys),
      settings(std::make_shared<const pool_settings>(std::move(x))),
      settings_text(to_json(*settings)),
      breaker(charmer::limits_of(settings->breaker)), profile(std::move(p)),
      events(std::move(e)), functions(std::move(f)), path(std::move(where)),
      core(limits_of(*settings, *profile, &events->traced()),
           sys.clock().now()),
      collections_(collections_of(*settings)), began_(sys.clock().now()) {
  for (std::size_t i = 0; i < alike_.size(); ++i) {
    core_type::settlement x;
    x.code = static_cast<pool_errc>(i);
    alike_[i] = caf::make_message(error_of(x));
  }
}

// -- effects ------------------------------------------------------------------

void pool_context::carry_out(effects& out, actor_runner* context,
                             const caf::strong_actor_ptr& caller) {
  if (out.watch && caller)
    watch(caller);
  // First, because what follows has consequences that are told, too.
  for (auto& x : out.notes)
    tell_step(x);
  if (!out.assignments.empty()) {
    auto from = door();
    effects more;
    auto went_down = false;
    for (auto& x : out.assignments) {
      caf::message_id id{x.lease | caf::message_id::default_async_value};
      profile->execute_request(x.to, from, id, std::move(x.what.content),
                               context);
      if (x.gate && x.gate->leave()) {
        went_down = true;
        core.sent(*x.gate, now(), more);
      }
    }
    // A worker that went down while it was being sent to leaves more to do.
    if (went_down)
      carry_out(more, context, nullptr);
  }
  for (auto& x : out.grants)
    grant(x, context);
  for (auto& x : out.settlements)
    answer(x, context);
  for (auto& x : out.cancellations)
    post(x.to, nullptr, caf::message_id{0},
         caf::make_message(cancel_atom_v, x.lease), context);
  for (auto& x : out.expulsions)
    profile->stop_worker(x, worker_end::at_once, context);
  for (auto& x : out.dismissals)
    dismiss(x, context);
  for (auto& x : out.overruns)
    tell_overrun(x);
  if (out.circuit != breaker_change::none)
    tell_circuit(out.circuit);
  if (out.degraded)
    tell("charmer.pool.degraded", severity::error,
         describe(core.last_error().value_or(caf::error{})));
  for (auto& x : out.replacements)
    wake(pool_part::pool, replace_child_atom_v, x);
  if (out.administer)
    wake(pool_part::pool, look_atom_v);
  if (out.worn)
    wake(pool_part::lifecycle_manager, look_atom_v, settings->name);
  if (out.tick_at)
    arm(*out.tick_at);
  if (out.wake)
    wake(pool_part::queue_manager, look_atom_v);
}

// From now on it is its supervisor that waits for its end.
void pool_context::dismiss(const effects::dismissal& x, actor_runner* context) {
  profile->stop_worker(x.who, worker_end::finished, context);
  auto where = place_of(x.incarnation);
  if (auto sup = caf::actor_cast<caf::actor>(where.supervisor))
    cast(sup, child_idle_atom_v, where.token);
}

void pool_context::watch(const caf::strong_actor_ptr& caller) {
  caller_key key = caller->get();
  on_exit(caller, [key, self = weak_from_this()](const caf::error&) {
    if (auto ctx = self.lock())
      ctx->with_core(nullptr, [&](effects& out) {
        ctx->core.caller_died(key, ctx->now(), out);
      });
  });
}

// -- parts --------------------------------------------------------------------

void pool_context::enter(pool_part which, const caf::actor& who) {
  std::lock_guard guard{parts_mutex_};
  parts_[static_cast<std::size_t>(which)] = who.address();
}

caf::actor pool_context::part(pool_part which) const {
  std::lock_guard guard{parts_mutex_};
  return caf::actor_cast<caf::actor>(parts_[static_cast<std::size_t>(which)]);
}

// Who asks a pool that has not been started yet has a deadline, too: it is kept
// by a monitor that is gone when nothing is due any more.
void pool_context::arm(time_point when) {
  auto monitor = part(pool_part::task_monitor);
  if (!monitor && reign() == 0) {
    monitor = system.spawn<caf::hidden>(task_monitor, shared_from_this());
    enter(pool_part::task_monitor, monitor);
  }
  if (monitor)
    cast(monitor, arm_atom_v, timespan{when.time_since_epoch()});
}

void pool_context::remember(std::uint64_t incarnation, worker_info info,
                            its_place where) {
  std::lock_guard guard{parts_mutex_};
  info.handle = nullptr; // whoever keeps the door must not keep a worker
  workers_.insert_or_assign(incarnation,
                            std::pair{std::move(info), std::move(where)});
}

void pool_context::note_gil(std::uint64_t incarnation) {
  std::lock_guard guard{parts_mutex_};
  if (auto i = workers_.find(incarnation); i != workers_.end())
    i->second.first.gil_enabled = true;
}

void pool_context::forget(std::uint64_t incarnation) {
  std::lock_guard guard{parts_mutex_};
  workers_.erase(incarnation);
}

std::optional<worker_info> pool_context::info(std::uint64_t incarnation) const {
  std::lock_guard guard{parts_mutex_};
  auto i = workers_.find(incarnation);
  if (i == workers_.end())
    return std::nullopt;
  return i->second.first;
}

its_place pool_context::place_of(std::uint64_t incarnation) const {
  std::lock_guard guard{parts_mutex_};
  auto i = workers_.find(incarnation);
  return i == workers_.end() ? its_place{} : i->second.second;
}

void pool_context::set_door(const caf::actor& x) {
  door_ = caf::actor_cast<caf::weak_actor_ptr>(x);
}

caf::strong_actor_ptr pool_context::door() const {
  return door_.lock();
}

// -- the pool as a whole -----------------------------------------------------

void pool_context::degrade(const caf::error& why) {
  auto fresh = with_core(
      nullptr, [&](effects& out) { return core.degrade(why, now(), out); });
  if (fresh)
    tell("charmer.pool.degraded", severity::error,
         describe(core.last_error().value_or(why)));
}

void pool_context::exhausted(const caf::error& why) {
  with_core(nullptr, [&](effects& out) { core.retire_all(now(), out); });
  degrade(why);
}

std::uint64_t pool_context::open() {
  std::lock_guard guard{reign_mutex_};
  closed_ = false;
  if (!draining_)
    core.reopen();
  return ++reign_;
}

void pool_context::drain() {
  std::lock_guard guard{reign_mutex_};
  draining_ = true;
  core.drain();
}

std::uint64_t pool_context::reign() const {
  std::lock_guard guard{reign_mutex_};
  return reign_;
}

bool pool_context::draining() const {
  std::lock_guard guard{reign_mutex_};
  return draining_;
}

void pool_context::close() {
  close(reign());
}

void pool_context::close(std::uint64_t reign) {
  with_core(nullptr, [&](effects& out) {
    std::lock_guard guard{reign_mutex_};
    if (reign != reign_)
      return;
    core.close(now(), out);
    closed_ = true;
  });
}

resized pool_context::resize(std::uint32_t size) {
  auto plan = plan_size(size, settings->min_size, settings->max_size,
                        settings->max_overflow != 0);
  resized result{core.size(), plan.size, std::move(plan.not_done)};
  auto recovered = with_core(nullptr, [&](effects& out) {
    return core.resize(result.after, now(), out);
  });
  if (result.after != result.before)
    tell("charmer.pool.resized", severity::info,
         "from " + std::to_string(result.before) + " to "
             + std::to_string(result.after) + " workers");
  if (recovered)
    tell("charmer.pool.recovered", severity::info,
         "a worker that was to go is wanted again");
  tell_initialised(); // those that are ready may be all that are wanted now
  return result;
}

namespace {

pool_member member_of(const pool_context::core_type::member& x) {
  return {x.name, x.incarnation, caf::actor_cast<caf::actor>(x.handle)};
}

} // namespace

std::vector<pool_member> pool_context::members() const {
  std::vector<pool_member> result;
  for (auto& x : core.members())
    result.push_back(member_of(x));
  return result;
}

std::vector<pool_member> pool_context::held(request_key lease) const {
  auto x = core.held(lease);
  return x ? std::vector{member_of(*x)} : std::vector<pool_member>{};
}

std::vector<worker_view> pool_context::views() const {
  std::vector<worker_view> result;
  for (auto& w : core.snapshot(now()).workers)
    if (auto known = info(w.incarnation);
        known && w.state == worker_state::ready)
      result.push_back({settings, w.worker, w.incarnation, std::move(*known),
                        static_cast<std::uint32_t>(w.running)});
  return result;
}

void pool_context::count_recycled(const std::string& reason) {
  std::lock_guard guard{parts_mutex_};
  ++recycled_[reason];
}

std::map<std::string, std::uint64_t> pool_context::recycled() const {
  std::lock_guard guard{parts_mutex_};
  return recycled_;
}

void pool_context::note_collections(collection_names x) {
  std::lock_guard guard{parts_mutex_};
  collections_ = std::move(x);
}

collection_names pool_context::collections() const {
  std::lock_guard guard{parts_mutex_};
  return collections_;
}

pool_stats pool_context::stats(bool with_memory) const {
  auto snapshot = core.snapshot(now());
  pool_stats result;
  result.pool = settings->name;
  result.supervisor = path;
  result.size = snapshot.size;
  result.overflow = snapshot.overflow;
  result.abandoned = snapshot.abandoned;
  result.next_worker = snapshot.next_worker;
  result.degraded = snapshot.degraded;
  result.draining = snapshot.draining;
  result.circuit_open = snapshot.circuit_open;
  result.waited = duration_stats_of(snapshot.waited);
  result.busy = duration_stats_of(snapshot.busy);
  result.waiting_bytes = snapshot.waiting_bytes;
  result.sessions = snapshot.sessions;
  result.counts = snapshot.counts;
  result.settings = settings_text;
  for (auto& w : snapshot.workers)
    result.workers.push_back(stats_of(std::move(w), with_memory));
  return result;
}

worker_stats pool_context::stats_of(worker_snapshot x, bool with_memory) const {
  worker_stats result;
  result.worker = std::move(x.worker);
  result.incarnation = x.incarnation;
  result.state = x.state;
  result.running = x.running;
  result.ahead = x.ahead;
  result.line = x.line;
  result.requests = x.requests;
  if (x.state != worker_state::starting)
    result.uptime = timespan{now() - x.since};
  result.overflow = x.overflow;
  result.held = x.held;
  result.task = std::move(x.task);
  result.runtime = x.running_for;
  if (auto known = with_memory ? info(x.incarnation) : std::nullopt)
    result.memory =
        ask_profile("get_memory", std::uint64_t{0},
                    [&](auto& profile) { return profile.get_memory(*known); });
  return result;
}

pool_status pool_context::status() const {
  auto snapshot = core.snapshot(now());
  pool_status result;
  for (auto& w : snapshot.workers)
    if (w.state == worker_state::ready)
      ++(w.idle ? result.idle_workers : result.busy_workers);
  result.overflow_workers = snapshot.overflow;
  result.circuit_open = snapshot.circuit_open;
  auto& c = snapshot.counts;
  result.queued_tasks = c.waiting;
  result.total_tasks_executed = c.replied + c.failed - c.unserved;
  result.total_tasks_failed = c.failed;
  return result;
}

} // namespace charmer
