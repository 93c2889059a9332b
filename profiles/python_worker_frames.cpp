// Part of python_worker: the frames that come and go.
#include "charmer/profiles/python_worker.hpp"

#include <utility>

namespace charmer {

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
    case wire::Frame::kChunk:
      chunked(*frame_.mutable_chunk());
      break;
    case wire::Frame::kEnd:
      ended(*frame_.mutable_end());
      break;
    case wire::Frame::kHostCall:
      asked(*frame_.mutable_host_call());
      break;
    case wire::Frame::kReady:
      greeted(*frame_.mutable_ready());
      break;
    case wire::Frame::kLog:
      tell_through(record_gate_, event_from(*frame_.mutable_log()));
      break;
    case wire::Frame::kTelemetry:
      tell_emitted(event_from(*frame_.mutable_telemetry()));
      break;
    default:
      break; // a newer peer, or an answer to what was never asked
  }
  return !verdict_;
}

void python_worker::finished(wire::Result& x) {
  auto who = take(x.id());
  if (who && who->granted != 0)
    condemn(pool_errc::protocol_error,
            "the worker answered a stream with a result");
  else
    settle(who, caf::make_message(reply{
                    wire::take(*x.mutable_value()),
                    timespan{static_cast<std::int64_t>(x.elapsed_ns())}}));
}

void python_worker::failed(wire::Failure& x) {
  if (x.id() == 0) {
    refused(x);
    return;
  }
  auto who = take(x.id());
  auto what = session_->blank_failure();
  if (who) {
    what.command = who->command;
    what.correlation = who->correlation;
  }
  what.begun = x.kind() == wire::Failure::CANCELLED
                   ? child_->page->begun(x.id())
                   : x.kind() != wire::Failure::UNKNOWN_COMMAND
                         && x.kind() != wire::Failure::BAD_ARGUMENTS;
  describe(what, x.exception());
  settle(who,
         caf::make_message(make_error(code_of(x.kind()), std::move(what))));
}

void python_worker::hear_errors(std::string_view bytes) {
  tail_->feed(bytes, [this](const std::string& x) { return tell_line(x); });
}

void python_worker::end_line() {
  tail_->finish([this](const std::string& x) { return tell_line(x); });
}

// Whether it is among its last words: what the host has asked for is not.
bool python_worker::tell_line(const std::string& line) {
  if (dump_.take(line)) {
    look_at_dump();
    return false;
  }
  tell_through(line_gate_, {.name = "charmer.worker.stderr", .text = line});
  return true;
}

void python_worker::tell_through(wire::flood_gate& gate, event x) {
  if (!gate.pass(self_->clock().now()))
    return;
  if (auto dropped = gate.take_dropped())
    x.set("dropped_before", dropped);
  session_->host().tell(std::move(x));
}

// What is told once in a life does not get lost among what is told often.
void python_worker::tell_emitted(event x) {
  if (x.name == worker_gil_enabled)
    session_->host().tell(std::move(x));
  else
    tell_through(emitted_gate_, std::move(x));
}

// At the end there is no next event that could say what was left out.
void python_worker::tell_dropped() {
  auto lines = line_gate_.take_dropped();
  auto records = record_gate_.take_dropped();
  auto emitted = emitted_gate_.take_dropped();
  if (lines + records + emitted == 0)
    return;
  event x{.name = "charmer.worker.output_dropped", .level = severity::warning};
  x.text = "its last words were too many: not told were "
           + std::to_string(lines) + " lines on stderr, "
           + std::to_string(records) + " log records and "
           + std::to_string(emitted) + " events of its adapter";
  x.set("lines", lines);
  x.set("records", records);
  x.set("emitted", emitted);
  session_->host().tell(std::move(x));
}

// -- writing ------------------------------------------------------------------

// Where the next bytes go: straight into the pipe's buffer as long as nothing
// waits before them and that is not full.
byte_buffer& python_worker::out() {
  lane_->occupy();
  auto& buffer = input_->wr_buf();
  return outbox_.empty() && buffer.size() < wire::outbox::buffer_limit
             ? buffer
             : outbox_.tail();
}

// The bytes that follow the head of a frame. Large ones stay where they are.
void python_worker::append_data(std::shared_ptr<const payload> x) {
  std::string_view bytes = x->data;
  if (bytes.size() < wire::outbox::large_body)
    append(out(), bytes);
  else
    outbox_.append_body(bytes, std::move(x));
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
  if (!draining_) {
    lane_->vacate();
  } else if (lane_->empty()) {
    // Until then commands may need credit, and answers to their questions.
    input_->drop();
    input_ = nullptr;
  }
}

} // namespace charmer
