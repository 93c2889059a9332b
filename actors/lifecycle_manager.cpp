#include "charmer/actors/lifecycle_manager.hpp"

#include "charmer/actors/lifecycle_events.hpp"
#include "charmer/actors/replacing.hpp"
#include "charmer/actors/spread.hpp"
#include "charmer/supervision/messages.hpp"

#include <algorithm>

namespace charmer {

namespace {

using self_ptr = lifecycle_actor*;

// How often anything is looked at, unless settings ask for less than that.
constexpr timespan pulse = std::chrono::seconds(1);
constexpr timespan shortest_pulse = std::chrono::milliseconds(20);

// For how long the question after its health may wait at a worker that has
// become busy meanwhile: little, because its answer has so much longer then.
constexpr timespan question_may_wait = std::chrono::milliseconds(20);

// -- health -------------------------------------------------------------------

health_record* record_of(self_ptr self, const pool_context_ptr& ctx,
                         std::uint64_t incarnation) {
  auto known = find_watched(self, ctx->settings->name, incarnation);
  return known ? &known->health : nullptr;
}

// One for which there is no room now is asked again, and answers again.
void bad_answer(self_ptr self, const pool_context_ptr& ctx,
                const worker_view& w, const std::string& why, bool hangs) {
  auto record = record_of(self, ctx, w.incarnation);
  if (!record)
    return; // it is gone
  auto enough = record->bad_answer(*ctx->settings) || hangs;
  tell_ill(ctx, w.worker, record->failures(), why);
  if (enough)
    replace_ill(self, ctx, w.worker, w.incarnation);
}

// Errors that say nothing of the worker: it was busy, or is gone. Nobody
// cancels these questions: one that is cancelled was by the adapter itself.
bool says_nothing(const caf::error& e) {
  auto code = code_of(e);
  return code != pool_errc::exec_timeout && code != pool_errc::python_exception
         && code != pool_errc::bad_payload && code != pool_errc::unknown_command
         && code != pool_errc::cancelled;
}

// One that does not answer is ended by its pool after cancel_grace, as after
// any request; its successor need not wait for that.
void no_answer(self_ptr self, const pool_context_ptr& ctx, const worker_view& w,
               const caf::error& e) {
  if (!says_nothing(e))
    bad_answer(self, ctx, w, describe(e), e == pool_errc::exec_timeout);
  else if (auto record = record_of(self, ctx, w.incarnation))
    record->no_answer();
}

void ask(self_ptr self, const pool_context_ptr& ctx, const worker_view& w) {
  auto question =
      ctx->ask_profile("health_check", std::optional<health_question>{},
                       [&](auto& profile) { return profile.health_check(w); });
  auto record = record_of(self, ctx, w.incarnation);
  auto door = caf::actor_cast<caf::actor>(ctx->door());
  if (!question || !record || !door)
    return;
  record->ask(ctx->now());
  call_options how;
  how.queue_timeout = question_may_wait;
  how.timeout = question_may_wait + ctx->settings->health_timeout;
  how.strategy = {choice::this_worker, w.incarnation};
  request(self, door, caf::infinite, how, question->request)
      .then(
          [=, trouble = question->trouble](const reply& answer) {
            auto why = ctx->ask_profile(
                "health_question::trouble", std::optional<std::string>{},
                [&](auto&) { return std::optional{trouble(answer)}; });
            if (why && !why->empty())
              bad_answer(self, ctx, w, *why, false);
            else if (auto x = record_of(self, ctx, w.incarnation))
              why ? x->good_answer() : x->no_answer();
          },
          [=](const caf::error& e) { no_answer(self, ctx, w, e); });
}

// Only those that have room for the question: a busy one has a deadline that
// shows.
void check_health(self_ptr self, const pool_context_ptr& ctx,
                  const pool_stats& stats) {
  if (stats.circuit_open)
    return; // the breaker's next request is not to be one of ours
  auto capacity = ctx->ask_profile("get_capacity", 1u, [&](auto& profile) {
    return profile.get_capacity(*ctx->settings);
  });
  for (auto& w : stats.workers) {
    auto record = record_of(self, ctx, w.incarnation);
    auto busy = w.running >= capacity || w.ahead + w.line != 0;
    if (!record || busy || w.held || w.overflow
        || !record->due(*ctx->settings, ctx->now()))
      continue;
    if (auto info = ctx->info(w.incarnation))
      ask(self, ctx, {ctx->settings, w.worker, w.incarnation, *info, 0});
  }
}

// -- heartbeats ---------------------------------------------------------------

void see_progress(const pool_context_ptr& ctx, watched_worker& known,
                  const worker_stats& w, const worker_view& view) {
  auto finished =
      view.info.evidence ? view.info.evidence->finished() : w.requests;
  auto load =
      ctx->ask_profile("get_load", static_cast<std::uint32_t>(w.running),
                       [&](auto& profile) { return profile.get_load(view); });
  auto now = ctx->now();
  if (finished != known.finished || load == 0) {
    known.finished = finished;
    known.moved = now;
  }
  tell_heartbeat(ctx, w, load, finished, now - known.moved);
}

void tell_heartbeats(self_ptr self, const pool_context_ptr& ctx,
                     const pool_stats& stats) {
  auto& known = state_of(self).pools[ctx->settings->name];
  for (auto& w : stats.workers) {
    auto i = known.workers.find(w.incarnation);
    auto info = ctx->info(w.incarnation);
    if (i != known.workers.end() && info)
      see_progress(ctx, i->second, w,
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

// How often it is looked whose health is to be checked.
timespan health_look(const pool_settings& x) {
  return std::min(x.health_interval / 10, x.health_timeout / 2);
}

// How often it is looked how old they are. What they have answered is told by
// the core, but to nobody while there is no lifecycle manager.
timespan age_look(const pool_settings& x) {
  if (x.ttl == infinite && x.max_requests == 0)
    return infinite;
  return std::min({x.lifecycle_check, x.ttl / 20, pulse});
}

timespan memory_look(const pool_settings& x) {
  return x.memory_limit == 0 ? infinite : x.lifecycle_check;
}

// Looked at for the first time, a pool tells from now on who is worn.
watched_pool& watch(self_ptr self, const pool_context_ptr& ctx) {
  ctx->enter(pool_part::lifecycle_manager, self);
  auto now = ctx->now();
  return state_of(self)
      .pools
      .try_emplace(ctx->settings->name,
                   watched_pool{{}, now, now, now, {}, {}, {}})
      .first->second;
}

void check(self_ptr self, const pool_context_ptr& ctx) {
  auto& settings = *ctx->settings;
  auto now = ctx->now();
  auto& known = watch(self, ctx);
  auto ages = is_due(known.ages_seen, now, age_look(settings));
  auto memory = is_due(known.memory_seen, now, memory_look(settings));
  auto health = settings.health_interval != infinite
                && is_due(known.health_seen, now, health_look(settings));
  auto heartbeat = ctx->events->traced()
                   && is_due(known.heartbeat_told, now, settings.heartbeat);
  if (!ages && !memory && !health && !heartbeat)
    return;
  auto stats = ctx->stats(memory || heartbeat);
  see_workers(known, stats, now);
  if (ages || memory)
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
    result = std::min(
        {result, x.heartbeat, health_look(x), age_look(x), memory_look(x)});
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
  auto seconds = [](timespan t) {
    return std::chrono::duration<double>(t).count();
  };
  lifecycle_counts result;
  auto& limits = *x.settings;
  auto stats = x.stats();
  result.delayed = delayed(limits, stats);
  for (auto& w : stats.workers) {
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
  replace_default_handlers(self);
  pools->enter_manager(self);
  send_to_self(self, check_atom_v);
  return {
      [=](check_atom) { beat(self, *pools); },
      [=](look_atom, const std::string& pool) {
        if (auto ctx = pools->find(pool))
          check_limits(self, ctx, ctx->stats(false));
      },
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
