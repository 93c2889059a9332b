#include "charmer/actors/task_monitor.hpp"

namespace charmer {

namespace {

using self_ptr = caf::stateful_actor<task_monitor_state>*;

// A tick that is later than this means that the host itself stood still
// (stopped, starved): what the workers answered meanwhile lies in the pipes and
// is read before anybody's deadline is held against them.
constexpr timespan too_late = std::chrono::milliseconds(250);
constexpr timespan reading_time = std::chrono::milliseconds(250);

void arm(self_ptr self, const pool_context_ptr& ctx, time_point when) {
  auto& st = state_of(self);
  if (when >= st.pending)
    return;
  st.pending = when;
  auto now = ctx->now();
  auto delay = when > now ? timespan{when - now} : timespan{0};
  send_later(self, delay, tick_atom_v, ++st.generation);
}

void postpone(self_ptr self) {
  auto& st = state_of(self);
  st.postponed = true;
  send_later(self, reading_time, tick_atom_v, ++st.generation);
}

void tick(self_ptr self, const pool_context_ptr& ctx,
          std::uint64_t generation) {
  auto& st = state_of(self);
  if (generation != st.generation)
    return; // an earlier deadline came in between
  auto now = ctx->now();
  if (!st.postponed && now - st.pending > too_late) {
    postpone(self);
    return;
  }
  st.postponed = false;
  st.pending = time_point::max();
  ctx->with_core(self->context(),
                 [&](auto& out) { ctx->core.expire(now, out); });
}

} // namespace

caf::behavior task_monitor(self_ptr self, pool_context_ptr ctx) {
  replace_default_handlers(self);
  ctx->enter(pool_part::task_monitor, self);
  ctx->with_core(self->context(), [&](auto& out) { ctx->core.rearm(out); });
  return {
      [=](arm_atom, timespan since_epoch) {
        arm(self, ctx,
            time_point{
                std::chrono::duration_cast<time_point::duration>(since_epoch)});
      },
      [=](tick_atom, std::uint64_t generation) { tick(self, ctx, generation); },
  };
}

} // namespace charmer
