#include "charmer/actors/queue_manager.hpp"

namespace charmer {

namespace {

// So many requests are handed out before other actors get their turn.
constexpr std::size_t burst = 64;

void dispatch(caf::stateful_actor<queue_manager_state>* self,
              const pool_context_ptr& ctx) {
  auto more = ctx->with_core(self->context(), [&](auto& out) {
    return ctx->core.dispatch(burst, ctx->now(), out);
  });
  if (more)
    self->send(self, look_atom_v);
}

} // namespace

caf::behavior queue_manager(caf::stateful_actor<queue_manager_state>* self,
                            pool_context_ptr ctx) {
  self->set_default_handler(caf::drop);
  ctx->enter(pool_part::queue_manager, self);
  self->send(self, look_atom_v);
  return {[=](look_atom) { dispatch(self, ctx); }};
}

} // namespace charmer
