// What a supervisor has to know about a child.
//
// OTP's child specification as a value: an id, how to start it, when to
// restart it, how to stop it. Beyond OTP: a budget of its own, backoff, a
// start limit for children that become ready later.
//
// Threading: plain values. The start function runs in the supervisor and must
// not block; what takes long starts asynchronously (started::ready).
//
//   child_spec{.id = "counter", .start = [](const start_context& ctx) {
//     return started{ctx.self->spawn(counter)};
//   }};
#pragma once

#include "charmer/supervision/backoff.hpp"
#include "charmer/supervision/caf.hpp"
#include "charmer/supervision/errors.hpp"
#include "charmer/supervision/restart_budget.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace charmer {

class event_hub;
class roster;
struct supervisor_spec;

/// What a start function gets.
struct start_context {
  caf::actor supervisor;
  /// Names this start. Whoever reports that the child is ready says it.
  std::uint64_t token = 0;
  /// Counts the incarnations of this child, from 1.
  std::uint64_t incarnation = 0;
  /// Of the child: the supervisor's path, "/", its id.
  std::string path;
  /// The supervisor: spawns the child.
  caf::event_based_actor* self = nullptr;
  /// Another incarnation is alive, this one is started beside it.
  bool beside = false;
  /// What start_child added to the template (simple_one_for_one).
  caf::message arguments;
  /// Where the supervisor's events go; may be null.
  std::shared_ptr<event_hub> events;
};

/// What a start function returns.
struct started {
  /// A null handle means "ignore": the spec is kept, without a process. Each
  /// start returns an actor of its own: one that is a living child already, or
  /// the supervisor itself, counts as a failed start.
  caf::actor handle{};
  /// False: somebody will send (child_ready_atom, token) or (child_failed_atom,
  /// token, caf::error) to start_context::supervisor. The handle dying counts
  /// as failed, too.
  bool ready = true;
  /// Of a supervisor: supervisor_child sets it, others pass it on.
  std::shared_ptr<roster> below{};
};

/// An exception counts as a failed start. What was spawned before it is
/// nobody's child and lives on: spawn last, or link it.
using start_function =
    std::function<caf::expected<started>(const start_context&)>;

/// When a child that ended is started again.
enum class restart_type : std::uint8_t {
  permanent, ///< always
  transient, ///< unless it ended normally or was asked to shut down
  temporary, ///< never; its spec is removed when it ends
};

enum class child_type : std::uint8_t { worker, supervisor };

/// How a child is stopped: asked and awaited for a while, then killed.
class shutdown {
public:
  /// Asked, killed after `limit`.
  static constexpr shutdown after(timespan limit) {
    // The smallest one means something else here, and is wrong as a limit.
    return shutdown{std::max(limit, timespan::min() + timespan{1})};
  }

  /// Killed at once.
  static constexpr shutdown brutal_kill() { return shutdown{timespan::min()}; }

  /// Asked, and not killed but by limits of something else: the stop_limit of
  /// the supervisor, or start_limit and kill_grace if it never was ready. None
  /// of them is there unless it is set: a child that hangs then hangs the stop.
  static constexpr shutdown infinite() { return shutdown{charmer::infinite}; }

  constexpr bool kills_at_once() const noexcept {
    return limit_ == timespan::min();
  }

  constexpr bool waits_forever() const noexcept {
    return limit_ == charmer::infinite;
  }

  constexpr timespan limit() const noexcept { return limit_; }

  friend bool operator==(const shutdown&, const shutdown&) = default;

private:
  constexpr explicit shutdown(timespan limit) : limit_(limit) {}

  timespan limit_;
};

struct child_spec {
  /// Unique below one supervisor; without "/", which separates the ids of a
  /// path, and without control characters. Of a template the children are
  /// called id#1, id#2 …
  std::string id{};
  start_function start{};
  restart_type restart = restart_type::permanent;
  /// Default: 5 s for a worker, infinite for a supervisor.
  std::optional<shutdown> stop{};
  /// How it is stopped when another incarnation has taken its place (see
  /// replace_child_atom); it may have something to finish that takes longer.
  /// As soon as it has nothing left (see child_idle_atom), or its supervisor
  /// stops, it is asked again, and stopped as `stop` says. Default: as `stop`.
  std::optional<shutdown> retire{};
  child_type type = child_type::worker;
  /// Its end for good can end the supervisor: see auto_shutdown.
  bool significant = false;
  /// For a child that is started asynchronously: who asked for it is answered
  /// after this at the latest. It is stopped then as `stop` says, and one that
  /// would be awaited for ever (shutdown::infinite) is killed after the
  /// supervisor's kill_grace.
  timespan start_limit = infinite;
  /// A budget of its own, charged instead of the supervisor's. When it is used
  /// up this child stays stopped, its siblings live on; if auto_shutdown makes
  /// its end that of the supervisor that ends with restart_intensity_reached,
  /// as a failure. restart_child gives it a fresh one. Unlimited: for ever
  /// retried, with the default backoff if there is no other; nothing is in its
  /// window, so `restarts` of its events is 0.
  std::optional<restart_intensity> intensity{};
  /// None: restarted at once, as in OTP. Each child of a template waits for
  /// itself, and keeps its id and its arguments when it is started again.
  std::optional<backoff> retry{};
  /// Goes into every event about this child, also when it retires or is
  /// abandoned. Values are JSON texts. Over them goes what the supervisor says
  /// itself, below them what the child says when it dies.
  std::map<std::string, std::string> details{};
  /// Of a supervisor, set by supervisor_child: so mistakes in a tree are found
  /// before anything of it is started.
  std::shared_ptr<const supervisor_spec> below{};

  /// The value of `stop`, or the default.
  shutdown effective_stop() const;

  /// The value of `retire`, or the default.
  shutdown effective_retire() const;
};

std::string to_string(restart_type x);
std::string to_string(child_type x);

/// None, or an error that tells which child, what is wrong with it, and what
/// would be right. Of a supervisor the children are looked at, too.
caf::error validate(const child_spec& x);

} // namespace charmer
