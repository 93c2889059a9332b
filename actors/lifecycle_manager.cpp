#include "charmer/actors/lifecycle_manager.hpp"

#include "charmer/actors/recycling.hpp"
#include "charmer/supervision/messages.hpp"

#include <algorithm>

namespace charmer {

namespace {

using self_ptr = caf::stateful_actor<lifecycle_state>*;

// The shortest period at which anything is looked at.
constexpr timespan pulse = std::chrono::seconds(1);

// The same for each incarnation, evenly spread (Knuth's multiplicative hash).
double spread_of(std::uint64_t incarnation) {
  return static_cast<double>((incarnation * 2654435761u) % 1000) / 1000.0;
}

bool has_limits(const pool_settings& x) {
  return x.ttl != infinite || x.max_requests != 0 || x.memory_limit != 0;
}

void tell_recycled(const pool_context_ptr& ctx, const worker_stats& w,
                   recycle_reason why, std::uint64_t memory) {
  event x;
  x.name = "charmer.worker.recycled";
  x.path = ctx->path + "/workers";
  x.child = w.worker;
  x.text = w.worker + " was recycled: " + std::string{to_string(why)};
  x.uptime = w.uptime;
  x.set("count", 1);
  x.set("pool", ctx->settings->name);
  x.set("worker_id", w.worker);
  x.set("reason", to_string(why));
  x.set("uptime_seconds", std::chrono::duration<double>(w.uptime).count());
  x.set("request_count", w.requests);
  x.set("memory", memory);
  ctx->events->notify(std::move(x));
}

void replace(self_ptr self, const pool_context_ptr& ctx, const worker_stats& w,
             recycle_reason why, std::uint64_t memory) {
  auto supervisor = ctx->part(pool_part::worker_supervisor);
  if (!supervisor)
    return;
  auto pool = ctx->settings->name;
  auto id = w.worker;
  state_of(self).replacing[pool].insert(id);
  auto limit = ctx->settings->start_timeout + std::chrono::seconds(30);
  self->request(supervisor, limit, replace_child_atom_v, id)
      .then(
          [=](const caf::actor&) {
            state_of(self).replacing[pool].erase(id);
            tell_recycled(ctx, w, why, memory);
          },
          [=](const caf::error& e) {
            // The old one serves on; the next check tries again.
            state_of(self).replacing[pool].erase(id);
            ctx->tell("charmer.worker.recycle_failed", severity::warning,
                      id + " could not be replaced and serves on: "
                          + describe(cause_of(e) ? cause_of(e) : e));
          });
}

void check(self_ptr self, const pool_context_ptr& ctx) {
  auto& busy = state_of(self).replacing[ctx->settings->name];
  for (auto& w : ctx->stats().workers) {
    if (busy.size() >= surge_of(*ctx->settings))
      return;
    if (w.state != worker_state::ready || busy.count(w.worker) != 0)
      continue;
    worker_age age{w.uptime, w.requests, w.memory};
    if (auto why = due(*ctx->settings, age, spread_of(w.incarnation)))
      replace(self, ctx, w, *why, age.memory);
  }
}

void check_all(self_ptr self, pool_registry& pools) {
  auto& st = state_of(self);
  for (auto& ctx : pools.all()) {
    auto now = ctx->now();
    auto& last = st.checked.try_emplace(ctx->settings->name, now).first->second;
    if (!has_limits(*ctx->settings)
        || now - last < ctx->settings->lifecycle_check)
      continue;
    last = now;
    check(self, ctx);
  }
}

} // namespace

caf::behavior lifecycle_manager(self_ptr self,
                                std::shared_ptr<pool_registry> pools) {
  self->set_default_handler(caf::drop);
  send_later(self, pulse, check_atom_v);
  return {
      [=](check_atom) {
        check_all(self, *pools);
        send_later(self, pulse, check_atom_v);
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
