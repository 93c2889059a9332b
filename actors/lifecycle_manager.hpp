// The lifecycle manager: replaces workers before they become a burden, because
// of their age, the number of their requests, their memory or what they say of
// their health, or because somebody asks for it; and without a dip: the
// successor is started, takes over, then the old one drains and stops. If the
// successor does not start, the old one serves on. What it runs when it is
// replaced it finishes, however long that takes: until its own deadline, if it
// has one. At most max_surge start at once, and as many drain as replacing.hpp
// says.
//
// It also tells how far each worker is (heartbeats), to those who want every
// detail. That a worker is stuck shows in three ways, and none of them wakes
// it up: a request passes its deadline; its progress page does not move; an
// idle worker does not answer when its health is checked, which it is rarely.
//
// One for all pools, below the root supervisor. What it knows of workers it
// learns anew if it is restarted; what it has counted is with the pools.
// Private to this room.
//
//   (recycle_atom, pool, worker)   replaces it; answers when that is done
//   (look_atom, pool)              a worker of it has answered max_requests, or
//                                  one that was replaced is gone
#pragma once

#include "charmer/actors/health_record.hpp"
#include "charmer/actors/lifecycle_stats.hpp"
#include "charmer/actors/pool_context.hpp"
#include "charmer/actors/pool_registry.hpp"
#include "charmer/actors/reminder.hpp"
#include "charmer/supervision/child_spec.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>

namespace charmer {

/// What it remembers of one incarnation.
struct watched_worker {
  health_record health;
  time_point moved;                ///< when `finished` has changed last
  std::uint64_t finished = 0;      ///< requests, when it was looked at last
  std::uint32_t failed_starts = 0; ///< of successors, in a row
  time_point retry_at{};           ///< not before this is the next one started
};

/// What it remembers of one pool.
struct watched_pool {
  time_point ages_seen;
  time_point memory_seen;
  time_point health_seen;
  time_point heartbeat_told;
  reminder delay; ///< that those which drain hold others back
  std::set<std::string> replacing;
  std::map<std::uint64_t, watched_worker> workers; ///< by incarnation
};

struct lifecycle_state {
  static inline const char* name = "charmer.lifecycle_manager";

  std::map<std::string, watched_pool> pools;
};

using lifecycle_actor = caf::stateful_actor<lifecycle_state>;

caf::behavior lifecycle_manager(lifecycle_actor* self,
                                std::shared_ptr<pool_registry> pools);

/// As a permanent child.
child_spec lifecycle_child(std::shared_ptr<pool_registry> pools);

/// The lifecycle statistics of one pool.
lifecycle_counts counts_of(const pool_context& x);

} // namespace charmer
