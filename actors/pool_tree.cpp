#include "charmer/actors/pool_tree.hpp"

#include "charmer/actors/callbacks.hpp"
#include "charmer/actors/collections.hpp"
#include "charmer/actors/door.hpp"
#include "charmer/actors/pool.hpp"
#include "charmer/actors/queue_manager.hpp"
#include "charmer/actors/strategies.hpp"
#include "charmer/actors/task_monitor.hpp"
#include "charmer/supervision/supervisor.hpp"

#include <algorithm>
#include <memory>
#include <vector>

namespace charmer {

namespace {

// Of the pool, as a child of the supervisor above it.
std::string id_of(const std::string& name) {
  return "pool " + name;
}

template <class Behavior>
child_spec part_child(std::string id, Behavior behavior,
                      const pool_context_ptr& ctx) {
  child_spec result;
  result.id = std::move(id);
  result.start = [=](const start_context& where) -> caf::expected<started> {
    return started{where.self->spawn(behavior, ctx)};
  };
  result.stop = shutdown::after(std::chrono::seconds(1));
  return result;
}

// Strategies and collections of the application's may take their time: in a
// thread that is nobody else's.
child_spec queue_manager_child(const pool_context_ptr& ctx) {
  auto result = part_child("queue_manager", queue_manager, ctx);
  auto usual = strategy_named(ctx->settings->default_strategy);
  if (usual.kind == choice::custom_worker || has_collections(*ctx->settings))
    result.start = [=](const start_context& where) -> caf::expected<started> {
      return started{where.self->spawn<caf::detached>(queue_manager, ctx)};
    };
  return result;
}

// A pool that escalates ends with its workers' supervisor, and for the same
// reason, which the supervisor above takes for a failure (an end by
// auto_shutdown would be an order to it).
void escalate(const caf::actor& workers, const caf::actor& pool) {
  on_exit(workers, [above = pool.address()](const caf::error& reason) {
    if (reason == caf::exit_reason::user_shutdown)
      return;
    auto why = reason;
    if (reason == caf::exit_reason::kill) // which would end the pool unprepared
      why = make_error(pool_errc::worker_died,
                       "the supervisor of the workers was killed");
    if (auto pool = caf::actor_cast<caf::actor>(above))
      ask_to_stop(above, pool, why);
  });
}

strategy strategy_of(const pool_settings& x) {
  return x.strategy == "one_for_all"    ? strategy::one_for_all
         : x.strategy == "rest_for_one" ? strategy::rest_for_one
                                        : strategy::one_for_one;
}

child_spec workers_child(const pool_context_ptr& ctx) {
  auto& settings = *ctx->settings;
  supervisor_spec spec;
  spec.strategy = strategy_of(settings);
  spec.intensity = {settings.intensity, settings.period};
  spec.events = ctx->events;
  // One of them may hang, and nobody is to wait for that.
  spec.when_exhausted = [weak = std::weak_ptr{ctx}](const caf::error& why) {
    if (auto ctx = weak.lock())
      ctx->exhausted(why);
  };
  // The pool promises its size, whoever gives orders to its supervisor.
  spec.when_stopped = [weak = std::weak_ptr{ctx}](const std::string&) {
    if (auto ctx = weak.lock())
      ctx->wake(pool_part::pool, look_atom_v);
  };
  auto result = supervisor_child("workers", std::move(spec));
  auto start = result.start;
  result.start = [=](const start_context& where) -> caf::expected<started> {
    auto child = start(where);
    if (child && child->handle) {
      if (ctx->settings->exhausted == on_exhausted::escalate)
        escalate(child->handle, where.supervisor);
      ctx->enter(pool_part::worker_supervisor, child->handle);
      ctx->wake(pool_part::pool, look_atom_v);
    }
    return child;
  };
  // Workers stop by their own limits, in parallel or not; this bounds them all.
  result.stop =
      shutdown::after(settings.worker_shutdown + std::chrono::seconds(5));
  if (settings.exhausted == on_exhausted::degrade) {
    result.intensity = restart_intensity::unlimited();
    result.retry = settings.restart_backoff;
  } else {
    result.restart = restart_type::temporary; // its end is that of the pool
  }
  return result;
}

// How often it is looked whether somebody is about to start a pool again.
constexpr timespan interregnum = std::chrono::seconds(1);

// Whether the supervisor that said this of its children starts that one again.
bool will_start(const std::vector<child_info>& all, const std::string& id) {
  return std::any_of(all.begin(), all.end(), [&](auto& x) {
    return x.id == id && x.state != child_state::stopped;
  });
}

// A pool whose supervisor has died waits for its successor, as do its callers,
// unless nobody starts one: the supervisor above has ended, or had killed it.
caf::behavior heir(caf::event_based_actor* self,
                   const std::weak_ptr<pool_context>& weak,
                   const caf::actor_addr& above, std::uint64_t reign) {
  auto close = [=] {
    if (auto ctx = weak.lock())
      ctx->close(reign);
    self->quit();
  };
  send_later(self, interregnum, look_atom_v);
  return {[=](look_atom) {
    auto ctx = weak.lock();
    auto sup = caf::actor_cast<caf::actor>(above);
    if (!ctx || ctx->reign() != reign || !sup || has_ended(sup)) {
      close();
      return;
    }
    send_later(self, interregnum, look_atom_v);
    request(self, sup, interregnum, which_children_atom_v)
        .then(
            [=, id = id_of(ctx->settings->name)](
                const std::vector<child_info>& all) {
              if (!will_start(all, id))
                close();
            },
            [](const caf::error&) {});
  }};
}

// A pool that was stopped in order answers what is left.
void watch_end(const caf::actor& supervisor, const caf::actor& above,
               const pool_context_ptr& ctx, std::uint64_t reign) {
  on_exit(supervisor, [weak = std::weak_ptr{ctx}, above = above.address(),
                       reign](const caf::error& reason) {
    auto ctx = weak.lock();
    if (!ctx)
      return;
    if (reason == caf::exit_reason::user_shutdown)
      ctx->close(reign);
    else
      ctx->system.spawn<caf::hidden>(heir, weak, above, reign);
  });
}

// pool_sup_shutdown comes on top of what the workers may take.
shutdown stop_of(const pool_settings& x) {
  auto own = x.pool_sup_shutdown;
  if (own.kills_at_once() || own.waits_forever())
    return own;
  return shutdown::after(own.limit() + x.worker_shutdown);
}

child_spec tree_of(const pool_context_ptr& ctx, std::vector<child_spec> more) {
  supervisor_spec spec;
  spec.intensity = {ctx->settings->pool_sup_intensity,
                    ctx->settings->pool_sup_period};
  spec.events = ctx->events;
  // A part holds nothing. One that the application's code keeps busy is not to
  // hold up the stop of its pool.
  spec.kill_grace = std::chrono::seconds(2);
  spec.children = {
      part_child("task_monitor", task_monitor, ctx),
      queue_manager_child(ctx),
      workers_child(ctx),
      part_child("pool", pool, ctx),
  };
  for (auto& x : more)
    spec.children.push_back(std::move(x));
  auto result = supervisor_child(id_of(ctx->settings->name), std::move(spec));
  auto start = result.start;
  result.start = [=](const start_context& where) -> caf::expected<started> {
    if (auto tree = ctx->part(pool_part::pool_supervisor);
        tree && !has_ended(tree))
      return make_error(pool_errc::already_started,
                        "pool \"" + ctx->settings->name
                            + "\" runs already, below another supervisor");
    auto reign = ctx->open();
    auto child = start(where);
    if (child && child->handle) {
      ctx->enter(pool_part::pool_supervisor, child->handle);
      watch_end(child->handle, where.supervisor, ctx, reign);
    }
    return child;
  };
  result.stop = stop_of(*ctx->settings);
  if (ctx->settings->exhausted == on_exhausted::degrade) {
    // A pool never takes another one, or the application, along.
    result.intensity = restart_intensity::unlimited();
    result.retry = backoff{};
  }
  return result;
}

// Settings name what the application has to register first.
caf::error check_names(const pool_settings& x) {
  std::vector<settings_error> missing;
  auto need = [&](const char* key, const std::string& name, bool is_there) {
    if (!name.empty() && !is_there)
      missing.push_back({key, "\"" + name + "\"",
                         "a built-in name, or one that is registered before "
                         "the pool is started"});
  };
  auto usual = strategy_named(x.default_strategy);
  need("default_strategy", x.default_strategy,
       usual.kind != choice::custom_worker || find_strategy(usual.value));
  auto has_callers = [](const std::string& name) {
    return static_cast<bool>(registered_callers().find(name));
  };
  auto has_workers = [](const std::string& name) {
    return static_cast<bool>(registered_workers().find(name));
  };
  need("waiting_callers_impl", x.waiting_callers_impl,
       has_callers(x.waiting_callers_impl));
  for (auto& [key, name] :
       {std::pair{"idle_workers_impl", x.idle_workers_impl},
        {"busy_workers_impl", x.busy_workers_impl},
        {"idle_overflow_workers_impl", x.idle_overflow_workers_impl}})
    need(key, name, has_workers(name));
  return missing.empty() ? caf::error{} : make_error(missing);
}

// It may be the application's own.
caf::error check_profile(const worker_profile& profile,
                         const pool_settings& x) {
  try {
    if (auto errors = profile.check(x); !errors.empty())
      return make_error(errors);
    if (profile.get_capacity(x) == 0)
      return make_error(std::vector<settings_error>{
          {"profile", '"' + x.profile + '"',
           "one whose workers run at least one request at once "
           "(get_capacity)"}});
    profile.can_cancel(x); // if it throws, then here
    return {};
  } catch (const std::exception& e) {
    return make_error(pool_errc::start_failed,
                      "the profile \"" + x.profile
                          + "\" threw when it was asked whether it can serve "
                            "pool \""
                          + x.name + "\": " + e.what());
  }
}

} // namespace

caf::expected<planned_pool>
plan_pool(caf::actor_system& sys, pool_settings settings,
          std::shared_ptr<event_hub> events, pool_registry& pools,
          const std::string& above, std::vector<child_spec> more) {
  settings = resolved(std::move(settings), {});
  if (auto errors = validate(settings); !errors.empty())
    return make_error(errors);
  if (auto err = check_names(settings))
    return err;
  auto profile = find_profile(settings.profile);
  if (!profile)
    return profile.error();
  if (auto err = check_profile(**profile, settings))
    return err;
  auto name = settings.name;
  auto path = (above.empty() ? "" : above + "/") + id_of(name);
  // Not in one block with its counters: callers that live longer than the pool
  // hold those, and would hold all of it.
  pool_context_ptr ctx{new pool_context(sys, std::move(settings),
                                        std::move(*profile), std::move(events),
                                        pools.functions, path)};
  if (!pools.enter(ctx))
    return make_error(pool_errc::already_started,
                      "a pool named \"" + name + "\" is running");
  auto door = make_door(ctx);
  // As in wpool somebody is told, even if the application asks for nothing.
  if (ctx->settings->overrun_warning != infinite)
    ctx->events->add(
        watching_overruns(name, default_overrun_handler, log_overrun));
  pool_handle handle{name, std::move(door), ctx->settings->request_timeout,
                     ctx->settings->stream_timeout};
  return planned_pool{tree_of(ctx, std::move(more)), std::move(handle), ctx};
}

} // namespace charmer
