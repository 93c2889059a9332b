// The queue manager of a pool: brings waiting requests and workers together
// whenever that is more than one request's work: a worker became ready, a dead
// worker's requests went back to the queue. (A request that finds an idle
// worker is handed over by the door; a worker that answers takes the next one
// itself.) It also asks the application's own strategies, and its collections,
// if the settings name some: then these say who is served by whom.
//
// It keeps nothing that matters: the queue is in the core, and its first act is
// to look there. So it can be killed at any moment. Private to this room.
#pragma once

#include "charmer/actors/managed_queue.hpp"
#include "charmer/actors/pool_context.hpp"

#include <optional>
#include <vector>

namespace charmer {

struct queue_manager_state {
  static inline const char* name = "charmer.queue_manager";

  /// The ready workers, as strategies get to see them.
  std::vector<caf::actor> workers;
  std::vector<std::uint64_t> incarnations; ///< of the same
  std::optional<std::uint64_t> membership; ///< of which time

  /// The application's collections, where there are some.
  std::optional<managed_queue> collections;
};

caf::behavior queue_manager(caf::stateful_actor<queue_manager_state>* self,
                            pool_context_ptr ctx);

} // namespace charmer
