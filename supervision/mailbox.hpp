// Whether an actor takes messages any more. Beside caf.hpp, because later CAF
// versions may know mailboxes by other types.
//
// Threading: from any thread.
#pragma once

#include "charmer/supervision/caf.hpp"

#include <optional>

namespace charmer {

/// Whether what is sent to `x` bounces, and what was in its mailbox does: it
/// has ended, or is about to, and begins nothing more. Its functors (on_exit)
/// run after this. Nothing: it has no mailbox in this process.
template <class Handle>
std::optional<bool> has_closed_mailbox(const Handle& x) {
  auto* who = caf::actor_cast<caf::abstract_actor*>(x);
  if (auto* scheduled = dynamic_cast<caf::scheduled_actor*>(who))
    return scheduled->mailbox().closed();
  if (auto* blocking = dynamic_cast<caf::blocking_actor*>(who))
    return blocking->mailbox().closed();
  return std::nullopt;
}

} // namespace charmer
