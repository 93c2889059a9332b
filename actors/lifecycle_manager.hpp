// The lifecycle manager: replaces workers before they become a burden, because
// of their age, the number of their requests or their memory, and without a
// dip: the successor is started, takes over, then the old one drains and stops.
//
// One for all pools, below the root supervisor. It keeps only which workers it
// is replacing. Private to this room.
#pragma once

#include "charmer/actors/pool_context.hpp"
#include "charmer/actors/pool_registry.hpp"
#include "charmer/supervision/child_spec.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>

namespace charmer {

struct lifecycle_state {
  static inline const char* name = "charmer.lifecycle_manager";

  std::map<std::string, time_point> checked; ///< when, for each pool
  std::map<std::string, std::set<std::string>> replacing;
};

caf::behavior lifecycle_manager(caf::stateful_actor<lifecycle_state>* self,
                                std::shared_ptr<pool_registry> pools);

/// As a permanent child.
child_spec lifecycle_child(std::shared_ptr<pool_registry> pools);

} // namespace charmer
