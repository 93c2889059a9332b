#include "charmer/actors/pool.hpp"

#include "charmer/actors/worker.hpp"
#include "charmer/supervision/messages.hpp"

#include <algorithm>
#include <random>

namespace charmer {

namespace {

using self_ptr = caf::stateful_actor<pool_state>*;

// Starts in a row that a signal ended before the pool counts as degraded.
constexpr std::uint32_t tolerated_kills = 3;

// How soon it is looked again whether a supervisor has heard of a death.
constexpr timespan a_moment = std::chrono::milliseconds(1);

using vacancy = pool_context::core_type::vacancy;

void fill(self_ptr self, const pool_context_ptr& ctx);

// Before the next try, after so many in a row that have failed.
timespan pause_after(std::uint32_t failures, const pool_context_ptr& ctx) {
  thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_real_distribution<double> uniform;
  return ctx->settings->restart_backoff.delay(failures, uniform(random));
}

void fill_later(self_ptr self, const pool_context_ptr& ctx) {
  auto& st = state_of(self);
  send_later(self, pause_after(st.failures, ctx), tick_atom_v,
             ++st.retry_number);
}

void started_one(self_ptr self, const pool_context_ptr& ctx,
                 const std::string& id) {
  auto& st = state_of(self);
  st.starting.erase(id);
  st.failed = {};
  st.failures = 0;
  fill(self, ctx);
}

// None of those that were asked for has been started.
void all_failed(self_ptr self, const pool_context_ptr& ctx,
                const caf::error& why) {
  auto& st = state_of(self);
  ++st.failures;
  fill_later(self, ctx);
  // A supervisor that is restarted itself says nothing about workers, and one
  // worker that somebody killed while it started says nothing about the next.
  auto cause = cause_of(why);
  auto killed = failure_of(cause).signal != 0 && st.failures < tolerated_kills;
  if (why == supervision_errc::start_failed && !killed)
    ctx->degrade(cause ? cause : why);
}

// Its supervisor has it, as far as it knows: it is about to forget it, restarts
// it by itself, or is starting it for somebody who has been killed since.
bool is_there(const caf::error& why) {
  return why == supervision_errc::already_started
         || why == supervision_errc::running
         || why == supervision_errc::restarting;
}

void not_started(self_ptr self, const pool_context_ptr& ctx,
                 const vacancy& place, const caf::error& why) {
  auto& st = state_of(self);
  st.starting.erase(place.worker);
  if (is_there(why) && place.seat == no_index)
    send_later(self, a_moment, look_atom_v);
  else if (!st.failed || !is_there(why))
    st.failed = why;
  // What comes of the others decides.
  if (st.starting.empty() && st.failed)
    all_failed(self, ctx, std::exchange(st.failed, {}));
}

// A supervisor that does not answer ends or is being restarted itself.
timespan answer_limit(const pool_context_ptr& ctx, timespan work) {
  return work + ctx->settings->worker_shutdown + std::chrono::seconds(30);
}

// Somebody had its supervisor stop it, which keeps it.
void start_again(self_ptr self, const pool_context_ptr& ctx,
                 const caf::actor& supervisor, const vacancy& place) {
  request(self, supervisor, answer_limit(ctx, ctx->settings->start_timeout),
          restart_child_atom_v, place.worker)
      .then([=](const caf::actor&) { started_one(self, ctx, place.worker); },
            [=](const caf::error& why) { not_started(self, ctx, place, why); });
}

void start_one(self_ptr self, const pool_context_ptr& ctx,
               const caf::actor& supervisor, const vacancy& place) {
  state_of(self).starting.insert(place.worker);
  // The start has a limit of its own.
  request(self, supervisor, answer_limit(ctx, ctx->settings->start_timeout),
          start_child_atom_v, worker_child(ctx, place))
      .then([=](const caf::actor&) { started_one(self, ctx, place.worker); },
            [=](const caf::error& why) {
              if (why == supervision_errc::already_present)
                start_again(self, ctx, supervisor, place);
              else
                not_started(self, ctx, place, why);
            });
}

// Starts what is missing, a bounded number at once.
void fill(self_ptr self, const pool_context_ptr& ctx) {
  auto supervisor = ctx->part(pool_part::worker_supervisor);
  if (!supervisor)
    return; // its start wakes us again
  auto& st = state_of(self);
  auto batch = ctx->settings->start_batch;
  for (auto& place : ctx->core.vacancies(batch + st.stopping.size())) {
    if (st.starting.size() >= batch)
      return;
    if (st.starting.count(place.worker) == 0
        && st.stopping.count(place.worker) == 0)
      start_one(self, ctx, supervisor, place);
  }
}

// Ends a worker for good: its supervisor is to forget it, too, so that its
// place can be filled again however long it takes to end.
void stop_one(self_ptr self, const pool_context_ptr& ctx,
              const pool_context::core_type::leftover& x) {
  auto where = ctx->place_of(x.incarnation);
  auto supervisor = caf::actor_cast<caf::actor>(where.supervisor);
  if (!supervisor)
    return; // it ends with that
  state_of(self).stopping.insert(x.name);
  auto done = [=, id = x.name] {
    state_of(self).stopping.erase(id);
    fill(self, ctx);
  };
  request(self, supervisor, answer_limit(ctx, std::chrono::seconds(0)),
          retire_child_atom_v, where.token)
      .then(done, [=](const caf::error&) { done(); });
}

void stop_leftovers(self_ptr self, const pool_context_ptr& ctx) {
  for (auto& x : ctx->core.leftovers())
    stop_one(self, ctx, x);
}

// Whether it is there yet, and nobody in its place: if it had ended, its
// supervisor would start another.
bool has_no_successor(const pool_context_ptr& ctx, const std::string& id) {
  auto all = ctx->stats(false).workers;
  std::erase_if(all, [&](auto& w) { return w.worker != id; });
  return !all.empty() && std::all_of(all.begin(), all.end(), [](auto& w) {
    return w.state != worker_state::ready && w.state != worker_state::starting;
  });
}

// One of its requests does not stop: it has to go, also if its successor does
// not start at once.
void replace(self_ptr self, const pool_context_ptr& ctx, const std::string& id,
             std::uint32_t attempt) {
  auto supervisor = ctx->part(pool_part::worker_supervisor);
  if (!supervisor)
    return; // all workers are being replaced
  request(self, supervisor, answer_limit(ctx, ctx->settings->start_timeout),
          replace_child_atom_v, id)
      .then([](const caf::actor&) {},
            [=](const caf::error&) {
              send_later(self, pause_after(attempt, ctx), replace_child_atom_v,
                         id, attempt);
            });
}

void look(self_ptr self, const pool_context_ptr& ctx) {
  stop_leftovers(self, ctx);
  fill(self, ctx);
}

} // namespace

caf::behavior pool(self_ptr self, pool_context_ptr ctx) {
  replace_default_handlers(self);
  ctx->enter(pool_part::pool, self);
  send_to_self(self, look_atom_v);
  return {
      [=](look_atom) { look(self, ctx); },
      [=](replace_child_atom, const std::string& id) {
        replace(self, ctx, id, 1);
      },
      [=](replace_child_atom, const std::string& id, std::uint32_t attempt) {
        if (has_no_successor(ctx, id))
          replace(self, ctx, id, attempt + 1);
      },
      [=](tick_atom, std::uint64_t number) {
        if (number == state_of(self).retry_number)
          look(self, ctx);
      },
  };
}

} // namespace charmer
