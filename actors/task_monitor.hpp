// The task monitor of a pool: its clock. Deadlines lie in the core's timer
// wheel; this actor sees to it that the wheel is turned when the earliest is
// due, with one pending tick however many deadlines there are.
//
// It keeps nothing but the number of its tick: a successor asks the core for
// the next deadline. Private to this room.
#pragma once

#include "charmer/actors/pool_context.hpp"

namespace charmer {

struct task_monitor_state {
  static inline const char* name = "charmer.task_monitor";

  time_point pending = time_point::max(); ///< when the tick is due
  std::uint64_t generation = 0;           ///< of the tick that counts
  bool postponed = false;                 ///< this tick came too late already
};

caf::behavior task_monitor(caf::stateful_actor<task_monitor_state>* self,
                           pool_context_ptr ctx);

} // namespace charmer
