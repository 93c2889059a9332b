// OTP's gen_event as an actor: the administration of an event_hub by messages,
// also from other nodes.
//
// Messages (errors are supervision_errc):
//   (add_handler_atom, handler_spec)
//       → (); already_present, invalid_spec
//   (add_handler_atom, string name, event_filter, caf::actor)
//       → (); from another node, too
//   (delete_handler_atom, string name)
//       → (); not_found
//   (call_handler_atom, string name, caf::message)
//       → what the handler answers
//   (swap_handler_atom, string name, handler_spec)
//       → (); the new one takes over the queue of the old one with its own
//         capacity (what waits stays, even if it is more), the thread of the
//         old one if that was `blocking`, and what its on_remove returned.
//         Errors: not_found; already_present, invalid_spec, and unsupported if
//         the new one is `blocking` and the old one was not: nothing has
//         changed; what on_add of the new one said, and both are gone, because
//         the old one was removed before it
//   (which_handlers_atom)
//       → std::vector<handler_info>
//   (notify_atom, event)
//       → nothing
//   (sync_notify_atom, event)
//       → () after all handlers have dealt with it, also if some failed
// The handlers belong to the hub and outlive a restart of this actor; without a
// hub it ends at once with invalid_spec. If it is killed, what waits in its
// mailbox is answered sec::request_receiver_down: by CAF.
//
//   auto manager = system.spawn(charmer::event_manager, hub);
#pragma once

#include "charmer/supervision/caf.hpp"
#include "charmer/supervision/child_spec.hpp"
#include "charmer/supervision/event_hub.hpp"

#include <map>
#include <memory>

namespace charmer {

struct event_manager_state {
  static inline const char* name = "charmer.event_manager";

  /// Tells those who wait that nothing will come any more: after a kill.
  ~event_manager_state();

  std::shared_ptr<event_hub> hub;
  /// Who waits for a sync_notify, by number.
  std::map<std::uint64_t, caf::response_promise> waiting;
  std::uint64_t last = 0;
};

caf::behavior event_manager(caf::stateful_actor<event_manager_state>* self,
                            std::shared_ptr<event_hub> hub);

/// The event manager as a permanent child.
child_spec event_manager_child(std::shared_ptr<event_hub> hub,
                               std::string id = "events");

} // namespace charmer
