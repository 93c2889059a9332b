#include "charmer/tools/call_command.hpp"

#include "charmer/actors/stream.hpp"
#include "charmer/profiles/errors.hpp"
#include "charmer/tools/application.hpp"
#include "charmer/tools/dispatcher.hpp"
#include "charmer/tools/json_check.hpp"
#include "charmer/tools/streams.hpp"

#include <poll.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>

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

void append(output_stream& to, const payload& value) {
  to.buffer() += value.data;
  if (value.is == payload::kind::json)
    to.buffer() += '\n';
}

exit_status status_of_output(const output_stream& x, console& out) {
  if (x.closed())
    return exit_status::output_closed;
  if (x.error().empty())
    return exit_status::ok;
  out.complain(x.error());
  return exit_status::io;
}

// Waits for what comes next. False: a signal came first.
template <class T>
bool await(polled_queue<T>& queue, signal_watch& signals) {
  std::array<pollfd, 2> fds{
      {{queue.fd(), POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
  while ((poll(fds.data(), fds.size(), -1) < 0 || fds[0].revents == 0)
         && !signals.take())
    continue;
  return signals.taken() == 0;
}

exit_status complain(const caf::error& why, console& out) {
  out.complain(describe(why));
  return status_of(why);
}

// What a call needs, however its result comes.
struct call_place {
  caf::actor_system& system;
  const pool_handle& pool;
  call_options options;
  signal_watch& signals;
  console& out;
};

exit_status call_once(const call_arguments& x, std::string arguments,
                      const call_place& at) {
  auto outcomes = std::make_shared<outcome_queue>();
  dispatcher calls{at.system, at.pool, x.command, at.options, outcomes};
  calls.send({{0, std::move(arguments)}});
  if (!await(*outcomes, at.signals)) {
    calls.cancel();
    return status_of_signal(at.signals.taken());
  }
  auto outcome = std::move(outcomes->take().front());
  if (outcome.error)
    return complain(outcome.error, at.out);
  output_stream to{""};
  append(to, outcome.value);
  to.write_all();
  return status_of_output(to, at.out);
}

// A chunk, or how it all ended.
struct stream_piece {
  std::optional<chunk> next;
  caf::error why;
};

using stream_queue = polled_queue<stream_piece>;

caf::behavior collector(caf::event_based_actor* self,
                        std::shared_ptr<stream_queue> pieces) {
  auto end = [=](caf::error why) {
    pieces->put({std::nullopt, std::move(why)});
    self->quit();
  };
  return {
      [=](chunk& x) {
        pieces->put({std::move(x), {}});
      },
      [=](const stream_end&) { end({}); },
      [=](stream_failure& x) { end(std::move(x.why)); },
  };
}

// Waits until the output can be written to, if there is something to write, or
// else for a piece or a signal. False: nobody reads the output any more.
bool await(stream_queue& pieces, output_stream& to, signal_watch& signals) {
  short wanted = to.empty() ? 0 : POLLOUT;
  std::array<pollfd, 3> fds{{{to.fd(), wanted, 0},
                             {signals.fd(), POLLIN, 0},
                             {to.empty() ? pieces.fd() : -1, POLLIN, 0}}};
  poll(fds.data(), fds.size(), -1);
  signals.take();
  if ((fds[0].revents & POLLOUT) != 0)
    to.write_some();
  return (fds[0].revents & POLLERR) == 0;
}

// Prints chunks; those that were printed let others come.
exit_status call_stream(const call_arguments& x, std::string arguments,
                        const call_place& at) {
  auto pieces = std::make_shared<stream_queue>();
  auto consumer = at.system.spawn(collector, pieces);
  auto stream = stream_to(consumer, at.pool, x.command,
                          payload::json(std::move(arguments)), at.options);
  output_stream to{""};
  caf::error why;
  std::uint32_t printed = 0;
  auto over = false;
  auto read = true;
  while (read && !(over && to.empty()) && at.signals.taken() == 0
         && to.error().empty()) {
    read = await(*pieces, to, at.signals) && !to.closed();
    if (!to.empty())
      continue;
    if (printed != 0)
      stream.acknowledge(std::exchange(printed, 0));
    for (auto& piece : pieces->take())
      if (piece.next) {
        append(to, piece.next->value);
        ++printed;
      } else {
        over = true;
        why = std::move(piece.why);
      }
  }
  // The stream ends with its consumer, whatever the reason was to stop.
  ask_to_stop(consumer);
  if (at.signals.taken() != 0)
    return status_of_signal(at.signals.taken());
  auto status =
      read ? status_of_output(to, at.out) : exit_status::output_closed;
  return status == exit_status::ok && why ? complain(why, at.out) : status;
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
  auto pool = *app.pools().pool(name);
  call_place at{app.system(),
                pool,
                {.timeout = x.timeout == timespan{0} ? unsaid : x.timeout,
                 .session = x.session},
                signals,
                out};
  return x.stream ? call_stream(x, std::move(arguments), at)
                  : call_once(x, std::move(arguments), at);
}

} // namespace charmer::tools
