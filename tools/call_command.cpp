#include "charmer/tools/call_command.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/tools/application.hpp"
#include "charmer/tools/dispatcher.hpp"
#include "charmer/tools/json_check.hpp"
#include "charmer/tools/streams.hpp"

#include <poll.h>

#include <array>

namespace charmer::tools {

namespace {

// The arguments as JSON text; empty if it has been said what is wrong.
std::string read_arguments(const call_arguments& x, console& out,
                           exit_status& status) {
  auto text = x.arguments;
  if (text == "-") {
    input_stream in{""};
    text = in.read_all();
    if (!in.error().empty()) {
      out.complain(in.error());
      status = exit_status::io;
      return {};
    }
  }
  if (auto fault = find_json_fault(text)) {
    out.complain("the arguments are no JSON: line "
                 + std::to_string(fault->line) + ", column "
                 + std::to_string(fault->column) + ": " + fault->text);
    status = exit_status::bad_input;
    return {};
  }
  return text;
}

exit_status print(payload value, console& out) {
  output_stream to{""};
  to.buffer() = std::move(value.data);
  if (value.is == payload::kind::json)
    to.buffer() += '\n';
  to.write_all();
  if (to.closed())
    return exit_status::output_closed;
  if (to.error().empty())
    return exit_status::ok;
  out.complain(to.error());
  return exit_status::io;
}

// Waits for the outcome. False: a signal came first.
bool await(outcome_queue& outcomes, signal_watch& signals) {
  std::array<pollfd, 2> fds{
      {{outcomes.fd(), POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
  while ((poll(fds.data(), fds.size(), -1) < 0 || fds[0].revents == 0)
         && !signals.take())
    continue;
  return signals.taken() == 0;
}

} // namespace

exit_status call_command(const call_arguments& x) {
  console out;
  auto status = exit_status::ok;
  auto arguments = read_arguments(x, out, status);
  if (status != exit_status::ok)
    return status;
  auto wanted = load_one(x.pools);
  if (!wanted) {
    out.complain(describe(wanted.error()));
    return status_of(wanted.error());
  }
  signal_watch signals;
  auto name = wanted->pools.front().name;
  application app{out, signals, x.told};
  status = app.start_or_complain(std::move(*wanted));
  if (status != exit_status::ok)
    return status;
  auto outcomes = std::make_shared<outcome_queue>();
  dispatcher calls{app.system(),
                   *app.pools().pool(name),
                   x.command,
                   {.timeout = x.timeout == timespan{0} ? unsaid : x.timeout,
                    .session = x.session},
                   outcomes};
  calls.send({{0, std::move(arguments)}});
  if (!await(*outcomes, signals)) {
    calls.cancel();
    return status_of_signal(signals.taken());
  }
  auto outcome = std::move(outcomes->take().front());
  if (!outcome.error)
    return print(std::move(outcome.value), out);
  out.complain(describe(outcome.error));
  return status_of(outcome.error);
}

} // namespace charmer::tools
