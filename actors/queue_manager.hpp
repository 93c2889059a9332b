// The queue manager of a pool: brings waiting requests and workers together
// whenever that is more than one request's work: a worker became ready, a dead
// worker's requests went back to the queue. (A request that finds an idle
// worker is handed over by the door; a worker that answers takes the next one
// itself.)
//
// It keeps nothing: the queue is in the core, and its first act is to look
// there. So it can be killed at any moment. Private to this room.
#pragma once

#include "charmer/actors/pool_context.hpp"

namespace charmer {

struct queue_manager_state {
  static inline const char* name = "charmer.queue_manager";
};

caf::behavior queue_manager(caf::stateful_actor<queue_manager_state>* self,
                            pool_context_ptr ctx);

} // namespace charmer
