// A supervisor: starts its children in order, restarts those that die, stops
// them in reverse order. OTP's supervisor as a CAF actor.
//
// Messages (all answered, errors are supervision_errc):
//   (start_child_atom, child_spec)      → caf::actor when it is ready; null if
//                                         it ignored. A failed start keeps
//                                         nothing. A known id: already_present
//                                         if that child is stopped, otherwise
//                                         already_started
//   (start_child_atom, caf::message)    → the same; simple_one_for_one: the
//                                         message goes to the template
//   (terminate_child_atom, string id)   → (); idempotent, keeps the spec unless
//                                         temporary, of a template or not ready
//                                         for the first time yet; cancels a
//                                         pending retry
//   (kill_child_atom, string id)        → (); the same, but killed at once
//   (retire_child_atom, token)          → (), however long it takes to end: the
//                                         child with this life (child_spec.hpp)
//                                         is forgotten, so that its id is free,
//                                         and stopped as by terminate_child
//   (restart_child_atom, string id)     → caf::actor; only stopped children; a
//                                         budget of its own is a fresh one,
//                                         its backoff begins anew
//   (delete_child_atom, string id)      → (); only stopped children
//   (replace_child_atom, string id)     → caf::actor: a second incarnation is
//                                         started beside the first; when it is
//                                         ready it is the child and the first
//                                         retires, as child_spec::retire says;
//                                         it belongs to no child any more. If
//                                         its start fails the first stays.
//   (terminate_child_atom, caf::actor), (replace_child_atom, caf::actor)
//                                       → the same, by handle: that of the
//                                         child, or the last that it had
//   (which_children_atom)               → std::vector<child_info>; after the
//                                         children those that retire or were
//                                         abandoned, under the same ids
//   (count_children_atom)               → child_counts, of children only
//   (tree_atom)                         → supervision_tree: this supervisor and
//                                         its children; request_tree asks those
//                                         below, too
//   (ready_atom)                        → () after the initial start, or
//                                         start_failed as soon as it failed
// Children report (child_ready_atom, token) or (child_failed_atom, token,
// caf::error), see child_spec.hpp; one that retires may report
// (child_idle_atom, token): it has nothing left, and is stopped now, within the
// limit of `stop`.
//
// What starts or stops children waits while the initial start or the restart of
// a group is under way; a child that is never ready holds it up for as long as
// its start_limit, which is infinite unless it says otherwise. While the group
// waits for a backoff children can be stopped; one that is started by hand is
// in backoff, too, and starts with the group, after those it depends on.
//
// Stopping: exit_msg with exit_reason::user_shutdown (or any other but kill,
// and none: a normal exit is ignored) from anybody who is not a child, nor was
// linked by a start function, stops the children and then the supervisor, which
// ends with the reason that it was sent: those of the specification in reverse
// order, those that were added at run time together (in OTP only those of a
// template are); of one_for_all and rest_for_one all in reverse order.
// exit_reason::kill ends it at once; its children are killed with it, and a
// successor waits until they are down. One that does not even hear that is
// abandoned; its children are killed then.
//
// Restarts of a group (one_for_all, rest_for_one) start all its members, also
// those that were stopped by terminate_child (as in OTP) or were being
// replaced; but not those that have used up a budget of their own. If one dies
// while the group waits for the backoff of another both are waited for: of
// one_for_all all wait for the later one, of rest_for_one each for its own and
// for those before it. If one does not start, rest_for_one tries again from
// that one on (as OTP), one_for_all from the first.
//
// It lives until it is stopped or killed, whoever holds its handle: also when
// the function that started it returns. A program that does not stop its trees
// waits for them where CAF waits for all actors, at the end of the system.
//
// A blocking actor as a child must handle exit messages itself: CAF gives it
// none while it waits for something else, and cannot kill it; it is abandoned.
//
// What would start or stop children is answered with shutting_down while it
// stops, anything after its end; the cause of that (cause_of) is why it stops;
// ready_atom is answered with that cause itself if it is a failure. Only one
// that was killed has no last word: CAF answers for it with
// sec::request_receiver_down.
//
// A supervisor ends by itself with restart_intensity_reached when its budget is
// used up, with start_failed when a child did not start initially, with
// user_shutdown when auto_shutdown says so, unless it is the used-up budget of
// a significant child that says so: then with restart_intensity_reached.
//
// Time comes from the actor system's clock, randomness from `seed`.
//
//   auto sup = charmer::start_supervisor(system, {.name = "root",
//     .children = {{.id = "counter", .start = start_counter}}});
#pragma once

#include "charmer/supervision/caf.hpp"
#include "charmer/supervision/child_spec.hpp"
#include "charmer/supervision/errors.hpp"
#include "charmer/supervision/event_hub.hpp"
#include "charmer/supervision/messages.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace charmer {

/// Whom the death of one child concerns.
enum class strategy : std::uint8_t {
  one_for_one,        ///< that child only
  one_for_all,        ///< all children are restarted
  rest_for_one,       ///< that child and those started after it
  simple_one_for_one, ///< many alike, made from one template at run time
};

/// Whether the end of significant children ends the supervisor.
enum class auto_shutdown : std::uint8_t {
  never,
  any_significant, ///< the first significant child that ends for good
  all_significant, ///< the last one
};

struct supervisor_spec {
  /// Without "/" and without control characters.
  std::string name = "supervisor";
  /// What stands before the name in the path, without a slash at its end.
  std::string path_prefix{};
  charmer::strategy strategy = charmer::strategy::one_for_one;
  restart_intensity intensity{};
  charmer::auto_shutdown auto_shutdown = charmer::auto_shutdown::never;
  /// simple_one_for_one: exactly one, the template.
  std::vector<child_spec> children{};
  /// Where events go; may be null. Below another supervisor null means: where
  /// those of that one go.
  std::shared_ptr<event_hub> events{};
  /// How long a killed child may take to be gone before it is abandoned.
  timespan kill_grace = std::chrono::seconds(5);
  /// How long the stop of all children may take; what is left is killed then,
  /// and abandoned after kill_grace on top.
  timespan stop_limit = infinite;
  /// For the jitter of backoff. 0: from the system.
  std::uint64_t seed = 0;
  /// Called with why it will end when its intensity is reached, before it stops
  /// its children, which may take a while. May be null; must neither block nor
  /// throw.
  std::function<void(const caf::error& why)> when_exhausted{};
  /// Called when a child is stopped that was told to (terminate_child,
  /// kill_child) and stays so until somebody starts it again; not while the
  /// supervisor itself stops. May be null; must neither block nor throw.
  std::function<void(const std::string& id)> when_stopped{};
};

std::string to_string(strategy x);

/// None, or an error that tells where in the tree something is wrong, what it
/// is, and what would be right.
caf::error validate(const supervisor_spec& x);

/// Spawns a supervisor, or tells what is wrong with the spec, or with that of a
/// supervisor below; then nothing was started. Its children start in order,
/// each is awaited: see ready_atom.
caf::expected<caf::actor> start_supervisor(caf::actor_system& system,
                                           supervisor_spec spec);

/// A supervisor as a child of another, ready when all its children are. Its
/// name becomes `id`, its path continues that of its parent. What the caller
/// may change in the result: restart, stop, significant, intensity, retry.
child_spec supervisor_child(std::string id, supervisor_spec spec);

} // namespace charmer
