// The messages of supervisors and of the event manager.
//
// Threading: plain values, immutable once they are in a message. All except
// child_spec and handler_spec can be sent to other nodes.
#pragma once

#include "charmer/supervision/caf.hpp"
#include "charmer/supervision/child_spec.hpp"
#include "charmer/supervision/errors.hpp"
#include "charmer/supervision/event.hpp"
#include "charmer/supervision/event_hub.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace charmer {

/// The life of a child.
enum class child_state : std::uint8_t {
  starting,
  running,
  retiring,  ///< replaced, and being stopped
  stopping,  ///< being stopped
  backoff,   ///< waits for its next start
  stopped,   ///< only the spec is there
  abandoned, ///< was killed and is still not gone
};

std::string to_string(child_state x);

/// One line of which_children.
struct child_info {
  std::string id;
  child_state state = child_state::stopped;
  child_type type = child_type::worker;
  caf::actor handle;             ///< null unless there is one
  std::uint64_t incarnation = 0; ///< 0: never started
  std::uint32_t restarts = 0;    ///< in the window of the budget it charges
  timespan uptime{0};            ///< since it was ready
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, child_info& x) {
  return f(caf::meta::type_name("charmer::child_info"), x.id, x.state, x.type,
           x.handle, x.incarnation, x.restarts, x.uptime);
}

/// What count_children tells, as in OTP.
struct child_counts {
  /// Known children, running or not. Of simple_one_for_one always 1, the
  /// template, however many children were made from it.
  std::uint64_t specs = 0;
  /// Those with a living actor, also one that starts or is being stopped.
  std::uint64_t active = 0;
  /// Known children that are supervisors, running or not. Of
  /// simple_one_for_one those that were made from the template: 0 or all.
  std::uint64_t supervisors = 0;
  /// The same of workers.
  std::uint64_t workers = 0;

  friend bool operator==(const child_counts&, const child_counts&) = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, child_counts& x) {
  return f(caf::meta::type_name("charmer::child_counts"), x.specs, x.active,
           x.supervisors, x.workers);
}

struct supervision_tree;

/// Registers the messages and the error category of this room. Twice does no
/// harm.
void configure_supervision(caf::actor_system_config& cfg);

} // namespace charmer

CAF_BEGIN_TYPE_ID_BLOCK(charmer_supervision, caf::first_custom_type_id + 2000)

CAF_ADD_TYPE_ID(charmer_supervision, (charmer::supervision_errc))
CAF_ADD_TYPE_ID(charmer_supervision, (charmer::exit_details))
CAF_ADD_TYPE_ID(charmer_supervision, (charmer::severity))
CAF_ADD_TYPE_ID(charmer_supervision, (charmer::event))
CAF_ADD_TYPE_ID(charmer_supervision, (charmer::event_filter))
CAF_ADD_TYPE_ID(charmer_supervision, (charmer::handler_info))
CAF_ADD_TYPE_ID(charmer_supervision, (std::vector<charmer::handler_info>))
CAF_ADD_TYPE_ID(charmer_supervision, (charmer::child_state))
CAF_ADD_TYPE_ID(charmer_supervision, (charmer::child_info))
CAF_ADD_TYPE_ID(charmer_supervision, (std::vector<charmer::child_info>))
CAF_ADD_TYPE_ID(charmer_supervision, (charmer::child_counts))
CAF_ADD_TYPE_ID(charmer_supervision, (charmer::supervision_tree))

// to a supervisor
CAF_ADD_ATOM(charmer_supervision, charmer, start_child_atom, "su.start")
CAF_ADD_ATOM(charmer_supervision, charmer, terminate_child_atom, "su.term")
CAF_ADD_ATOM(charmer_supervision, charmer, restart_child_atom, "su.restart")
CAF_ADD_ATOM(charmer_supervision, charmer, delete_child_atom, "su.delete")
CAF_ADD_ATOM(charmer_supervision, charmer, replace_child_atom, "su.replace")
CAF_ADD_ATOM(charmer_supervision, charmer, which_children_atom, "su.which")
CAF_ADD_ATOM(charmer_supervision, charmer, count_children_atom, "su.count")
CAF_ADD_ATOM(charmer_supervision, charmer, tree_atom, "su.tree")
CAF_ADD_ATOM(charmer_supervision, charmer, child_ready_atom, "su.ready")
CAF_ADD_ATOM(charmer_supervision, charmer, child_failed_atom, "su.failed")
CAF_ADD_ATOM(charmer_supervision, charmer, ready_atom, "su.isready")
// a supervisor to itself: a limit is over, a wait is
CAF_ADD_ATOM(charmer_supervision, charmer, time_limit_atom, "su.limit")
CAF_ADD_ATOM(charmer_supervision, charmer, retry_atom, "su.retry")
CAF_ADD_ATOM(charmer_supervision, charmer, end_atom, "su.end")

// to the event manager
CAF_ADD_ATOM(charmer_supervision, charmer, add_handler_atom, "ev.add")
CAF_ADD_ATOM(charmer_supervision, charmer, delete_handler_atom, "ev.delete")
CAF_ADD_ATOM(charmer_supervision, charmer, call_handler_atom, "ev.call")
CAF_ADD_ATOM(charmer_supervision, charmer, swap_handler_atom, "ev.swap")
CAF_ADD_ATOM(charmer_supervision, charmer, which_handlers_atom, "ev.which")
CAF_ADD_ATOM(charmer_supervision, charmer, notify_atom, "ev.notify")
CAF_ADD_ATOM(charmer_supervision, charmer, sync_notify_atom, "ev.sync")
// the event manager to the owner of a handler: it is gone, and why
CAF_ADD_ATOM(charmer_supervision, charmer, handler_removed_atom, "ev.removed")
// inside the room: a handler's queue has something; all have dealt with it
CAF_ADD_ATOM(charmer_supervision, charmer, wake_atom, "ev.wake")
CAF_ADD_ATOM(charmer_supervision, charmer, barrier_atom, "ev.barrier")

CAF_END_TYPE_ID_BLOCK(charmer_supervision)
