// Everything that differs between CAF 0.17.6 and later versions.
//
// Rooms of this house use CAF through these names wherever 0.18, 0.19 or 1.x
// would spell it differently, so that a move touches this file only.
#pragma once

#include <caf/all.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace charmer {

/// Durations everywhere: nanoseconds, signed 64 bit.
using timespan = caf::timespan;

/// A duration that never ends, where a setting allows one.
inline constexpr timespan infinite = timespan::max();

/// A point on the monotonic clock of the actor system. Only
/// `system.clock().now()` makes one, so that tests can move time by hand.
using time_point = caf::actor_clock::time_point;

/// Sends without a sender: nobody is told if it fails.
template <class Dest, class... Ts>
void cast(const Dest& dst, Ts&&... xs) {
  caf::anon_send(dst, std::forward<Ts>(xs)...);
}

/// Sends without a sender, ahead of what waits in the receiver's mailbox.
template <class Dest, class... Ts>
void urgent_cast(const Dest& dst, Ts&&... xs) {
  caf::anon_send<caf::message_priority::high>(dst, std::forward<Ts>(xs)...);
}

/// Sends to `self` after a delay. Cannot be cancelled: carry a generation.
template <class Self, class... Ts>
void send_later(Self* self, timespan delay, Ts&&... xs) {
  self->delayed_send(self, delay, std::forward<Ts>(xs)...);
}

/// The state of a stateful actor.
template <class Self>
auto& state_of(Self* self) {
  return self->state;
}

/// Calls `f(reason)` when `x` ends, in the context of whoever ends it, also
/// after kill. `f` must not block. Runs at once if `x` has ended already.
template <class Handle, class F>
void on_exit(const Handle& x, F f) {
  caf::actor_cast<caf::abstract_actor*>(x)->attach_functor(std::move(f));
}

/// Text of an error, its context included.
inline std::string render(const caf::actor_system& sys, const caf::error& x) {
  return x ? sys.render(x) : std::string{"normal"};
}

} // namespace charmer
