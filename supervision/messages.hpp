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
inspected<Inspector> inspect(Inspector& f, child_info& x) {
  return inspect_fields(f, x, "charmer::child_info", x.id, x.state, x.type,
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
inspected<Inspector> inspect(Inspector& f, child_counts& x) {
  return inspect_fields(f, x, "charmer::child_counts", x.specs, x.active,
                        x.supervisors, x.workers);
}

struct child_spec;
struct handler_spec;
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
CHARMER_ADD_LOCAL_TYPE(charmer_supervision, (charmer::child_spec))
CHARMER_ADD_LOCAL_TYPE(charmer_supervision, (charmer::handler_spec))

// to a supervisor
CHARMER_ADD_ATOM(charmer_supervision, start_child_atom, "su.start")
CHARMER_ADD_ATOM(charmer_supervision, terminate_child_atom, "su.term")
CHARMER_ADD_ATOM(charmer_supervision, kill_child_atom, "su.kill")
CHARMER_ADD_ATOM(charmer_supervision, retire_child_atom, "su.retire")
CHARMER_ADD_ATOM(charmer_supervision, restart_child_atom, "su.restart")
CHARMER_ADD_ATOM(charmer_supervision, delete_child_atom, "su.delete")
CHARMER_ADD_ATOM(charmer_supervision, replace_child_atom, "su.replace")
CHARMER_ADD_ATOM(charmer_supervision, which_children_atom, "su.which")
CHARMER_ADD_ATOM(charmer_supervision, count_children_atom, "su.count")
CHARMER_ADD_ATOM(charmer_supervision, tree_atom, "su.tree")
CHARMER_ADD_ATOM(charmer_supervision, child_ready_atom, "su.ready")
CHARMER_ADD_ATOM(charmer_supervision, child_failed_atom, "su.failed")
CHARMER_ADD_ATOM(charmer_supervision, child_idle_atom, "su.idle")
CHARMER_ADD_ATOM(charmer_supervision, ready_atom, "su.isready")
// a supervisor to itself: a limit is over, a wait is
CHARMER_ADD_ATOM(charmer_supervision, time_limit_atom, "su.limit")
CHARMER_ADD_ATOM(charmer_supervision, retry_atom, "su.retry")
CHARMER_ADD_ATOM(charmer_supervision, end_atom, "su.end")

// to the event manager
CHARMER_ADD_ATOM(charmer_supervision, add_handler_atom, "ev.add")
CHARMER_ADD_ATOM(charmer_supervision, delete_handler_atom, "ev.delete")
CHARMER_ADD_ATOM(charmer_supervision, call_handler_atom, "ev.call")
CHARMER_ADD_ATOM(charmer_supervision, swap_handler_atom, "ev.swap")
CHARMER_ADD_ATOM(charmer_supervision, which_handlers_atom, "ev.which")
CHARMER_ADD_ATOM(charmer_supervision, notify_atom, "ev.notify")
CHARMER_ADD_ATOM(charmer_supervision, sync_notify_atom, "ev.sync")
// the event manager to the owner of a handler: it is gone, and why
CHARMER_ADD_ATOM(charmer_supervision, handler_removed_atom, "ev.removed")
// inside the room: a handler's queue has something; all have dealt with it
CHARMER_ADD_ATOM(charmer_supervision, wake_atom, "ev.wake")
CHARMER_ADD_ATOM(charmer_supervision, barrier_atom, "ev.barrier")

CAF_END_TYPE_ID_BLOCK(charmer_supervision)
