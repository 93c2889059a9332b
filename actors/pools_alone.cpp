// Part of the runtime: pools that have none above them.
#include "charmer/actors/lifecycle_manager.hpp"
#include "charmer/actors/pool_tree.hpp"
#include "charmer/actors/runtime.hpp"
#include "charmer/supervision/supervisor.hpp"

namespace charmer {

namespace {

// A pool without a runtime above it has a lifecycle manager of its own.
caf::expected<planned_pool> plan_alone(caf::actor_system& sys, pool_settings x,
                                       std::shared_ptr<event_hub> events,
                                       const std::string& path) {
  auto alone = std::make_shared<pool_registry>();
  if (!events)
    events = std::make_shared<event_hub>(sys);
  return plan_pool(sys, std::move(x), events, *alone, path,
                   {lifecycle_child(alone)});
}

} // namespace

caf::expected<pool_child> make_pool_child(caf::actor_system& sys,
                                          pool_settings x,
                                          std::shared_ptr<event_hub> events,
                                          const std::string& path) {
  auto plan = plan_alone(sys, std::move(x), std::move(events), path);
  if (!plan)
    return plan.error();
  return pool_child{std::move(plan->spec), std::move(plan->handle)};
}

caf::expected<linked_pool> start_linked(caf::local_actor* starter,
                                        pool_settings x,
                                        std::shared_ptr<event_hub> events) {
  auto& sys = starter->home_system();
  auto plan = plan_alone(sys, std::move(x), events, "linked");
  if (!plan)
    return plan.error();
  supervisor_spec spec;
  spec.name = "linked";
  spec.events = std::move(events);
  spec.children = {std::move(plan->spec)};
  auto supervisor = start_supervisor(sys, std::move(spec));
  if (!supervisor)
    return supervisor.error();
  // Nobody starts the pool again, whatever this one ends of.
  on_exit(*supervisor,
          [ctx = plan->context](const caf::error&) { ctx->close(); });
  starter->link_to(*supervisor);
  // A supervisor does not heed links whose other end has ended normally. And
  // somebody has to keep it, if only the handle of its pool is kept.
  on_exit(caf::actor_cast<caf::strong_actor_ptr>(starter),
          [supervisor = *supervisor](const caf::error&) {
            ask_to_stop(supervisor);
          });
  return linked_pool{*supervisor, std::move(plan->handle)};
}

} // namespace charmer
