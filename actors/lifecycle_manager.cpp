#include "charmer/actors/lifecycle_manager.hpp"

#include "charmer/actors/recycling.hpp"
#include "charmer/supervision/errors.hpp"
#include "charmer/supervision/messages.hpp"

#include <algorithm>

namespace charmer {

namespace {

using self_ptr = caf::stateful_actor<lifecycle_state>*;

// How often anything is looked at, unless settings ask for less than that.
constexpr timespan pulse = std::chrono::seconds(1);
constexpr timespan shortest_pulse = std::chrono::milliseconds(20);

// How often age and requests are looked at. (Memory is asked of the operating
// system, and looked at every lifecycle_check.)
constexpr timespan count_look = std::chrono::seconds(1);

// For how long the question after its health may wait at a worker that has
// become busy meanwhile.
constexpr timespan question_may_wait = std::chrono::milliseconds(500);

double seconds(timespan x) {
  return std::chrono::duration<double>(x).count();
}

// The same for each incarnation, evenly spread (Knuth's multiplicative hash).
double spread_of(std::uint64_t incarnation) {
  return static_cast<double>((incarnation * 2654435761u) % 1000) / 1000.0;
}

bool counts_something(const pool_settings& x) {
  return x.ttl != infinite || x.max_requests != 0;
}

bool has_limits(const pool_settings& x) {
  return counts_something(x) || x.memory_limit != 0;
}

event event_of(const pool_context_ptr& ctx, std::string name,
               const std::string& worker) {
  event x;
  x.name = std::move(name);
  x.path = ctx->path + "/workers";
  x.child = worker;
  x.set("pool", ctx->settings->name);
  x.set("worker_id", worker);
  return x;
}

// -- replacing ----------------------------------------------------------------

void tell_recycled(const pool_context_ptr& ctx, const worker_stats& w,
                   recycle_reason why) {
  ctx->count_recycled(std::string{to_string(why)});
  auto x = event_of(ctx, "charmer.worker.recycled", w.worker);
  x.text = w.worker + " was recycled: " + std::string{to_string(why)};
  x.uptime = w.uptime;
  x.set("count", 1);
  x.set("reason", to_string(why));
  x.set("uptime_seconds", seconds(w.uptime));
  x.set("request_count", w.requests);
  x.set("memory", w.memory);
  ctx->events->notify(std::move(x));
}

void tell_not_recycled(const pool_context_ptr& ctx, const worker_stats& w,
                       recycle_reason why, const caf::error& cause) {
  auto x = event_of(ctx, "charmer.worker.recycle_failed", w.worker);
  x.level = severity::warning;
  x.text =
      w.worker + " could not be replaced and serves on: " + describe(cause);
  x.reason = cause;
  x.set("count", 1);
  x.set("reason", to_string(why));
  ctx->events->notify(std::move(x));
}

watched_worker* find_watched(self_ptr self, const pool_context_ptr& ctx,
                             std::uint64_t incarnation) {
  auto& workers = state_of(self).pools[ctx->settings->name].workers;
  auto i = workers.find(incarnation);
  return i == workers.end() ? nullptr : &i->second;
}

// What keeps one successor from starting may keep the next one, too.
void wait_before_next(self_ptr self, const pool_context_ptr& ctx,
                      const worker_stats& w) {
  if (auto known = find_watched(self, ctx, w.incarnation))
    known->not_before = ctx->now()
                        + ctx->settings->restart_backoff.delay(
                            ++known->refused, spread_of(w.incarnation));
}

// Whether a successor may be started for it now, unless somebody asks for one.
bool may_replace(self_ptr self, const pool_context_ptr& ctx,
                 const pool_stats& stats, const worker_stats& w) {
  auto& busy = state_of(self).pools[ctx->settings->name].replacing;
  auto known = find_watched(self, ctx, w.incarnation);
  return busy.size() < surge_of(*ctx->settings, stats.size)
         && busy.count(w.worker) == 0
         && (!known || known->not_before <= ctx->now());
}

// `done` is told once: nothing, or why the old one serves on.
void replace(
    self_ptr self, const pool_context_ptr& ctx, const worker_stats& w,
    recycle_reason why,
    std::function<void(caf::error)> done = [](caf::error) {}) {
  auto supervisor = ctx->part(pool_part::worker_supervisor);
  if (!supervisor) {
    done(make_error(pool_errc::pool_degraded,
                    "the workers' supervisor is being restarted"));
    return;
  }
  auto pool = ctx->settings->name;
  state_of(self).pools[pool].replacing.insert(w.worker);
  auto limit = ctx->settings->start_timeout + std::chrono::seconds(30);
  self->request(supervisor, limit, replace_child_atom_v, w.worker)
      .then(
          [=](const caf::actor&) {
            state_of(self).pools[pool].replacing.erase(w.worker);
            tell_recycled(ctx, w, why);
            done({});
          },
          [=](const caf::error& e) {
            // A later check tries again.
            state_of(self).pools[pool].replacing.erase(w.worker);
            if (e == supervision_errc::restarting) {
              // Its supervisor has not heard yet that it is ready.
              done(e);
              return;
            }
            wait_before_next(self, ctx, w);
            auto cause = cause_of(e) ? cause_of(e) : e;
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

void recycle(self_ptr self, const pool_context_ptr& ctx, const std::string& id,
             caf::response_promise answer) {
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

// -- limits -------------------------------------------------------------------

void check_limits(self_ptr self, const pool_context_ptr& ctx,
                  const pool_stats& stats) {
  for (auto& w : stats.workers) {
    if (w.state != worker_state::ready || !may_replace(self, ctx, stats, w))
      continue;
    worker_age age{w.uptime, w.requests, w.memory};
    if (auto why = due(*ctx->settings, age, spread_of(w.incarnation)))
      replace(self, ctx, w, *why);
  }
}

// -- health -------------------------------------------------------------------

health_record* record_of(self_ptr self, const pool_context_ptr& ctx,
                         std::uint64_t incarnation) {
  auto known = find_watched(self, ctx, incarnation);
  return known ? &known->health : nullptr;
}

void bad_answer(self_ptr self, const pool_context_ptr& ctx,
                const worker_view& w, const std::string& why) {
  auto record = record_of(self, ctx, w.incarnation);
  if (!record)
    return; // it is gone
  auto enough = record->bad_answer(*ctx->settings);
  auto x = event_of(ctx, "charmer.worker.health_check_failed", w.worker);
  x.level = severity::warning;
  x.text = w.worker + " is not well: " + why;
  x.set("count", 1);
  x.set("failures", record->failures());
  x.set("reason", why);
  ctx->events->notify(std::move(x));
  auto stats = ctx->stats();
  auto now = find_ready(stats, w.worker);
  // Of many that are ill at once, because of what they share, the others have
  // their turn with their next bad answer.
  if (enough && now && now->incarnation == w.incarnation
      && may_replace(self, ctx, stats, *now))
    replace(self, ctx, *now, recycle_reason::health);
}

// Errors that say nothing of the worker: it was busy, or is gone.
bool says_nothing(const caf::error& e) {
  auto code = code_of(e);
  return code != pool_errc::exec_timeout && code != pool_errc::python_exception
         && code != pool_errc::bad_payload
         && code != pool_errc::unknown_command;
}

// One that does not answer is replaced by its pool, as after any request.
void no_answer(self_ptr self, const pool_context_ptr& ctx, const worker_view& w,
               const caf::error& e) {
  if (!says_nothing(e))
    bad_answer(self, ctx, w, describe(e));
  else if (auto record = record_of(self, ctx, w.incarnation))
    record->no_answer();
}

void ask(self_ptr self, const pool_context_ptr& ctx, const worker_view& w) {
  auto question = ctx->profile->health_check(w);
  auto record = record_of(self, ctx, w.incarnation);
  auto door = caf::actor_cast<caf::actor>(ctx->door());
  if (!question || !record || !door)
    return;
  record->ask(ctx->now());
  call_options how;
  how.queue_timeout = question_may_wait;
  how.timeout = question_may_wait + ctx->settings->health_timeout;
  how.strategy = {choice::this_worker, w.incarnation};
  self->request(door, caf::infinite, how, question->request)
      .then(
          [=, trouble = question->trouble](const reply& answer) {
            if (auto why = trouble(answer); !why.empty())
              bad_answer(self, ctx, w, why);
            else if (auto x = record_of(self, ctx, w.incarnation))
              x->good_answer();
          },
          [=](const caf::error& e) { no_answer(self, ctx, w, e); });
}

// Only those that are idle: a busy one has a deadline that shows.
void check_health(self_ptr self, const pool_context_ptr& ctx,
                  const pool_stats& stats) {
  if (stats.circuit_open)
    return; // the breaker's next request is not to be one of ours
  for (auto& w : stats.workers) {
    auto record = record_of(self, ctx, w.incarnation);
    if (!record || w.running + w.ahead + w.line != 0 || w.held || w.overflow
        || !record->due(*ctx->settings, ctx->now()))
      continue;
    if (auto info = ctx->info(w.incarnation))
      ask(self, ctx, {ctx->settings, w.worker, w.incarnation, *info, 0});
  }
}

// -- heartbeats ---------------------------------------------------------------

void tell_heartbeat(const pool_context_ptr& ctx, watched_worker& known,
                    const worker_stats& w, const worker_view& view) {
  auto finished =
      view.info.evidence ? view.info.evidence->finished() : w.requests;
  auto load = ctx->profile->get_load(view);
  auto now = ctx->now();
  if (finished != known.finished || load == 0) {
    known.finished = finished;
    known.moved = now;
  }
  auto x = event_of(ctx, "charmer.worker.heartbeat", w.worker);
  x.level = severity::trace;
  x.set("incarnation", w.incarnation);
  x.set("load", load);
  x.set("finished", finished);
  x.set("silent_seconds", seconds(now - known.moved));
  x.set("memory", w.memory);
  x.set("command", w.task);
  ctx->events->notify(std::move(x));
}

void tell_heartbeats(self_ptr self, const pool_context_ptr& ctx,
                     const pool_stats& stats) {
  auto& known = state_of(self).pools[ctx->settings->name];
  for (auto& w : stats.workers) {
    auto i = known.workers.find(w.incarnation);
    auto info = ctx->info(w.incarnation);
    if (i != known.workers.end() && info)
      tell_heartbeat(ctx, i->second, w,
                     {ctx->settings, w.worker, w.incarnation, *info,
                      static_cast<std::uint32_t>(w.running)});
  }
}

// -- the pulse ----------------------------------------------------------------

bool is_due(time_point& last, time_point now, timespan period) {
  if (period == infinite || now - last < period)
    return false;
  last = now;
  return true;
}

// Those that are ready are known, and nobody else.
void see_workers(watched_pool& known, const pool_stats& stats, time_point now) {
  std::set<std::uint64_t> present;
  for (auto& w : stats.workers)
    if (w.state == worker_state::ready) {
      present.insert(w.incarnation);
      known.workers.try_emplace(
          w.incarnation,
          watched_worker{health_record{now, spread_of(w.incarnation)}, 0, now});
    }
  std::erase_if(known.workers,
                [&](auto& x) { return present.count(x.first) == 0; });
}

// How often it is looked whose health is to be checked.
timespan health_look(const pool_settings& x) {
  return std::min(x.health_interval / 10, x.health_timeout / 2);
}

// Whether a worker has reached its age or its requests.
bool is_anyone_due(const pool_context_ptr& ctx, const pool_stats& stats) {
  return std::any_of(stats.workers.begin(), stats.workers.end(), [&](auto& w) {
    return w.state == worker_state::ready
           && due(*ctx->settings, {w.uptime, w.requests, 0},
                  spread_of(w.incarnation));
  });
}

void check(self_ptr self, const pool_context_ptr& ctx) {
  auto& settings = *ctx->settings;
  auto now = ctx->now();
  auto& known =
      state_of(self)
          .pools
          .try_emplace(settings.name, watched_pool{now, now, now, now, {}, {}})
          .first->second;
  auto limits = has_limits(settings)
                && is_due(known.limits_seen, now, settings.lifecycle_check);
  auto counts =
      counts_something(settings) && is_due(known.counts_seen, now, count_look);
  auto health = settings.health_interval != infinite
                && is_due(known.health_seen, now, health_look(settings));
  auto heartbeat = ctx->events->traced()
                   && is_due(known.heartbeat_told, now, settings.heartbeat);
  if (!limits && !counts && !health && !heartbeat)
    return;
  auto stats = ctx->stats(limits || heartbeat);
  if (counts && !limits && is_anyone_due(ctx, stats)) {
    limits = true;
    stats = ctx->stats(true);
  }
  see_workers(known, stats, now);
  if (limits)
    check_limits(self, ctx, stats);
  if (health)
    check_health(self, ctx, stats);
  if (heartbeat)
    tell_heartbeats(self, ctx, stats);
}

// The shortest time in which something may become due.
timespan pulse_of(const pool_registry& pools) {
  auto result = pulse;
  for (auto& ctx : pools.all()) {
    auto& x = *ctx->settings;
    result = std::min({result, x.heartbeat, health_look(x)});
    if (has_limits(x))
      result = std::min(result, x.lifecycle_check);
  }
  return std::max(result, shortest_pulse);
}

void beat(self_ptr self, pool_registry& pools) {
  for (auto& ctx : pools.all())
    check(self, ctx);
  send_later(self, pulse_of(pools), check_atom_v);
}

} // namespace

lifecycle_counts counts_of(const pool_context& x) {
  lifecycle_counts result;
  auto& limits = *x.settings;
  for (auto& w : x.stats().workers) {
    if (w.state != worker_state::ready)
      continue;
    ++result.workers;
    result.requests += w.requests;
    if (limits.ttl != infinite)
      result.near_ttl += is_near(seconds(w.uptime), seconds(limits.ttl));
    result.near_max_requests +=
        is_near(static_cast<double>(w.requests),
                static_cast<double>(limits.max_requests));
  }
  result.recycled = x.recycled();
  return result;
}

caf::behavior lifecycle_manager(self_ptr self,
                                std::shared_ptr<pool_registry> pools) {
  self->set_default_handler(caf::drop);
  self->set_error_handler([](caf::scheduled_actor*, caf::error&) {
    // An error that nobody asked for ends nothing here.
  });
  pools->enter_manager(self);
  send_later(self, pulse_of(*pools), check_atom_v);
  return {
      [=](check_atom) { beat(self, *pools); },
      [=](recycle_atom, const std::string& pool, const std::string& worker) {
        auto answer = self->make_response_promise();
        if (auto ctx = pools->find(pool))
          recycle(self, ctx, worker, answer);
        else
          answer.deliver(make_error(pool_errc::no_such_pool,
                                    "there is no pool \"" + pool + '"'));
        return answer;
      },
  };
}

child_spec lifecycle_child(std::shared_ptr<pool_registry> pools) {
  child_spec result;
  result.id = "lifecycle_manager";
  result.start = [=](const start_context& where) -> caf::expected<started> {
    return started{where.self->spawn(lifecycle_manager, pools)};
  };
  result.stop = shutdown::after(std::chrono::seconds(1));
  return result;
}

} // namespace charmer
