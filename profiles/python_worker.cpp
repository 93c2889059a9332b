#include "charmer/profiles/python_worker.hpp"

#include "charmer/profiles/worker_frames.hpp"
#include "charmer/supervision/errors.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

namespace charmer {

namespace {

using namespace std::chrono_literals;

// Between the end of stdout and the end of the process; only a worker that
// closed it and lives on needs longer.
constexpr timespan silence_limit = 500ms;

// Evidence for the pool, which does not know of pages.
class page_evidence : public execution_evidence {
public:
  explicit page_evidence(std::shared_ptr<const wire::progress_page> page)
      : page_(std::move(page)) {}

  bool begun(std::uint64_t lease) const override { return page_->begun(lease); }

private:
  std::shared_ptr<const wire::progress_page> page_;
};

caf::error thrown(const std::exception_ptr& x) {
  try {
    std::rethrow_exception(x);
  } catch (const std::exception& e) {
    return make_error(pool_errc::worker_died, e.what());
  } catch (...) {
    return make_error(pool_errc::worker_died, "an unknown exception");
  }
}

} // namespace

// -- the table of messages ----------------------------------------------------

caf::behavior python_worker::run(std::shared_ptr<worker_session> session) {
  session_ = std::move(session);
  self_->set_exit_handler([this](caf::exit_msg& x) { stop(x.reason); });
  self_->set_error_handler([](caf::scheduled_actor*, caf::error&) {});
  self_->set_down_handler([](caf::scheduled_actor*, caf::down_msg&) {});
  self_->set_default_handler(caf::drop);
  self_->set_exception_handler([](std::exception_ptr& x) { return thrown(x); });
  return {
      [this](const invocation& x) -> caf::delegated<reply> {
        call(x);
        return {};
      },
      [this](cancel_atom, std::uint64_t lease) { cancel(lease); },
      [this](expel_atom) { expel(); },
      [this](worker_tick what) { tick(what); },
      [this](const caf::io::new_data_msg& x) { received(x); },
      [this](const caf::io::connection_closed_msg& x) { closed(x); },
      [this](const caf::io::data_transferred_msg& x) { written(x); },
  };
}

void python_worker::call(const invocation& x) {
  auto id = self_->current_message_id();
  if (!id.is_request())
    return;
  open_request who{self_->current_sender(), id.response_id(), x.command};
  auto lease = id.request_id().integer_value();
  auto parts = parts_of(x, lease);
  auto size = wire::call_size(parts);
  if (size > session_->settings().max_frame_bytes) {
    auto what = session_->blank_failure();
    what.command = x.command;
    what.text = "the request needs a frame of " + std::to_string(size)
                + " bytes; max_frame_bytes is "
                + std::to_string(session_->settings().max_frame_bytes);
    answer(who, caf::make_message(
                    make_error(pool_errc::frame_too_large, std::move(what))));
    return;
  }
  lane_->add(lease, std::move(who));
  if (!input_)
    return; // it is dying; the pool will be told that this never began
  wire::append_call_head(out(), parts);
  auto& body = x.arguments.data;
  if (body.size() < wire::outbox::large_body) {
    out().insert(out().end(), body.begin(), body.end());
  } else {
    auto held = std::make_shared<caf::message>(
        self_->current_mailbox_element()->copy_content_to_message());
    auto& kept = held->get_as<invocation>(0).arguments.data;
    outbox_.append_body(kept, held);
  }
  flush_soon();
}

void python_worker::cancel(std::uint64_t lease) {
  if (child_ == nullptr || !lane_->contains(lease))
    return;
  child_->page->cancel(lease);
  wire::Frame frame;
  frame.mutable_cancel()->set_id(lease);
  send_frame(frame);
}

void python_worker::expel() {
  expelled_ = true;
  session_->plan_end();
  if (child_ != nullptr)
    child_->kill();
  else
    quit_with(make_error(supervision_errc::planned_stop), {});
}

void python_worker::stop(caf::error reason) {
  if (stop_reason_ || expelled_)
    return;
  stop_reason_ = std::move(reason);
  session_->plan_end();
  session_->host().retiring();
  if (child_ == nullptr) {
    self_->quit(*stop_reason_); // the session buries what is being started
  } else if (!ready_) {
    child_->kill();
  } else {
    lane_->close();
    wire::Frame frame;
    frame.mutable_drain();
    send_frame(frame);
    close_input_ = true;
    auto limit = session_->settings().worker_shutdown;
    if (limit != infinite) {
      send_later(self_, limit / 2, worker_tick::terminate_limit);
      // A little early: the supervisor's own limit is the same.
      send_later(self_, limit / 10 * 9, worker_tick::kill_limit);
    }
  }
}

void python_worker::tick(worker_tick what) {
  switch (what) {
    case worker_tick::started:
      adopt();
      break;
    case worker_tick::flush:
      flushing_ = false;
      flush();
      break;
    case worker_tick::start_limit:
      if (!ready_)
        condemn(pool_errc::start_failed, "no handshake within start_timeout");
      break;
    case worker_tick::silence_limit:
      condemn(pool_errc::protocol_error,
              "the worker closed stdin or stdout and lives on");
      break;
    case worker_tick::terminate_limit:
      child_->signal(SIGTERM);
      break;
    case worker_tick::kill_limit:
      child_->kill();
      break;
  }
}

void python_worker::received(const caf::io::new_data_msg& x) {
  if (watch_ && x.handle == watch_->hdl()) {
    exited();
    return;
  }
  std::string_view bytes{x.buf.data(), x.buf.size()};
  if (output_ && x.handle == output_->hdl()) {
    output_->adapt(bytes.size());
    hear(bytes);
  } else if (errors_ && x.handle == errors_->hdl()) {
    errors_->adapt(bytes.size());
    tail_->feed(bytes, [this](const std::string& line) { tell_line(line); });
  }
}

void python_worker::closed(const caf::io::connection_closed_msg& x) {
  if (output_ && x.handle == output_->hdl()) {
    output_ = nullptr;
    pipe_closed();
  } else if (errors_ && x.handle == errors_->hdl()) {
    errors_ = nullptr;
  } else if (input_ && x.handle == input_->hdl()) {
    input_ = nullptr;
    pipe_closed();
  }
}

void python_worker::written(const caf::io::data_transferred_msg& x) {
  if (!input_)
    return;
  input_->transferred(x.remaining);
  if (!input_->busy())
    flush();
}

// -- starting -----------------------------------------------------------------

void python_worker::adopt() {
  child_ = session_->child();
  if (child_ == nullptr) {
    auto what = session_->blank_failure();
    what.text = failure_of(session_->start_error()).text;
    auto error = make_error(pool_errc::start_failed, what);
    session_->tell_died(error);
    quit_with(std::move(error), what);
    return;
  }
  auto& loop = wire::reader::loop_of(self_);
  input_ = caf::make_counted<wire::writer>(loop, std::move(child_->input));
  output_ = caf::make_counted<wire::reader>(loop, std::move(child_->output));
  errors_ = caf::make_counted<wire::reader>(loop, std::move(child_->errors));
  watch_ = caf::make_counted<wire::exit_watch>(loop, child_->pidfd());
  self_->add_scribe(input_);
  self_->add_scribe(output_);
  self_->add_scribe(errors_);
  self_->add_scribe(watch_);
  output_->adapt(0);
  errors_->adapt(0);
  watch_->configure_read(caf::io::receive_policy::exactly(1));
  auto& settings = session_->settings();
  splitter_.emplace(settings.max_frame_bytes);
  tail_.emplace(settings.stderr_lines);
  if (settings.start_timeout != infinite)
    send_later(self_, settings.start_timeout, worker_tick::start_limit);
  send_frame(hello_for(*session_));
}

void python_worker::greeted(wire::Ready& x) {
  if (ready_ || verdict_)
    return;
  if (x.version() != wire::protocol_version) {
    condemn(pool_errc::start_failed,
            "the worker speaks version " + std::to_string(x.version())
                + " of the protocol, the host version "
                + std::to_string(wire::protocol_version)
                + ": their installations do not fit together");
    return;
  }
  ready_ = true;
  if (input_)
    lane_->open(input_->fd(), session_->settings().max_frame_bytes);
  auto info = info_from(x);
  info.handle = make_worker_front(caf::actor{self_}, lane_);
  info.pid = child_->pid();
  info.evidence = std::make_shared<page_evidence>(child_->page);
  session_->host().ready(std::move(info));
}

void python_worker::refused(wire::Failure& x) {
  if (ready_)
    return;
  auto what = session_->blank_failure();
  describe(what, x.exception());
  condemn(pool_errc::start_failed, std::move(what));
}

// -- frames -------------------------------------------------------------------

void python_worker::hear(std::string_view bytes) {
  if (verdict_)
    return; // what it says now is worth nothing
  auto understood = splitter_->feed(
      bytes, [this](std::string_view frame) { return handle(frame); });
  if (understood || verdict_)
    return;
  if (auto length = splitter_->refused_length())
    condemn(pool_errc::protocol_error,
            "the worker announced a frame of " + std::to_string(length)
                + " bytes; max_frame_bytes is "
                + std::to_string(session_->settings().max_frame_bytes));
  else
    condemn(pool_errc::protocol_error, "the worker sent what is no frame");
}

bool python_worker::handle(std::string_view bytes) {
  if (!frame_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return false;
  switch (frame_.body_case()) {
    case wire::Frame::kResult:
      finished(*frame_.mutable_result());
      break;
    case wire::Frame::kFailure:
      failed(*frame_.mutable_failure());
      break;
    case wire::Frame::kReady:
      greeted(*frame_.mutable_ready());
      break;
    case wire::Frame::kLog:
      tell_through(record_gate_, event_from(*frame_.mutable_log()));
      break;
    case wire::Frame::kTelemetry:
      tell_through(record_gate_, event_from(*frame_.mutable_telemetry()));
      break;
    default:
      break; // a newer peer, or an answer to what was never asked
  }
  return !verdict_;
}

void python_worker::finished(wire::Result& x) {
  settle(x.id(), caf::make_message(reply{
                     wire::take(*x.mutable_value()),
                     timespan{static_cast<std::int64_t>(x.elapsed_ns())}}));
}

void python_worker::failed(wire::Failure& x) {
  if (x.id() == 0) {
    refused(x);
    return;
  }
  auto what = session_->blank_failure();
  what.command = lane_->command_of(x.id());
  what.begun = x.kind() != wire::Failure::UNKNOWN_COMMAND
               && x.kind() != wire::Failure::BAD_ARGUMENTS;
  describe(what, x.exception());
  settle(x.id(),
         caf::make_message(make_error(code_of(x.kind()), std::move(what))));
}

void python_worker::tell_line(const std::string& line) {
  tell_through(line_gate_, {.name = "charmer.worker.stderr", .text = line});
}

void python_worker::tell_through(wire::flood_gate& gate, event x) {
  if (!gate.pass(self_->clock().now()))
    return;
  if (auto dropped = gate.take_dropped())
    x.set("dropped_before", dropped);
  session_->host().tell(std::move(x));
}

// -- writing ------------------------------------------------------------------

// Where the next bytes go: straight into the pipe's buffer as long as nothing
// waits before them and that is not full.
std::vector<char>& python_worker::out() {
  lane_->occupy();
  auto& buffer = input_->wr_buf();
  return outbox_.empty() && buffer.size() < wire::outbox::buffer_limit
             ? buffer
             : outbox_.tail();
}

void python_worker::send_frame(const wire::Frame& frame) {
  if (!input_)
    return;
  wire::append_frame(out(), frame);
  flush_soon();
}

// Writes now if this was the last message of a burst, else after the burst.
void python_worker::flush_soon() {
  if (flushing_)
    return;
  flushing_ = true;
  cast(caf::actor{self_}, worker_tick::flush);
}

void python_worker::flush() {
  // So many pieces that one worker cannot keep the loop for itself.
  for (int pieces = 4; input_ && !input_->busy(); --pieces) {
    outbox_.fill(input_->wr_buf());
    if (input_->wr_buf().empty())
      break;
    if (pieces == 0) {
      flush_soon();
      return;
    }
    if (!input_->write_now()) {
      input_->drop();
      input_ = nullptr;
      pipe_closed();
    }
  }
  if (!input_ || input_->busy())
    return;
  if (close_input_) {
    input_->drop();
    input_ = nullptr;
  } else {
    lane_->vacate();
  }
}

// -- answering ----------------------------------------------------------------

void python_worker::answer(const open_request& to, caf::message content) {
  if (to.sender)
    to.sender->enqueue(self_->ctrl(), to.answer, std::move(content),
                       self_->context());
}

void python_worker::settle(std::uint64_t lease, caf::message content) {
  if (auto who = lane_->take(lease))
    answer(*who, std::move(content));
  else
    ++stale_;
}

// -- ending -------------------------------------------------------------------

void python_worker::condemn(pool_errc code, std::string text) {
  auto what = session_->blank_failure();
  what.text = std::move(text);
  condemn(code, std::move(what));
}

void python_worker::condemn(pool_errc code, failure why) {
  if (!verdict_)
    verdict_.emplace(code, std::move(why));
  child_->kill();
}

void python_worker::pipe_closed() {
  if (std::exchange(pipe_closed_, true) || session_->planned())
    return;
  send_later(self_, silence_limit, worker_tick::silence_limit);
}

void python_worker::exited() {
  auto status = child_->collect();
  if (!status)
    return;
  lane_->close();
  watch_->graceful_shutdown();
  watch_ = nullptr;
  if (output_)
    read_rest(output_->fd(), true);
  if (errors_)
    read_rest(errors_->fd(), false);
  tail_->finish([this](const std::string& line) { tell_line(line); });
  conclude(*status);
}

// What the process still said is in the pipe. A grandchild that holds the other
// end open could go on for ever: no more than the pipe can hold is ours.
void python_worker::read_rest(int fd, bool is_output) {
  constexpr std::size_t step = wire::reader::large_read;
  std::vector<char> buffer(step);
  auto left = static_cast<ssize_t>(::fcntl(fd, F_GETPIPE_SZ));
  while (left > 0) {
    auto n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return;
    left -= n;
    std::string_view bytes{buffer.data(), static_cast<std::size_t>(n)};
    if (is_output)
      hear(bytes);
    else
      tail_->feed(bytes, [this](const std::string& line) { tell_line(line); });
  }
}

void python_worker::conclude(wire::exit_status status) {
  auto code = pool_errc::worker_died;
  auto what = session_->blank_failure();
  if (verdict_) {
    code = verdict_->first;
    what = std::move(verdict_->second);
  } else if (!ready_ && !session_->planned()) {
    code = pool_errc::start_failed;
    what.text = "the worker ended before its handshake: " + status.text();
  } else {
    what.text = status.text();
  }
  what.exit_code = status.code;
  what.signal = status.signal;
  what.stderr_tail = tail_->last();
  auto error = make_error(code, what);
  session_->tell_died(error);
  if (expelled_)
    quit_with(make_error(supervision_errc::planned_stop), what);
  else if (stop_reason_)
    quit_with(*stop_reason_, what);
  else
    quit_with(std::move(error), what);
}

// The page is right even after a kill -9.
std::vector<running_request> python_worker::running() const {
  std::vector<running_request> result;
  if (child_ != nullptr && child_->page)
    for (auto id : child_->page->running())
      result.push_back({id, lane_->command_of(id)});
  return result;
}

void python_worker::quit_with(caf::error reason, const failure& what) {
  self_->quit(with_details(std::move(reason), what,
                           child_ != nullptr ? child_->pid() : 0, running()));
}

} // namespace charmer
