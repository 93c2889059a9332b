// Whether an actor takes messages, or waits for one. Beside caf.hpp, because
// later CAF versions may know mailboxes by other types.
//
// Threading: from any thread.
#pragma once

#include "charmer/supervision/caf.hpp"

#include <optional>

namespace charmer {

/// What `f` says of the mailbox of `x`. Nothing: it has none in this process.
template <class Handle, class F>
std::optional<bool> ask_mailbox(const Handle& x, F f) {
  auto* who = caf::actor_cast<caf::abstract_actor*>(x);
  if (auto* scheduled = dynamic_cast<caf::scheduled_actor*>(who))
    return f(scheduled->mailbox());
  if (auto* blocking = dynamic_cast<caf::blocking_actor*>(who))
    return f(blocking->mailbox());
  return std::nullopt;
}

/// Whether what is sent to `x` bounces, and what was in its mailbox does: it
/// has ended, or is about to, and begins nothing more. Its functors (on_exit)
/// run after this. Nothing: it has no mailbox in this process.
template <class Handle>
std::optional<bool> has_closed_mailbox(const Handle& x) {
  return ask_mailbox(x, [](auto& mailbox) { return mailbox.closed(); });
}

/// Whether `x` waits for a message, so that nothing keeps it from taking one.
/// Nothing: it has no mailbox in this process.
template <class Handle>
std::optional<bool> is_waiting(const Handle& x) {
  return ask_mailbox(x, [](auto& mailbox) { return mailbox.blocked(); });
}

} // namespace charmer
