#include "charmer/actors/replacing.hpp"

#include "charmer/actors/lifecycle_events.hpp"
#include "charmer/actors/spread.hpp"
#include "charmer/supervision/errors.hpp"
#include "charmer/supervision/messages.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace charmer {

namespace {

// The next attempt comes later and later, as with any child.
void put_off(lifecycle_actor* self, const pool_context_ptr& ctx,
             std::uint64_t incarnation) {
  auto known = find_watched(self, ctx->settings->name, incarnation);
  if (!known)
    return;
  thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_real_distribution<double> uniform;
  known->retry_at = ctx->now()
                    + ctx->settings->restart_backoff.delay(
                        ++known->failed_starts, uniform(random));
}

// Its supervisor does not know it any more, or as one that is being stopped.
bool was_let_go(const caf::error& e) {
  return e == supervision_errc::replaced || e == supervision_errc::not_found
         || e == supervision_errc::not_running;
}

// `done` is told once: nothing, or why the old one serves on.
void replace(
    lifecycle_actor* self, const pool_context_ptr& ctx, worker_stats w,
    recycle_reason why,
    std::function<void(caf::error)> done = [](caf::error) {}) {
  auto supervisor = ctx->part(pool_part::worker_supervisor);
  if (!supervisor) {
    done(make_error(pool_errc::pool_degraded,
                    "the workers' supervisor is being restarted"));
    return;
  }
  auto pool = ctx->settings->name;
  if (auto known = ctx->info(w.incarnation))
    w.memory = ctx->ask_profile("get_memory", w.memory, [&](auto& profile) {
      return profile.get_memory(*known);
    });
  state_of(self).pools[pool].replacing.insert(w.worker);
  auto limit = ctx->settings->start_timeout + std::chrono::seconds(30);
  request(self, supervisor, limit, replace_child_atom_v, w.worker)
      .then(
          [=](const caf::actor&) {
            state_of(self).pools[pool].replacing.erase(w.worker);
            tell_recycled(ctx, w, why);
            done({});
            // Who had to wait because of max_surge waits no longer.
            check_limits(self, ctx, ctx->stats(false));
          },
          [=](const caf::error& e) {
            state_of(self).pools[pool].replacing.erase(w.worker);
            if (e == supervision_errc::restarting) {
              // Its supervisor has not heard yet that it is ready.
              done(e);
              return;
            }
            if (was_let_go(e)) {
              done(make_error(pool_errc::no_available_worker,
                              "worker \"" + w.worker + "\" of pool \"" + pool
                                  + "\" was stopped before its successor was "
                                    "ready, as in a pool that shrinks"));
              return;
            }
            auto cause = cause_of(e) ? cause_of(e) : e;
            if (cause == caf::exit_reason::user_shutdown) {
              done(make_error(pool_errc::shutting_down,
                              "the pool is being stopped"));
              return;
            }
            put_off(self, ctx, w.incarnation);
            tell_not_recycled(ctx, w, why, cause);
            done(make_error(pool_errc::start_failed, failure_of(cause)));
          });
}

const worker_stats* find_ready(const pool_stats& pool, const std::string& id) {
  for (auto& w : pool.workers)
    if (w.worker == id && w.state == worker_state::ready)
      return &w;
  return nullptr;
}

// Those that have a successor already and still finish what they have.
std::vector<const worker_stats*> draining(const pool_stats& stats) {
  std::set<std::string_view> ready;
  for (auto& w : stats.workers)
    if (w.state == worker_state::ready)
      ready.insert(w.worker);
  std::vector<const worker_stats*> result;
  for (auto& w : stats.workers)
    if (w.state == worker_state::retiring && ready.count(w.worker) != 0)
      result.push_back(&w);
  return result;
}

// Whether it may be replaced now: it is ready, its turn has come, and not too
// many successors are being started.
bool may_replace(lifecycle_actor* self, const pool_context_ptr& ctx,
                 const pool_stats& stats, const worker_stats& w) {
  auto& busy = state_of(self).pools[ctx->settings->name].replacing;
  auto known = find_watched(self, ctx->settings->name, w.incarnation);
  return w.state == worker_state::ready && busy.count(w.worker) == 0
         && busy.size() < surge_of(*ctx->settings, stats.size)
         && (!known || ctx->now() >= known->retry_at);
}

// Who is past a limit, and why.
std::optional<recycle_reason> due_now(const pool_settings& settings,
                                      const worker_stats& w) {
  if (w.state != worker_state::ready)
    return std::nullopt;
  return due(settings, {w.uptime, w.requests, w.memory},
             spread_of(w.incarnation));
}

// How many may have a successor and still be there. One call without end is not
// to hold anybody back.
std::size_t most_draining(const pool_settings& settings,
                          const pool_stats& stats) {
  return std::max<std::size_t>(2, stats.size + settings.max_overflow);
}

// Names the one that has run something for longest. Those in their teardown,
// which has an end of its own, and soon, are nothing to tell.
void tell_of_delay(watched_pool& known, const pool_context_ptr& ctx,
                   const pool_stats& stats,
                   std::vector<const worker_stats*> still_there) {
  std::erase_if(still_there, [](auto w) { return w->running == 0; });
  auto waiting = delayed(*ctx->settings, stats);
  if (waiting == 0 || still_there.size() < most_draining(*ctx->settings, stats)
      || !known.delay.is_due(ctx->now()))
    return;
  auto longest =
      *std::max_element(still_there.begin(), still_there.end(),
                        [](auto a, auto b) { return a->runtime < b->runtime; });
  tell_delayed(ctx, *longest, still_there.size(), waiting);
}

} // namespace

