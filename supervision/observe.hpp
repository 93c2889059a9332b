// Observing an actor system in one line.
//
// Whoever has an event hub (a charmer::runtime has one, an application can make
// its own) has it in its actor system; observe finds it there. If a system has
// several hubs, all of them are observed, each by a handler of its own; one
// that is made afterwards is not.
//
// Threading: thread-safe, also inside actors; nothing here blocks.
// Errors: not_found if the system has no hub (start the pools, or make a hub,
// first); invalid_spec if there is neither function nor actor. As everywhere a
// function that throws, or an actor that answers wrongly or ends, is removed,
// alone and with an event about it.
//
//   charmer::observe(system, [](const charmer::event& e) { std::cerr << e; });
//   charmer::observe(system, my_actor, {.at_least = severity::warning});
//   charmer::observe(system, {.on_event = slow, .blocking = true});
#pragma once

#include "charmer/supervision/caf.hpp"
#include "charmer/supervision/event.hpp"
#include "charmer/supervision/event_handler.hpp"

#include <functional>
#include <string>

namespace charmer {

/// Calls `f` with every event that passes the filter, from now on. `f` runs in
/// an actor of its own, one event at a time (for each hub). It is to be quick:
/// one that blocks keeps a thread of the scheduler from all others, and is
/// given as a handler_spec with `blocking` instead.
/// @returns the name for stop_observing
caf::expected<std::string> observe(caf::actor_system& system,
                                   std::function<void(const event&)> f,
                                   event_filter filter = {});

/// Sends every event that passes the filter to an actor, as a message of one
/// `event`, which it answers with nothing; the next is sent after that.
caf::expected<std::string> observe(caf::actor_system& system,
                                   caf::actor handler,
                                   event_filter filter = {});

/// The same with all that a handler can have: a thread of its own for functions
/// that block, a capacity, an owner. Without a name it gets one.
///   observe(system, {.on_event = write_to_disk, .blocking = true});
/// Further errors: already_present, or what on_add said; then no hub has it.
caf::expected<std::string> observe(caf::actor_system& system, handler_spec x);

/// Ends it, after what waits was dealt with: the function may still be called
/// after this has returned, and so must own what it uses.
/// @returns false if there is no such observer (any more)
bool stop_observing(caf::actor_system& system, const std::string& name);

} // namespace charmer
