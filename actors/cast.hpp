// Requests to whose outcome nobody waits (wpool's cast and broadcast).
//
// A cast is fire and forget: if it fails, that is counted and told as an event
// (charmer.request.failed). Sent as a request it is answered as soon as the
// pool has accepted it, with nothing, or with the reason why not. (Where a
// function of the application's chooses the worker, it is accepted before that
// has chosen, and may fail with queue_full all the same: strategies.hpp.)
//
// A broadcast goes to every ready worker but those of the overflow, before
// whatever waits for it. A broadcall collects what they answer: replies and
// errors apart; if one of them does not answer in time (options.timeout), all
// of it counts as timed out. Through a lease both reach the worker that is held
// and no other.
//
// Threading: from any thread; those that take `self`, from that actor.
//
//   charmer::cast(pool, charmer::command("log", {{"text", "hello"}}));
//   charmer::cast(self, pool, caf::make_message(reload_atom_v))
//     .receive([] { … }, [](const caf::error& e) { … });
//   charmer::broadcall(self, pool, charmer::command("ping"))
//     .receive([](const charmer::gathered& x) { … }, …);
#pragma once

#include "charmer/actors/call.hpp"

#include <string>
#include <utility>

namespace charmer {

/// The message that calls a command of a Python worker.
inline caf::message command(std::string name, arguments args = {}) {
  return caf::make_message(
      invocation{std::move(name), std::move(args).take(), call_options{}});
}

/// Fire and forget.
inline void cast(const pool_handle& pool, caf::message what,
                 call_options options = {}) {
  cast(pool.actor(), std::move(options), std::move(what));
}

/// Answered with nothing once it is accepted.
template <class Self>
auto cast(Self* self, const pool_handle& pool, caf::message what,
          call_options options = {}) {
  auto limit = detail::response_limit(pool, options);
  return pending_answer{request(self, pool.actor(), limit, cast_atom_v,
                                std::move(options), std::move(what)),
                        pool};
}

inline auto cast(caf::scoped_actor& self, const pool_handle& pool,
                 caf::message what, call_options options = {}) {
  return cast(self.ptr(), pool, std::move(what), std::move(options));
}

/// To every ready worker, fire and forget.
inline void broadcast(const pool_handle& pool, caf::message what,
                      call_options options = {}) {
  cast(pool.actor(), broadcast_atom_v, std::move(options), std::move(what));
}

/// Answered with the number of workers that it was sent to; if there is none,
/// with no_available_worker, pool_degraded or shutting_down; if none of them
/// took it, with what the last one was refused for (queue_full, circuit_open…).
template <class Self>
auto broadcast(Self* self, const pool_handle& pool, caf::message what,
               call_options options = {}) {
  auto limit = detail::response_limit(pool, options);
  return pending_answer{request(self, pool.actor(), limit, broadcast_atom_v,
                                std::move(options), std::move(what)),
                        pool};
}

inline auto broadcast(caf::scoped_actor& self, const pool_handle& pool,
                      caf::message what, call_options options = {}) {
  return broadcast(self.ptr(), pool, std::move(what), std::move(options));
}

namespace detail {

/// Sends to every worker and answers whoever asks it first with `gathered`.
caf::actor spawn_gatherer(caf::actor_system& sys, const pool_handle& pool,
                          caf::message what, call_options options);

} // namespace detail

/// Answered with `gathered`; if no worker is ready, as broadcast.
template <class Self>
auto broadcall(Self* self, const pool_handle& pool, caf::message what,
               call_options options = {}) {
  auto limit = detail::response_limit(pool, options);
  return pending_answer{
      request(self,
              detail::spawn_gatherer(self->system(), pool, std::move(what),
                                     std::move(options)),
              limit, gather_atom_v),
      pool};
}

inline auto broadcall(caf::scoped_actor& self, const pool_handle& pool,
                      caf::message what, call_options options = {}) {
  return broadcall(self.ptr(), pool, std::move(what), std::move(options));
}

} // namespace charmer