watched_worker* find_watched(lifecycle_actor* self, const std::string& pool,
                             std::uint64_t incarnation) {
  auto& workers = state_of(self).pools[pool].workers;
  auto i = workers.find(incarnation);
  return i == workers.end() ? nullptr : &i->second;
}

void see_workers(watched_pool& known, const pool_stats& stats, time_point now) {
  std::set<std::uint64_t> present;
  for (auto& w : stats.workers)
    if (w.state == worker_state::ready) {
      present.insert(w.incarnation);
      known.workers.try_emplace(
          w.incarnation,
          watched_worker{health_record{now, spread_of(w.incarnation)}, now});
    }
  std::erase_if(known.workers,
                [&](auto& x) { return present.count(x.first) == 0; });
}

std::size_t delayed(const pool_settings& settings, const pool_stats& stats) {
  if (draining(stats).size() < most_draining(settings, stats))
    return 0;
  return static_cast<std::size_t>(
      std::count_if(stats.workers.begin(), stats.workers.end(),
                    [&](auto& w) { return due_now(settings, w).has_value(); }));
}

void check_limits(lifecycle_actor* self, const pool_context_ptr& ctx,
                  const pool_stats& stats) {
  auto& known = state_of(self).pools[ctx->settings->name];
  see_workers(known, stats, ctx->now());
  auto still_there = draining(stats);
  if (still_there.size() >= most_draining(*ctx->settings, stats)) {
    tell_of_delay(known, ctx, stats, std::move(still_there));
    return;
  }
  known.delay.rest(ctx->now());
  for (auto& w : stats.workers)
    if (auto why = due_now(*ctx->settings, w);
        why && may_replace(self, ctx, stats, w))
      replace(self, ctx, w, *why);
}

void replace_ill(lifecycle_actor* self, const pool_context_ptr& ctx,
                 const std::string& id, std::uint64_t incarnation) {
  auto stats = ctx->stats(false);
  auto w = find_ready(stats, id);
  if (w && w->incarnation == incarnation && may_replace(self, ctx, stats, *w))
    replace(self, ctx, *w, recycle_reason::health);
}

void recycle(lifecycle_actor* self, const pool_context_ptr& ctx,
             const std::string& id, caf::response_promise answer) {
  auto& pool = ctx->settings->name;
  auto stats = ctx->stats();
  auto w = find_ready(stats, id);
  if (!w || state_of(self).pools[pool].replacing.count(id) != 0) {
    answer.deliver(make_error(pool_errc::no_available_worker,
                              "pool \"" + pool + "\" has no worker \"" + id
                                  + "\" that is ready and not being replaced"));
    return;
  }
  auto done = [=](caf::error why) {
    auto promise = answer;
    if (why == supervision_errc::restarting)
      recycle(self, ctx, id, std::move(promise));
    else if (why)
      promise.deliver(std::move(why));
    else
      promise.deliver(caf::unit);
  };
  replace(self, ctx, *w, recycle_reason::manual, std::move(done));
}

} // namespace charmer
