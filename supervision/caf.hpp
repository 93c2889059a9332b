// What differs between CAF 0.17.6 and later versions, as far as it is code that
// runs: sending, timers, monitors, ends of actors, default handlers.
//
// Rooms of this house use CAF through these names wherever 0.18, 0.19 or 1.x
// would spell it differently. Not in here is what declares something, and what
// a move has to touch where it stands: the inspect functions and type id blocks
// of message headers, error categories (errors.cpp, messages.cpp), and the
// scheduler (scheduler.cpp), which later versions build differently.
#pragma once

#include <caf/all.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>

namespace charmer {

/// Durations everywhere: nanoseconds, signed 64 bit.
using timespan = caf::timespan;

/// A duration that never ends, where a setting allows one.
inline constexpr timespan infinite = timespan::max();

/// A point on the monotonic clock of the actor system. Only
/// `system.clock().now()` makes one, so that tests can move time by hand.
using time_point = caf::actor_clock::time_point;

/// A hundred years. What is due later is never due: no setting that is large
/// makes a clock overflow.
inline constexpr timespan longest_delay = std::chrono::hours(24 * 36525);

/// `now + delay`; in the far future if that is longer than the longest delay.
inline time_point later(time_point now, timespan delay) {
  return now + std::min(delay, longest_delay);
}

/// What can be sent to. An actor that sends (a pointer to itself, a
/// scoped_actor) is none, so that functions which take it may be called alike.
template <class T>
concept destination =
    !std::is_pointer_v<T> && !std::is_same_v<T, caf::scoped_actor>;

/// Sends without a sender: nobody is told if it fails.
template <destination Dest, class... Ts>
void cast(const Dest& dst, Ts&&... xs) {
  caf::anon_send(dst, std::forward<Ts>(xs)...);
}

/// Sends without a sender, ahead of what waits in the receiver's mailbox.
template <class Dest, class... Ts>
void urgent_cast(const Dest& dst, Ts&&... xs) {
  caf::anon_send<caf::message_priority::high>(dst, std::forward<Ts>(xs)...);
}

/// Sends to `self` after a delay, now if there is none, and never if it is the
/// longest or longer. Cannot be cancelled: carry a generation.
template <class Self, class... Ts>
void send_later(Self* self, timespan delay, Ts&&... xs) {
  if (delay >= longest_delay)
    return;
  if (delay > timespan{0})
    self->delayed_send(self, delay, std::forward<Ts>(xs)...);
  else
    self->send(self, std::forward<Ts>(xs)...);
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

/// Whether `x` has ended, from any thread. What it sent when it ended may still
/// be on its way.
template <class Handle>
bool has_ended(const Handle& x) {
  return caf::actor_cast<caf::abstract_actor*>(x)->getf(
      caf::abstract_actor::is_cleaned_up_flag);
}

/// Asks `x` to stop, ahead of what waits in its mailbox.
template <class Handle>
void ask_to_stop(const caf::actor_addr& asker, const Handle& x) {
  urgent_cast(x, caf::exit_msg{asker, caf::exit_reason::user_shutdown});
}

/// Ends `x` at once. It cannot prevent that, except by never returning from a
/// message.
template <class Handle>
void kill(const caf::actor_addr& killer, const Handle& x) {
  urgent_cast(x, caf::exit_msg{killer, caf::exit_reason::kill});
}

/// Replaces the default handlers that print: messages that nobody expects are
/// answered with sec::unexpected_message, errors and down messages without a
/// handler are dropped, an exception ends the actor with
/// exit_reason::unhandled_exception and its text.
template <class Self>
void replace_default_handlers(Self* self) {
  self->set_default_handler(caf::drop);
  self->set_error_handler([](caf::error&) {});
  self->set_down_handler([](caf::down_msg&) {});
  self->set_exception_handler([](std::exception_ptr& x) -> caf::error {
    std::string text = "unknown exception";
    try {
      std::rethrow_exception(x);
    } catch (const std::exception& e) {
      text = e.what();
    } catch (...) {
    }
    return caf::error{
        static_cast<std::uint8_t>(caf::exit_reason::unhandled_exception),
        caf::atom("exit"), caf::make_message(std::move(text))};
  });
}

/// Whether the first element of a message is this atom.
template <class Atom>
bool begins_with(const caf::mailbox_element& x) {
  auto& content = x.content();
  return content.size() > 0
         && content.template match_element<caf::atom_value>(0)
         && content.template get_as<caf::atom_value>(0) == Atom::value;
}

/// An actor that has a last word: from then on it is the answer to each
/// request, also after its end, where CAF itself answers with nothing but
/// sec::request_receiver_down.
class last_word_actor : public caf::event_based_actor {
public:
  using caf::event_based_actor::enqueue;
  using caf::event_based_actor::event_based_actor;

  using last_word = std::function<caf::error(const caf::mailbox_element&)>;

  /// Whom this actor was linked to while `f` ran is remembered until it ends.
  template <class F>
  auto noting_links(F f) {
    noting_links_ = true;
    struct note_no_more {
      bool& noting;
      ~note_no_more() { noting = false; }
    } end{noting_links_};
    return f();
  }

  /// Whether it was one of those; forgets it.
  bool was_noted(const caf::actor_addr& x) { return links_.erase(x) != 0; }

  void add_link(caf::abstract_actor* x) override {
    if (noting_links_ && x)
      links_.insert(x->address());
    caf::event_based_actor::add_link(x);
  }

  /// What is in the mailbox already is still received.
  void say_last(last_word answer) {
    std::lock_guard guard{mutex_};
    answer_ = std::move(answer);
  }

  void enqueue(caf::mailbox_element_ptr x,
               caf::execution_unit* context) override {
    if (!x->mid.is_request() || !x->sender) {
      caf::event_based_actor::enqueue(std::move(x), context);
      return;
    }
    // Held while it is put into the mailbox, so that no request falls between
    // the last one that is received and the first that is answered here.
    std::unique_lock guard{mutex_};
    if (!answer_) {
      caf::event_based_actor::enqueue(std::move(x), context);
      return;
    }
    auto why = answer_(*x);
    guard.unlock();
    x->sender->enqueue(ctrl(), x->mid.response_id(),
                       caf::make_message(std::move(why)), context);
  }

private:
  bool noting_links_ = false;
  std::unordered_set<caf::actor_addr> links_;
  std::mutex mutex_;
  last_word answer_;
};

/// Calls `f(who, why)` when an actor has ended that `self` monitors.
template <class Self, class F>
void when_down(Self* self, F f) {
  self->set_down_handler(
      [f = std::move(f)](caf::down_msg& x) { f(x.source, x.reason); });
}

/// Calls `f(who, why)` when `self` is asked to stop, or whom it is linked to
/// has ended. A kill cannot be answered.
template <class Self, class F>
void when_asked_to_stop(Self* self, F f) {
  self->set_exit_handler(
      [f = std::move(f)](caf::exit_msg& x) { f(x.source, x.reason); });
}

/// Text of an error, its context included.
inline std::string render(const caf::actor_system& sys, const caf::error& x) {
  return x ? sys.render(x) : std::string{"normal"};
}

} // namespace charmer
