// private: What frames mean: between the schema and the values of this room.
//
// Threading: functions of their arguments.
#pragma once

#include "charmer/profiles/worker_session.hpp"
#include "charmer/wire/frames.hpp"

#include <string_view>

namespace charmer {

/// The one event of which Python's side of charmer is the source.
inline constexpr std::string_view worker_gil_enabled =
    "charmer.worker.gil_enabled";

/// The first frame of the host.
wire::Frame hello_for(const worker_session& session);

/// What a worker says of itself; the rest is left empty.
worker_info info_from(const wire::Ready& x);

/// What a failure is called on this side.
pool_errc code_of(wire::Failure::Kind kind);

/// Fills in type, text and traceback, causes included.
void describe(failure& to, const wire::Exception& x);

/// Which part of a request cannot be in a frame, and why not; empty: all can.
std::string unsendable(const invocation& x);

/// An error of the application, as the exception that Python raises.
wire::Exception exception_from(const caf::error& x);

/// A record of Python's logging as an event.
event event_from(wire::Log& x);

/// What an adapter tells, as an event.
event event_from(wire::Telemetry& x);

/// A request that a worker had begun and not finished.
struct running_request {
  std::uint64_t id;
  std::string command;
};

/// Adds to a reason for ending what supervisors put into their events. A normal
/// end stays one. `pid` 0: there was no process.
caf::error with_details(caf::error reason, const failure& what, pid_t pid,
                        const std::vector<running_request>& running);

} // namespace charmer
