#include "charmer/profiles/worker_frames.hpp"

#include "charmer/profiles/worker_options.hpp"
#include "charmer/supervision/errors.hpp"
#include "charmer/wire/line_tail.hpp"

#include <utility>

#include <nlohmann/json.hpp>

namespace charmer {

namespace {

// The causes first, as Python prints them.
std::string whole_traceback(const wire::Exception& x) {
  if (!x.has_cause())
    return x.traceback();
  return whole_traceback(x.cause()) + "\nThe above led to:\n\n" + x.traceback();
}

severity severity_of(int python_level) {
  return python_level >= 40   ? severity::error
         : python_level >= 30 ? severity::warning
         : python_level >= 20 ? severity::info
                              : severity::debug;
}

// A worker is not trusted to send JSON where JSON is due.
void set_json(event& to, const char* key, std::string& text) {
  if (text.empty())
    return;
  if (nlohmann::json::accept(text))
    to.set_json(key, std::move(text));
  else
    to.set(key, wire::as_utf8(text));
}

// Adapters choose names, but not those by which the host tells what it knows
// itself: others rely on them.
std::string telemetry_name(std::string name) {
  constexpr std::string_view reserved = "charmer.";
  if (name.compare(0, reserved.size(), reserved) == 0
      && name != worker_gil_enabled)
    return "adapter." + name;
  return name;
}

} // namespace

wire::Frame hello_for(const worker_session& session) {
  auto& settings = session.settings();
  wire::Frame frame;
  auto& hello = *frame.mutable_hello();
  hello.set_version(wire::protocol_version);
  hello.set_pool(settings.name);
  hello.set_worker(session.worker());
  hello.set_incarnation(session.incarnation());
  hello.set_adapter(settings.adapter);
  for (auto& x : settings.python_path)
    hello.add_python_path(x);
  hello.set_max_frame_bytes(settings.max_frame_bytes);
  hello.set_threads(threads_of(settings));
  hello.set_log_level(settings.log_level);
  for (auto& x : settings.idempotent)
    hello.add_idempotent(x);
  hello.set_options(worker_options(settings));
  return frame;
}

worker_info info_from(const wire::Ready& x) {
  worker_info info{.interpreter = x.executable(),
                   .python_version = x.python_version(),
                   .gil_enabled = x.gil_enabled()};
  for (auto& c : x.commands())
    info.commands.push_back(
        {c.name(), c.idempotent(), c.stream(), c.signature(), c.doc()});
  return info;
}

pool_errc code_of(wire::Failure::Kind kind) {
  switch (kind) {
    case wire::Failure::UNKNOWN_COMMAND:
      return pool_errc::unknown_command;
    case wire::Failure::BAD_ARGUMENTS:
    case wire::Failure::BAD_RESULT:
      return pool_errc::bad_payload;
    case wire::Failure::TOO_LARGE:
      return pool_errc::frame_too_large;
    case wire::Failure::START:
    case wire::Failure::VERSION:
      return pool_errc::start_failed;
    case wire::Failure::CANCELLED:
      return pool_errc::cancelled;
    default:
      return pool_errc::python_exception;
  }
}

void describe(failure& to, const wire::Exception& x) {
  to.type = x.type();
  to.text = x.type().empty()   ? x.text()
            : x.text().empty() ? x.type()
                               : x.type() + ": " + x.text();
  to.traceback = whole_traceback(x);
}

std::string unsendable(const invocation& x) {
  auto name = !wire::is_utf8(x.command)               ? "command"
              : !wire::is_utf8(x.options.session)     ? "session"
              : !wire::is_utf8(x.options.correlation) ? "correlation"
                                                      : "";
  if (*name != '\0')
    return name + std::string{" is not UTF-8"};
  if (x.arguments.is > payload::kind::raw)
    return "arguments are a payload of an unknown kind, "
           + std::to_string(static_cast<int>(x.arguments.is));
  return {};
}

wire::Exception exception_from(const caf::error& x) {
  auto what = failure_of(x);
  auto code = code_of(x);
  wire::Exception result;
  result.set_type(!what.type.empty() ? wire::as_utf8(what.type)
                  : code             ? to_string(*code)
                                     : "error");
  // Texts of exceptions begin with their type, which Python prints, too.
  auto prefix = what.type + ": ";
  auto prefixed = !what.type.empty() && what.text.rfind(prefix, 0) == 0;
  result.set_text(
      wire::as_utf8(prefixed ? what.text.substr(prefix.size()) : what.text));
  result.set_traceback(wire::as_utf8(what.traceback));
  return result;
}

event event_from(wire::Log& x) {
  event e{.name = "charmer.worker.log", .level = severity_of(x.level())};
  e.text = std::move(*x.mutable_text());
  e.set("logger", x.logger());
  e.set("level", x.level());
  e.set("time", x.time());
  if (!x.correlation().empty())
    e.set("correlation", x.correlation());
  return e;
}

event event_from(wire::Telemetry& x) {
  event e{.name = telemetry_name(std::move(*x.mutable_name()))};
  set_json(e, "measurements", *x.mutable_measurements());
  set_json(e, "metadata", *x.mutable_metadata());
  if (!x.correlation().empty())
    e.set("correlation", x.correlation());
  return e;
}

caf::error with_details(caf::error reason, const failure& what, pid_t pid,
                        const std::vector<running_request>& running) {
  if (!reason)
    return reason;
  exit_details said{.text = what.text};
  auto set = [&](const char* key, const auto& value) {
    said.details[key] = nlohmann::json(value).dump();
  };
  if (pid != 0)
    set("pid", pid);
  if (what.exit_code >= 0)
    set("exit_code", what.exit_code);
  if (what.signal != 0)
    set("signal", what.signal);
  if (!what.stderr_tail.empty())
    set("stderr", what.stderr_tail);
  if (!what.traceback.empty())
    set("traceback", what.traceback);
  auto requests = nlohmann::json::array();
  for (auto& x : running)
    requests.push_back({{"id", x.id}, {"command", x.command}});
  if (!requests.empty())
    set("requests", requests);
  return with_context(reason, std::move(said));
}

} // namespace charmer
