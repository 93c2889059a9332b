// Who wants to know: a handler of events, and which events it wants.
//
// A handler is a set of functions or an actor. As in OTP's gen_event a handler
// that fails is removed alone and the others go on; unlike there each handler
// has a bounded queue of its own, so that a slow one delays nobody.
//
// Threading: plain values. The functions of one handler never run at the same
// time as each other; on_add runs in the thread that adds.
//
//   handler_spec{.name = "log", .filter = {.name = "charmer.supervisor.*"},
//                .on_event = [](const event& e) { std::cerr << e << '\n'; }}
#pragma once

#include "charmer/supervision/caf.hpp"
#include "charmer/supervision/event.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace charmer {

/// Which events a handler gets. In patterns "*" stands for any text.
struct event_filter {
  std::string name = "*";
  std::string path = "*";
  severity at_least = severity::debug;

  bool matches(const event& x) const;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, event_filter& x) {
  return inspect_fields(f, x, "charmer::event_filter", x.name, x.path,
                        x.at_least);
}

/// A handler to be added: one of `on_event` and `receiver` must be set, not
/// both.
struct handler_spec {
  /// Unique below one hub.
  std::string name{};
  event_filter filter{};

  /// Is called with each event. What it throws removes the handler.
  std::function<void(const event&)> on_event{};

  /// Gets each event as a message of one `event` and answers it with nothing
  /// (a function that returns void does); the next is sent after the answer. An
  /// error or any other answer, or its end, removes the handler. May live on
  /// another node. What call_handler asks is sent to it as it is.
  caf::actor receiver{};

  /// Answers call_handler; may be empty.
  std::function<caf::expected<caf::message>(const caf::message&)> on_call{};

  /// Prepares the handler; may be empty. Gets what on_remove of the handler
  /// returned in whose place this one comes (swap), else an empty message. An
  /// error adds nothing.
  std::function<caf::error(const caf::message&)> on_add{};

  /// The last call a handler gets; may be empty. Gets why.
  std::function<caf::message(const caf::error&)> on_remove{};

  /// May be null. Its end removes the handler; it is sent
  /// (handler_removed_atom, name, caf::error why) when the handler is removed:
  /// no error if somebody has deleted it, `replaced` after a swap.
  /// One that has ended already removes the handler at once: adding succeeds,
  /// and an event tells of the removal. The same is true of `receiver`.
  caf::actor owner{};

  /// How many events may wait. What comes on top is dropped and counted.
  std::size_t capacity = 1024;

  /// The functions block: they get a thread of their own. The others share
  /// those of the scheduler, and one that blocks keeps one from all actors.
  bool blocking = false;
};

/// One line of which_handlers.
struct handler_info {
  std::string name;
  event_filter filter;
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;
  std::uint64_t waiting = 0;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, handler_info& x) {
  return inspect_fields(f, x, "charmer::handler_info", x.name, x.filter,
                        x.delivered, x.dropped, x.waiting);
}

} // namespace charmer
