// The actor in which one handler of events lives. Not for users.
//
// It takes from the queue of its handler, so that the hub never waits; it is
// the place where a failing handler fails alone. An actor as handler has at
// most one event at a time, the rest waits in the bounded queue.
//
// Threading: the functions of the handler run in this actor.
#pragma once

#include "charmer/supervision/event_hub.hpp"
#include "charmer/supervision/event_queue.hpp"
#include "charmer/supervision/messages.hpp"

#include <memory>

namespace charmer {

class handler_host {
public:
  static inline const char* name = "charmer.handler_host";

  using actor_type = caf::stateful_actor<handler_host>;

  explicit handler_host(actor_type* self) : self_(self) {}

  void begin(std::weak_ptr<event_hub> hub, handler_spec spec,
             std::shared_ptr<event_queue> queue);

  /// Something is in the queue.
  void wake();

  /// Ends after what waits in the queue.
  void end_soon(caf::error why);

  /// It took too long with what waits.
  void drain_time_up() { end(why_); }

  /// Ends now.
  void end(caf::error why);

  void somebody_died(const caf::actor_addr& who, const caf::error& why);

  caf::result<caf::message> call(const caf::message& question);

  caf::result<void> swap(handler_spec successor);

private:
  /// How many events a handler gets before others have a turn.
  static constexpr int batch = 64;

  void watch();
  bool deal_with(const event& x);
  void ask_receiver(event_queue::entry x);
  void answered();
  void tell_why(const caf::error& why);

  actor_type* self_;
  std::weak_ptr<event_hub> hub_;
  handler_spec spec_;
  std::shared_ptr<event_queue> queue_;
  bool busy_ = false;                   ///< the receiver has an event
  std::shared_ptr<const void> pending_; ///< of that event
  std::uint64_t generation_ = 0;        ///< counts those who were swapped in
  bool ending_ = false;
  caf::error why_;
};

caf::behavior host_handler(handler_host::actor_type* self,
                           std::weak_ptr<event_hub> hub, handler_spec spec,
                           std::shared_ptr<event_queue> queue);

/// None, or what on_add said or threw.
caf::error prepare(const handler_spec& x, const caf::message& predecessor);

/// What on_remove leaves, or what it threw.
caf::expected<caf::message> last_words_of(const handler_spec& x,
                                          const caf::error& why);

/// None, or an error that names what is wrong.
caf::error validate(const handler_spec& x);

} // namespace charmer
