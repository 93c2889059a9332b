// The supervision tree of one pool, as a child_spec for whoever shall be above
// it. Private to this room.
//
//   pool supervisor "pool NAME"    one_for_one, a wide budget of its own
//   ├── task_monitor
//   ├── queue_manager
//   ├── workers                    one_for_one, intensity and period of the
//   │   └── worker-1 …             settings; dynamic children
//   └── pool
#pragma once

#include "charmer/actors/pool_handle.hpp"
#include "charmer/actors/pool_registry.hpp"
#include "charmer/profiles/worker_profile.hpp"
#include "charmer/supervision/child_spec.hpp"

#include <memory>
#include <string>
#include <vector>

namespace charmer {

/// Who is told of overruns unless somebody removes it.
inline constexpr auto default_overrun_handler = "default";

/// A pool that can be started.
struct planned_pool {
  child_spec spec;
  pool_handle handle;
  pool_context_ptr context;
};

/// Checks the settings, makes door and core, and enters the pool in `pools`.
/// Nothing runs before the spec is started. `more` stands in the tree after the
/// pool's own parts.
caf::expected<planned_pool>
plan_pool(caf::actor_system& sys, pool_settings settings,
          std::shared_ptr<event_hub> events, pool_registry& pools,
          const std::string& above, std::vector<child_spec> more = {});

} // namespace charmer
