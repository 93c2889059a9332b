// Functions of the application that Python commands call by name.
//
//   app->register_function("price_of", [&](const charmer::host_call& x) {
//     return prices.at(x.json().at("item"));
//   });
//   # Python:  price = charmer.host.call("price_of", {"item": "bread"})
//
// A function runs in a thread of its own: it may block, and call pools. What it
// throws, and an error that it returns, is raised in Python as HostError, with
// type and text. What it calls carries the correlation of the command's call,
// and has no more time than the command waits (x.time_left).
//
// When the command's request ends without a result (it is cancelled, its time
// is over, its worker dies), nobody waits for the function any more. It cannot
// be ended, and runs on; what it answers is dropped. The call or stream of a
// pool whose outcome it waits for (receive) is cancelled; other things that it
// began (casts, leases, messages to actors) are its own to end.
//
// One that calls back into the pool whose command called it needs another
// worker; a call that could only wait for itself is answered would_deadlock.
//
// An actor that is registered gets a host_call, and answers with a payload or
// an error, which is dropped likewise; nobody tells it. What it calls on behalf
// of a command it calls with {.correlation = x.correlation, .chain = x.chain,
// .time_left = x.time_left}.
//
// Threading: functions may be called at once, from as many threads as commands
// run. They may run until the actor system ends, even after their runtime.
#pragma once

#include "charmer/actors/arguments.hpp"
#include "charmer/profiles/messages.hpp"

#include <concepts>
#include <functional>
#include <string>
#include <utility>

namespace charmer {

/// What a function answers: any JSON value, a payload (bytes, a message), or an
/// error.
class host_answer {
public:
  template <std::convertible_to<value> T>
  host_answer(const T& x) : content_(payload::json(value(x).text())) {}

  host_answer(payload x) : content_(std::move(x)) {}
  host_answer(caf::error x) : content_(std::move(x)) {}
  host_answer(pool_errc x) : content_(make_error(x, std::string{})) {}

  const caf::expected<payload>& content() const noexcept { return content_; }

private:
  caf::expected<payload> content_;
};

using host_function = std::function<host_answer(const host_call&)>;

/// Makes a function known to the pools of every runtime of this process, in
/// place of an earlier one of that name; an empty one takes the name away.
/// Those of a runtime's own come first. Thread-safe.
void register_function(const std::string& name, host_function f);

} // namespace charmer
