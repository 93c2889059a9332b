// What can go wrong in a supervision tree, and what a death says about itself.
//
// Requests to a supervisor or an event manager that fail are answered with a
// caf::error whose code is a supervision_errc. Its context is a text that
// names the child, and after that, where something else was the reason, the
// error of that (cause_of). Why caf::error and not std::error_code: it is what
// CAF's response handlers deliver, and it carries context, across nodes too.
//
// Threading: plain values.
//
//   self->quit(charmer::make_error(charmer::supervision_errc::planned_stop));
#pragma once

#include "charmer/supervision/caf.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace charmer {

enum class supervision_errc : std::uint8_t {
  none = 0,
  already_started,           ///< a child of that id is there, not stopped
  already_present,           ///< a child of that id is known and stopped
  not_found,                 ///< no child (or handler) of that name
  running,                   ///< only possible when the child is stopped
  restarting,                ///< only possible when no start is pending
  not_running,               ///< only possible when the child is running
  start_failed,              ///< a child could not be started; see cause_of
  start_timeout,             ///< a child was not ready within its start_limit
  invalid_spec,              ///< the specification is wrong; see the text
  restart_intensity_reached, ///< too many restarts in too short a time
  shutting_down,             ///< the supervisor is being stopped
  /// Not an error: an actor that quits with this is restarted without charging
  /// a budget and without backoff (recycling, overrun). For ever, if each
  /// incarnation does: whoever quits so must know that the next one need not.
  planned_stop,
  replaced,       ///< superseded by another incarnation or request
  unsupported,    ///< this strategy or handler cannot do that
  abandoned,      ///< was killed and is still not gone
  handler_failed, ///< a handler threw, or answered with an error
};

/// The name of the code: "start_failed".
std::string to_string(supervision_errc x);

/// What an actor may put into the context of the error it quits with. The
/// supervisor copies it into the events about that death.
struct exit_details {
  std::string text; ///< one line for people
  /// Keys are names, values are JSON texts; nobody here interprets them.
  std::map<std::string, std::string> details;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, exit_details& x) {
  return inspect_fields(f, x, "charmer::exit_details", x.text, x.details);
}

/// Makes an error: what happened on one line and what led to it.
caf::error make_error(supervision_errc code, std::string text = {},
                      caf::error cause = {});

/// Makes the error that an actor quits with.
caf::error make_error(supervision_errc code, exit_details said);

/// Whether the code is this one.
template <class Code>
bool is(const caf::error& x, Code code) {
  auto expected = caf::error{code};
  return x && x.code() == expected.code()
         && x.category() == expected.category();
}

/// What the error carries, or nothing.
std::optional<exit_details> exit_details_of(const caf::error& x);

/// The error that led to this one, or none.
caf::error cause_of(const caf::error& x);

/// The error on one line, with context and cause. Knows the categories of CAF,
/// of supervision and of error_texts.hpp; for others it gives category, number
/// and context, unless they carry exit_details.
std::string describe_reason(const caf::error& x);

} // namespace charmer

CHARMER_ERROR_CODES(charmer::supervision_errc, "supervisor")
