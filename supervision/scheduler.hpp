// The scheduler of actors: CAF's own, with another queue behind its threads.
//
// `scheduler.policy = sharing`, which is our default, wakes an idle thread for
// each message to an idle actor. With more threads than cores (CAF has at least
// four) that is most of the cost of a message. Ours does not (job_queue.hpp):
// no more threads are awake than there are cores, and the others help out when
// an actor blocks. Measured by `./dev bench --rows 3`.
//
// The other policies of CAF (stealing, testing) remain what they are.
#pragma once

#include "charmer/supervision/caf.hpp"

namespace charmer {

/// Makes `scheduler.policy = sharing` mean our queue. Before the actor system
/// is made; what the policy is may be said afterwards, in an INI file too.
void load_scheduler(caf::actor_system_config& cfg);

} // namespace charmer
