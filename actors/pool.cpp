#include "charmer/actors/pool.hpp"

#include "charmer/actors/worker.hpp"
#include "charmer/supervision/messages.hpp"

#include <random>

namespace charmer {

namespace {

using self_ptr = caf::stateful_actor<pool_state>*;

// Starts in a row that a signal ended before the pool counts as degraded.
constexpr std::uint32_t tolerated_kills = 3;

void fill(self_ptr self, const pool_context_ptr& ctx);

void fill_later(self_ptr self, const pool_context_ptr& ctx) {
  auto& st = state_of(self);
  thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_real_distribution<double> uniform;
  auto delay =
      ctx->settings->restart_backoff.delay(st.failures, uniform(random));
  send_later(self, delay, tick_atom_v, ++st.retry_number);
}

void started_one(self_ptr self, const pool_context_ptr& ctx,
                 const std::string& id) {
  auto& st = state_of(self);
  st.starting.erase(id);
  st.failures = 0;
  fill(self, ctx);
}

void not_started(self_ptr self, const pool_context_ptr& ctx,
                 const std::string& id, const caf::error& why) {
  auto& st = state_of(self);
  st.starting.erase(id);
  // The supervisor has it and restarts it by itself.
  if (why == supervision_errc::already_started)
    return;
  if (!st.starting.empty())
    return; // what comes of the others decides
  ++st.failures;
  fill_later(self, ctx);
  // A supervisor that is restarted itself says nothing about workers, and one
  // worker that somebody killed while it started says nothing about the next.
  auto cause = cause_of(why);
  auto killed = failure_of(cause).signal != 0 && st.failures < tolerated_kills;
  if (why == supervision_errc::start_failed && !killed)
    ctx->degrade(cause ? cause : why);
}

// A supervisor that does not answer ends or is being restarted itself.
timespan answer_limit(const pool_context_ptr& ctx, timespan work) {
  return work + ctx->settings->worker_shutdown + std::chrono::seconds(30);
}

void start_one(self_ptr self, const pool_context_ptr& ctx,
               const caf::actor& supervisor,
               const pool_context::core_type::vacancy& place) {
  auto id = place.worker;
  state_of(self).starting.insert(id);
  // The start has a limit of its own.
  self->request(supervisor, answer_limit(ctx, ctx->settings->start_timeout),
                start_child_atom_v, worker_child(ctx, place))
      .then([=](const caf::actor&) { started_one(self, ctx, id); },
            [=](const caf::error& why) { not_started(self, ctx, id, why); });
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

// Ends a worker for good: its supervisor is to forget it, too.
void stop_one(self_ptr self, const pool_context_ptr& ctx,
              const caf::actor& supervisor, const std::string& id) {
  state_of(self).stopping.insert(id);
  auto limit = answer_limit(ctx, std::chrono::seconds(0));
  auto done = [=] {
    state_of(self).stopping.erase(id);
    fill(self, ctx); // it may be wanted again by now
  };
  self->request(supervisor, limit, terminate_child_atom_v, id)
      .then(
          [=] {
            self->request(supervisor, limit, delete_child_atom_v, id)
                .then(done, [=](const caf::error&) { done(); });
          },
          [=](const caf::error&) { done(); });
}

void stop_leftovers(self_ptr self, const pool_context_ptr& ctx) {
  auto supervisor = ctx->part(pool_part::worker_supervisor);
  if (!supervisor)
    return;
  for (auto& id : ctx->core.leftovers())
    if (state_of(self).stopping.count(id) == 0)
      stop_one(self, ctx, supervisor, id);
}

// One of its requests does not stop. If the successor does not start, it has to
// go all the same, and its supervisor goes on trying.
void replace(self_ptr self, const pool_context_ptr& ctx,
             const std::string& id) {
  auto supervisor = ctx->part(pool_part::worker_supervisor);
  if (!supervisor)
    return; // all workers are being replaced
  self->request(supervisor, answer_limit(ctx, ctx->settings->start_timeout),
                replace_child_atom_v, id)
      .then([](const caf::actor&) {}, [](const caf::error&) {});
}

void look(self_ptr self, const pool_context_ptr& ctx) {
  stop_leftovers(self, ctx);
  fill(self, ctx);
}

} // namespace

caf::behavior pool(self_ptr self, pool_context_ptr ctx) {
  self->set_default_handler(caf::drop);
  self->set_error_handler([](caf::scheduled_actor*, caf::error&) {
    // An error that nobody asked for ends nothing here.
  });
  ctx->enter(pool_part::pool, self);
  self->send(self, look_atom_v);
  return {
      [=](look_atom) { look(self, ctx); },
      [=](replace_child_atom, const std::string& id) {
        replace(self, ctx, id);
      },
      [=](tick_atom, std::uint64_t number) {
        if (number == state_of(self).retry_number)
          look(self, ctx);
      },
  };
}

} // namespace charmer
