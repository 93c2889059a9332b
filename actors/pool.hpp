// The administration of one pool: keeps as many workers as are wanted.
//
// Workers are dynamic children of the worker supervisor, which restarts them.
// This actor starts those that are missing: in the beginning, after the worker
// supervisor itself was restarted, when the pool grows or overflows, and again
// after a while when a start failed. A worker that does not start does not take
// anything back; the pool serves with those it has. It stops those that are no
// longer wanted, once they have nothing left to do.
//
// It keeps nothing that matters: who is there, the core knows. Private to this
// room.
#pragma once

#include "charmer/actors/pool_context.hpp"

#include <set>
#include <string>

namespace charmer {

struct pool_state {
  static inline const char* name = "charmer.pool";

  std::set<std::string> starting; ///< asked for, not yet answered
  std::set<std::string> stopping; ///< likewise, of their supervisor
  caf::error failed;              ///< why, while others are being started
  std::uint32_t failures = 0;     ///< failed starts in a row
  std::uint64_t retry_number = 0; ///< of the retry that counts
};

caf::behavior pool(caf::stateful_actor<pool_state>* self, pool_context_ptr ctx);

} // namespace charmer
