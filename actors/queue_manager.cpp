#include "charmer/actors/queue_manager.hpp"

#include "charmer/actors/strategies.hpp"

#include <algorithm>
#include <exception>

namespace charmer {

namespace {

using self_ptr = caf::stateful_actor<queue_manager_state>*;
using core_type = pool_context::core_type;

// So many requests are handed out before other actors get their turn.
constexpr std::size_t burst = 64;

bool dispatch(self_ptr self, const pool_context_ptr& ctx) {
  return ctx->with_core(self->context(), [&](auto& out) {
    return ctx->core.dispatch(burst, ctx->now(), out);
  });
}

// -- the application's strategies ---------------------------------------------

void see_members(queue_manager_state& st, const pool_context_ptr& ctx) {
  auto membership = ctx->core.membership();
  if (st.membership == membership)
    return;
  st.membership = membership;
  st.workers.clear();
  st.incarnations.clear();
  for (auto& x : ctx->core.members()) {
    st.workers.push_back(caf::actor_cast<caf::actor>(x.handle));
    st.incarnations.push_back(x.incarnation);
  }
}

void tell_failure(const pool_context_ptr& ctx, const std::string& why) {
  ctx->tell("charmer.strategy.failed", severity::error,
            why + "; the request waits for any available worker");
}

// The incarnation that the application chose; 0: its function failed; nothing:
// it chose none.
std::optional<std::uint64_t> choose(const queue_manager_state& st,
                                    const pool_context_ptr& ctx,
                                    std::uint64_t function) {
  auto f = find_strategy(function);
  if (!f) {
    tell_failure(ctx, "a request names a strategy that nobody registered");
    return 0;
  }
  caf::actor chosen;
  try {
    chosen = f(ctx->settings->name, st.workers);
  } catch (const std::exception& e) {
    tell_failure(ctx, std::string{"a strategy threw: "} + e.what());
    return 0;
  } catch (...) {
    tell_failure(ctx, "a strategy threw what is no std::exception");
    return 0;
  }
  auto i = std::find(st.workers.begin(), st.workers.end(), chosen);
  if (!chosen || i == st.workers.end())
    return std::nullopt;
  return st.incarnations[static_cast<std::size_t>(i - st.workers.begin())];
}

bool decide(self_ptr self, const pool_context_ptr& ctx) {
  auto open = ctx->core.undecided(burst);
  if (open.empty())
    return false;
  auto& st = state_of(self);
  see_members(st, ctx);
  // While nobody is ready, they wait for the first that is.
  for (auto& x : open) {
    auto chosen = st.workers.empty() ? 0 : choose(st, ctx, x.function);
    ctx->with_core(self->context(), [&](auto& out) {
      if (chosen)
        ctx->core.decide(x.reference, *chosen, ctx->now(), out);
      else
        ctx->core.decline(x.reference, ctx->now(), out);
    });
  }
  return open.size() == burst;
}

// -- the application's collections --------------------------------------------

void note(managed_queue& queue, const movement& x) {
  switch (x.what) {
    case movement::kind::request_waits:
      queue.request_waits({x.caller, x.reference});
      break;
    case movement::kind::request_gone:
      queue.request_gone(x.reference);
      break;
    case movement::kind::worker_idle:
      queue.worker_idle(x.reference, x.overflow);
      break;
    case movement::kind::worker_busy:
      queue.worker_busy(x.reference);
      break;
    case movement::kind::worker_gone:
      queue.worker_gone(x.reference);
      break;
  }
}

// A queue manager that has just begun, or did not look for too long.
void take_stock(managed_queue& queue, const pool_context_ptr& ctx) {
  queue.rebuild({});
  for (auto& x : ctx->core.occupation())
    note(queue, x);
}

void catch_up(managed_queue& queue, const pool_context_ptr& ctx) {
  if (auto changes = ctx->core.movements())
    for (auto& x : *changes)
      note(queue, x);
  else
    take_stock(queue, ctx);
}

void carry_out(self_ptr self, const pool_context_ptr& ctx,
               const managed_queue::assignment& x) {
  auto result = ctx->with_core(self->context(), [&](auto& out) {
    return ctx->core.assign(x.who.request, x.worker, ctx->now(), out);
  });
  // One of the two has changed meanwhile; the other one is to be had again.
  auto& queue = *state_of(self).collections;
  if (result == assignment_result::request_gone)
    queue.worker_idle(x.worker, x.overflow);
  else if (result == assignment_result::worker_busy)
    queue.put_back(x.who);
}

void tell_failures(managed_queue& queue, const pool_context_ptr& ctx) {
  auto reports = queue.take_reports();
  for (auto& text : reports)
    ctx->tell("charmer.collection.failed", severity::error, text);
  if (!reports.empty())
    ctx->note_collections(queue.names());
}

// Whether there is more.
bool assign(self_ptr self, const pool_context_ptr& ctx) {
  auto& queue = *state_of(self).collections;
  catch_up(queue, ctx);
  auto left = burst;
  while (left-- != 0) {
    auto next = queue.assign();
    if (!next)
      break;
    carry_out(self, ctx, *next);
  }
  tell_failures(queue, ctx);
  return left + 1 == 0;
}

void look(self_ptr self, const pool_context_ptr& ctx) {
  auto undecided = decide(self, ctx);
  auto queued =
      state_of(self).collections ? assign(self, ctx) : dispatch(self, ctx);
  if (undecided || queued)
    send_to_self(self, look_atom_v);
}

void open_collections(self_ptr self, const pool_context_ptr& ctx) {
  if (!has_collections(*ctx->settings))
    return;
  auto& queue =
      state_of(self).collections.emplace(collections_of(*ctx->settings));
  take_stock(queue, ctx);
  ctx->note_collections(queue.names());
}

} // namespace

caf::behavior queue_manager(self_ptr self, pool_context_ptr ctx) {
  replace_default_handlers(self);
  ctx->enter(pool_part::queue_manager, self);
  open_collections(self, ctx);
  send_to_self(self, look_atom_v);
  return {[=](look_atom) { look(self, ctx); }};
}

} // namespace charmer
