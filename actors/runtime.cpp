#include "charmer/actors/runtime.hpp"

#include "charmer/actors/lifecycle_manager.hpp"
#include "charmer/actors/pool_tree.hpp"
#include "charmer/actors/runtime_state.hpp"
#include "charmer/supervision/event_manager.hpp"
#include "charmer/supervision/supervisor.hpp"

#include <algorithm>

namespace charmer {

namespace {

using std::chrono::steady_clock;
using state_ptr = std::shared_ptr<runtime_state>;

/// Whatever happens to it, it takes no pool along, and is there again.
child_spec lasting(child_spec x) {
  x.intensity = restart_intensity::unlimited();
  x.retry = backoff{};
  return x;
}

steady_clock::time_point after(timespan limit) {
  auto now = steady_clock::now();
  return limit >= steady_clock::time_point::max() - now
             ? steady_clock::time_point::max()
             : now + limit;
}

timespan until(steady_clock::time_point limit) {
  auto now = steady_clock::now();
  return limit > now ? limit - now : timespan{0};
}

// What is longer has no end as far as anybody can tell, and overflows nothing.
timespan bounded(timespan limit) {
  return std::min<timespan>(limit, std::chrono::hours(24 * 365));
}

// A request from outside of any actor, answered with Results. An actor makes
// it, because that hears of it if who is asked ends, and will not answer any
// more.
template <class... Results, class... Ts>
caf::error ask(const state_ptr& st, const caf::actor& whom, timespan limit,
               Ts... xs) {
  caf::scoped_actor self{st->system};
  auto result = std::make_shared<caf::error>();
  self->spawn<caf::monitored>([=](caf::event_based_actor* asker) {
    auto done = [=](caf::error why) {
      *result = std::move(why);
      asker->demonitor(whom); // which would remember it else
      asker->quit();
    };
    when_down(asker, [=](const auto&, const caf::error&) {
      done(make_error(pool_errc::shutting_down,
                      "who was asked ended before it had answered; whether it "
                      "was done is not known"));
    });
    request(asker, whom, limit, xs...)
        .then([=](const Results&...) { done({}); },
              [=](caf::error& e) { done(std::move(e)); });
    // After the request: what is answered at once comes before the end is told.
    asker->monitor(whom);
  });
  await_down(self, bounded(infinite)); // the limit is that of the request
  return std::move(*result);
}

// Waits for the end of an actor that was asked to end, then kills it.
caf::error stop_and_wait(const state_ptr& st, const caf::actor& whom,
                         timespan limit) {
  caf::scoped_actor self{st->system};
  self->monitor(whom);
  ask_to_stop(whom);
  if (await_down(self, limit))
    return {};
  kill(whom);
  await_down(self, std::chrono::seconds(1));
  return make_error(pool_errc::shutting_down,
                    "not everything stopped in time; the rest was killed");
}

struct name_claim {
  ~name_claim() { state.release(name); }

