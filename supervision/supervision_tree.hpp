// A supervision tree at one moment, as a value: OTP's which_children, all the
// way down.
//
// request_tree asks a supervisor and then those below it, level by level and
// all of a level at once, within one limit for the whole. Whoever has not
// answered by then is in the tree with `answers` = false and without children;
// so there is always an answer, and it is no older than the limit. Whoever has
// ended by then is `stopped`, and `reason` tells why.
//
// Threading: plain values; a tree that is kept keeps no actor alive. Can be
// sent to other nodes, and supervisors of other nodes can be asked.
//
//   charmer::request_tree(self, supervisor)
//     .then([](const charmer::supervision_tree& x) { std::cerr << x; });
//
//   root              running  one_for_one 0/1 in 5s, up 3.2s
//   ├── cache         running  up 3.2s
//   └── workers       running  one_for_one 2/5 in 60s, up 3.2s
//       ├── worker-1  backoff  again in 400ms, attempt 2, restarts 2 (9 in all)
//       └── worker-2  running  up 3.1s
#pragma once

#include "charmer/supervision/caf.hpp"
#include "charmer/supervision/messages.hpp"
#include "charmer/supervision/restart_budget.hpp"
#include "charmer/supervision/supervisor.hpp"

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace charmer {

/// One child, or the supervisor that was asked, and what is below it. Fields
/// that do not apply are empty or 0.
struct supervision_tree {
  std::string id;
  std::string path; ///< "root/pool default/workers/worker-1"
  child_type type = child_type::worker;
  child_state state = child_state::stopped;
  caf::actor_addr address;           ///< null unless there is an actor
  std::uint64_t incarnation = 0;     ///< 0: never started
  std::uint64_t restarts = 0;        ///< in the window of the budget it charges
  std::uint64_t restarts_in_all = 0; ///< ever, also those that no budget limits
  timespan uptime{0};                ///< since it was ready
  std::uint64_t attempt = 0;         ///< restarts since it last lived long
  timespan delay{0};                 ///< of a child in backoff: until its start
  std::string reason; ///< one line: why it ended, or did not start, last

  // -- of a supervisor --------------------------------------------------------

  bool answers = true; ///< false: did not; what follows is unknown
  charmer::strategy strategy = charmer::strategy::one_for_one;
  restart_intensity intensity;
  std::uint64_t charged = 0; ///< restarts in the window of its own budget
  std::vector<supervision_tree> children; ///< in the order of their start
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, supervision_tree& x) {
  return inspect_fields(f, x, "charmer::supervision_tree", x.id, x.path, x.type,
                        x.state, x.address, x.incarnation, x.restarts,
                        x.restarts_in_all, x.uptime, x.attempt, x.delay,
                        x.reason, x.answers, x.strategy, x.intensity.intensity,
                        x.intensity.period, x.charged, x.children);
}

/// An actor that answers one (tree_atom) with the tree below `supervisor`,
/// within `limit` after this call.
caf::actor spawn_tree_collector(caf::actor_system& system,
                                const caf::actor& supervisor, timespan limit);

/// Asks for the tree below a supervisor: `.then` in an event-based actor,
/// `.receive` in a scoped one. The answer is a supervision_tree.
template <class Self>
auto request_tree(const Self& self, const caf::actor& supervisor,
                  timespan limit = std::chrono::seconds(1)) {
  return request(self, spawn_tree_collector(self->system(), supervisor, limit),
                 caf::infinite, tree_atom_v);
}

/// One line for each node, with branches.
std::string to_string(const supervision_tree& x);

std::ostream& operator<<(std::ostream& out, const supervision_tree& x);

/// One JSON object on one line; the children in "children".
std::string to_json(const supervision_tree& x);

} // namespace charmer
