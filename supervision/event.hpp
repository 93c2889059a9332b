// What happens in the tree, as a value that can be filtered, printed and sent.
//
// Names are dotted and stable; those of the supervisor stand in event_name.
// `details` belongs to whoever makes the event: the values are JSON texts that
// nobody here interprets (of a Python worker: pid, signal, last lines of
// stderr). Event names and fields follow OTP's supervisor reports.
//
// Threading: a plain value.
//
//   event e{.name = "my.app.loaded", .text = "model loaded"};
//   e.set("bytes", std::int64_t{42});
//   hub->notify(std::move(e));
#pragma once

#include "charmer/supervision/caf.hpp"

#include <concepts>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>

namespace charmer {

/// `trace` is what happens to every single request: there is much of it, and it
/// is not even made unless a filter asks for it (`at_least`).
enum class severity : std::uint8_t { trace, debug, info, warning, error };

std::string to_string(severity x);

/// The events of supervisors and of the event manager.
namespace event_name {

inline constexpr std::string_view
    child_started = "charmer.supervisor.child_started",
    child_terminated = "charmer.supervisor.child_terminated",
    child_restarting = "charmer.supervisor.child_restarting",
    child_replaced = "charmer.supervisor.child_replaced",
    child_abandoned = "charmer.supervisor.child_abandoned",
    start_error = "charmer.supervisor.start_error",
    shutdown_error = "charmer.supervisor.shutdown_error",
    restart_intensity_reached = "charmer.supervisor.restart_intensity_reached",
    supervisor_started = "charmer.supervisor.supervisor_started",
    supervisor_stopped = "charmer.supervisor.supervisor_stopped",
    handler_removed = "charmer.events.handler_removed",
    handler_overflow = "charmer.events.handler_overflow";

} // namespace event_name

/// Fields that do not apply are empty or 0.
struct event {
  std::string name{};
  severity level = severity::info;
  caf::timestamp wall{};         ///< set by the hub if it is unset
  std::int64_t monotonic_ns = 0; ///< set by the hub if it is unset
  std::string path{};            ///< supervisor: "root/pool default/workers"
  std::string child{};           ///< id of the child
  std::uint64_t actor_id = 0;    ///< of the child's actor
  caf::error reason{};           ///< why it died or did not start
  std::string text{};            ///< one line for people
  std::uint32_t restarts = 0;    ///< in the window of the budget
  std::uint32_t attempt = 0;     ///< restarts in a row
  timespan delay{0};             ///< until the next attempt
  timespan uptime{0};            ///< how long the child had lived
  std::map<std::string, std::string> details{}; ///< JSON texts

  /// Sets a detail. The value is stored as JSON text.
  void set(std::string_view key, std::int64_t value);
  void set(std::string_view key, double value);
  void set(std::string_view key, bool value);
  void set(std::string_view key, std::string_view value);

  template <std::integral T>
  void set(std::string_view key, T value) {
    if constexpr (std::unsigned_integral<T>)
      set_json(key, std::to_string(value)); // also what no int64 can hold
    else
      set(key, static_cast<std::int64_t>(value));
  }

  void set(std::string_view key, const char* value) {
    set(key, std::string_view{value});
  }

  void set(std::string_view key, const std::string& value) {
    set(key, std::string_view{value});
  }

  /// Takes a text that is JSON already.
  void set_json(std::string_view key, std::string json) {
    details.insert_or_assign(std::string{key}, std::move(json));
  }
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, event& x) {
  return inspect_fields(f, x, "charmer::event", x.name, x.level, x.wall,
                        x.monotonic_ns, x.path, x.child, x.actor_id, x.reason,
                        x.text, x.restarts, x.attempt, x.delay, x.uptime,
                        x.details);
}

/// One line; texts of several lines follow on indented lines of their own. Of
/// other control characters the escape is written ("\\x1b"), so that nothing
/// that an actor says looks like an event of its own.
std::string to_string(const event& x);

std::ostream& operator<<(std::ostream& out, const event& x);

/// One JSON object on one line.
std::string to_json(const event& x);

} // namespace charmer