  runtime_state& state;
  const std::string& name;
};

// How long to wait for what was accepted: no longer than half of the limit, and
// not for what the workers need to stop afterwards.
timespan drain_time(const pool_settings& x, timespan limit) {
  auto half = limit / 2;
  auto rest = limit - std::chrono::seconds(1);
  return x.worker_shutdown < rest ? std::min(half, rest - x.worker_shutdown)
                                  : half; // it is too short for that anyway
}

// Asks the root to end a pool, once what was accepted is finished or the time
// for that is over.
caf::error end_in_order(const state_ptr& st, const caf::actor& root,
                        pool_context& ctx, const std::string& id,
                        steady_clock::time_point end) {
  auto limit = until(end);
  ctx.drain();
  if (!ctx.settings->pool_sup_shutdown.kills_at_once())
    ctx.core.wait_until_empty(after(drain_time(*ctx.settings, limit)));
  return ask(st, root, until(end), terminate_child_atom_v, id);
}

// How long that may take which happens at once.
constexpr timespan killing_limit = std::chrono::seconds(10);

// Answers what was accepted and kills the tree.
caf::error end_at_once(const state_ptr& st, const caf::actor& root,
                       pool_context& ctx, const std::string& id) {
  ctx.drain();
  ctx.close();
  return ask(st, root, killing_limit, kill_child_atom_v, id);
}

// The end of a pool that has stopped: a worker that had to be killed tells of
// its death afterwards. That takes a moment, also when there was no time.
void bury(pool_registry& pools, pool_context& ctx,
          steady_clock::time_point limit) {
  ctx.core.wait_until_vacant(std::clamp(limit, after(std::chrono::seconds(1)),
                                        after(std::chrono::seconds(5))));
  ctx.close();
  pools.leave(ctx.settings->name);
}

// The same of one that may be started again: nobody has its name any more.
void forget(const state_ptr& st, pool_context& ctx,
            steady_clock::time_point limit) {
  bury(*st->pools, ctx, limit);
  auto& name = ctx.settings->name;
  st->events->remove(watching_overruns(name, default_overrun_handler, {}).name);
  std::lock_guard guard{st->mutex};
  st->handles.erase(name);
}

// Waits until a pool that was told to end has ended, and forgets it. False: it
// has not.
// @param said what the root says of the order
bool forget_ended(const state_ptr& st, const caf::actor& root,
                  pool_context& ctx, const caf::error& said,
                  steady_clock::time_point end) {
  // With the root everything stops, or has stopped.
  auto is_over = !said || is(said, supervision_errc::not_found)
                 || has_ended(root)
                 || (is(said, supervision_errc::shutting_down)
                     && ctx.core.wait_until_vacant(end));
  if (!is_over)
    return false;
  // If the root does not get round to it, whoever starts the pool again is told
  // of it; there is none any more either way.
  ask(st, root, std::chrono::seconds(1), delete_child_atom_v,
      "pool " + ctx.settings->name);
  forget(st, ctx, end);
  return true;
}

// Observers end with what they observe, whoever still holds the hub; and before
// a stop returns, unless they are slow.
void end_observers(const state_ptr& st) {
  caf::scoped_actor self{st->system};
  auto end = after(2 * event_hub::drain_limit);
  auto open = 0;
  for (auto& x : st->events->which()) {
    if (auto host = st->events->host(x.name)) {
      self->monitor(host);
      ++open;
    }
    st->events->remove(x.name);
  }
  while (open-- > 0 && await_down(self, until(end))) {
  }
}

caf::error not_ready(const pool_context& ctx) {
  failure f;
  auto why = ctx.core.last_error();
  if (why)
    f = failure_of(*why);
  f.pool = ctx.settings->name;
  f.text = why ? f.text : "no worker of the pool was ready in time";
  return make_error(pool_errc::start_failed, std::move(f));
}

// One pool that is broken does not keep the others from being waited for.
caf::error
await_workers(const state_ptr& st, timespan limit,
              const std::function<std::size_t(std::size_t size)>& wanted) {
  auto end = after(limit);
  caf::error first;
  for (auto& ctx : st->pools->all()) {
    auto count = wanted(ctx->core.size());
    if (!ctx->core.wait_until_ready(count, end) && !first)
      first = not_ready(*ctx);
  }
  return first;
}

} // namespace

// -- runtime ------------------------------------------------------------------

runtime::runtime(std::shared_ptr<runtime_state> state)
    : state_(std::move(state)) {
  // nop
}

runtime::runtime(runtime&&) noexcept = default;

runtime& runtime::operator=(runtime&& other) noexcept {
  if (this != &other) {
    if (state_)
      stop();
    state_ = std::move(other.state_);
  }
  return *this;
}

runtime::~runtime() {
  if (state_)
    stop();
}

caf::expected<pool_handle> runtime::pool(const std::string& name) const {
  std::lock_guard guard{state_->mutex};
  auto i = state_->handles.find(name);
  if (i != state_->handles.end())
    return i->second;
  std::string known;
  for (auto& [id, handle] : state_->handles)
    known += (known.empty() ? "" : ", ") + id;
  return make_error(pool_errc::no_such_pool,
                    "there is no pool \"" + name
                        + "\"; there are: " + (known.empty() ? "none" : known));
}

caf::expected<pool_handle> runtime::start_pool(pool_settings x) {
  auto name = x.name;
  auto end = after(std::chrono::seconds(10));
  if (!state_->claim(name, end))
    return make_error(pool_errc::already_started,
                      "pool \"" + name
                          + "\" is being started or stopped elsewhere");
  name_claim mine{*state_, name};
  // Now, since a stop waits for those that hold a name.
  auto root = state_->top();
  if (!root)
    return make_error(pool_errc::shutting_down, "the runtime was stopped");
  // One whose stop was given up by who had asked for it has to be over, too.
  if (auto old = state_->pools->find(name); old && old->draining()) {
    auto said =
        ask(state_, root, until(end), terminate_child_atom_v, "pool " + name);
    if (!forget_ended(state_, root, *old, said, end))
      return make_error(pool_errc::already_started,
                        "pool \"" + name + "\" is still being stopped");
  }
  auto plan =
      plan_pool(state_->system, resolved(std::move(x), state_->configured),
                state_->events, *state_->pools, "root");
  if (!plan)
    return plan.error();
  if (auto err = ask<caf::actor>(state_, root, std::chrono::seconds(10),
                                 start_child_atom_v, plan->spec)) {
    forget(state_, *plan->context, {});
    return err;
  }
  std::lock_guard guard{state_->mutex};
  state_->handles.insert_or_assign(name, plan->handle);
  return plan->handle;
}

caf::error runtime::stop_pool(const std::string& name, timespan limit) {
  auto late = [&] {
    return make_error(pool_errc::shutting_down,
                      "pool \"" + name
                          + "\" did not stop in time and is still stopping; "
                            "stop it again to wait for it");
  };
  auto at_once = limit <= timespan{0};
  auto end = after(at_once ? killing_limit : bounded(limit));
  if (!state_->claim(name, end))
    return late();
  name_claim mine{*state_, name};
  auto root = state_->top();
  auto ctx = state_->pools->find(name);
  if (!ctx || !root)
    return {};
  auto id = "pool " + name;
  auto err = at_once ? end_at_once(state_, root, *ctx, id)
                     : end_in_order(state_, root, *ctx, id, end);
  return forget_ended(state_, root, *ctx, err, end) ? caf::error{} : late();
}

caf::error runtime::await_ready(timespan limit) {
  return await_workers(state_, limit,
                       [](std::size_t size) { return size == 0 ? 0u : 1u; });
}

caf::error runtime::await_all(timespan limit) {
  return await_workers(state_, limit, [](std::size_t size) { return size; });
}

caf::error runtime::recycle_worker(const std::string& pool,
                                   const std::string& worker) {
  auto ctx = state_->pools->find(pool);
  if (!ctx)
    return no_pool(pool);
  auto manager = state_->pools->manager();
  if (!manager)
    return make_error(pool_errc::shutting_down,
                      "the lifecycle manager is not there at present");
  auto limit = ctx->settings->start_timeout + std::chrono::seconds(40);
  return ask(state_, manager, limit, recycle_atom_v, pool, worker);
}

caf::actor runtime::supervisor() const {
  return state_->top();
}

caf::expected<supervision_tree> runtime::tree(timespan limit) const {
  auto root = state_->top();
  if (!root)
    return make_error(pool_errc::shutting_down, "the runtime was stopped");
  caf::expected<supervision_tree> result{caf::sec::none};
  caf::scoped_actor self{state_->system};
  request_tree(self, root, limit)
      .receive([&](supervision_tree& x) { result = std::move(x); },
               [&](caf::error& e) { result = std::move(e); });
  return result;
}

caf::error runtime::stop(timespan limit) {
  auto& st = *state_;
  // Whoever asks as well waits for the same end.
  std::lock_guard stopping{st.stopping};
  caf::actor root;
  {
    std::lock_guard guard{st.mutex};
    root = std::exchange(st.root, nullptr);
  }
  if (!root)
    return st.outcome;
  auto total =
      bounded(limit == timespan{0} ? st.configured.stop_timeout : limit);
  auto end = after(total);
  auto drained = after(total / 2);
  st.await_unclaimed(drained);
  for (auto& ctx : st.pools->all()) {
    ctx->drain();
    ctx->stops_within(total, until(end));
  }
  for (auto& ctx : st.pools->all())
    ctx->core.wait_until_empty(drained);
  st.outcome = stop_and_wait(state_, root, until(end));
  for (auto& ctx : st.pools->all())
    bury(*st.pools, *ctx, end);
  st.pools->functions->clear();
  end_observers(state_);
  return st.outcome;
}

// -- starting -----------------------------------------------------------------

caf::expected<runtime> start(caf::actor_system& sys, settings x,
                             std::vector<handler_spec> handlers) {
  if (!x.pooling_enabled)
    x.pools.clear();
  else if (x.pools.empty())
    return make_error(pool_errc::no_pools_configured,
                      "the settings name no pool");
  if (!sys.has_middleman())
    return make_error(pool_errc::start_failed,
                      "the actor system has no I/O: use charmer::config or "
                      "call charmer::configure in your own config");
  auto st = std::make_shared<runtime_state>(sys, std::move(x));
  for (auto& handler : handlers)
    if (auto err = st->events->add(std::move(handler)))
      return err;
  supervisor_spec spec;
  spec.name = "root";
  spec.events = st->events;
  spec.children = {lasting(event_manager_child(st->events)),
                   lasting(lifecycle_child(st->pools))};
  for (auto& pool : st->configured.pools) {
    auto plan = plan_pool(sys, resolved(pool, st->configured), st->events,
                          *st->pools, "root");
    if (!plan)
      return plan.error();
    st->handles.emplace(plan->handle.name(), plan->handle);
    spec.children.push_back(std::move(plan->spec));
  }
  auto root = start_supervisor(sys, std::move(spec));
  if (!root)
    return root.error();
  st->root = *root;
  runtime result{st};
  if (auto err = ask(st, *root, std::chrono::seconds(10), ready_atom_v))
    return err;
  return result;
}

caf::expected<runtime> start(caf::actor_system& sys,
                             caf::expected<settings> x) {
  if (!x)
    return x.error();
  return start(sys, std::move(*x));
}

} // namespace charmer
