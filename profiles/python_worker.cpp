#include "charmer/profiles/python_worker.hpp"

#include <utility>

#include <signal.h>

namespace charmer {

namespace {

caf::error thrown(std::string text) {
  return make_error(pool_errc::worker_died, std::move(text));
}

} // namespace

// -- the table of messages ----------------------------------------------------

caf::behavior python_worker::run(std::shared_ptr<worker_session> session) {
  session_ = std::move(session);
  replace_default_handlers(self_, thrown);
  when_asked_to_stop(self_,
                     [this](const auto&, caf::error& why) { stop(why); });
  return {
      [this](const invocation& x) -> caf::delegated<reply> {
        call(x);
        return {};
      },
      [this](cancel_atom, std::uint64_t lease) { cancel(lease); },
      [this](credit_atom, std::uint64_t lease, std::uint32_t chunks) {
        credit(lease, chunks);
      },
      [this](answer_atom, std::uint64_t number, payload& value) {
        answered(number, std::move(value));
      },
      [this](answer_atom, std::uint64_t number, const caf::error& why) {
        refused(number, why);
      },
      [this](const late_error_ptr& x) { explain(x); },
      [this](expel_atom) { expel(); },
      [this](dismiss_atom) { dismissed(); },
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
  auto who = request_of(x, id, self_->current_sender());
  if (auto fault = unsendable(x); !fault.empty()) {
    auto what = session_->blank_failure();
    what.text = "the request's " + fault;
    answer(who, caf::make_message(
                    make_error(pool_errc::bad_payload, std::move(what))));
    return;
  }
  auto lease = id.request_id().integer_value();
  auto parts = parts_of(x, lease, session_->host().time_left(lease));
  auto size = wire::call_size(parts);
  if (size > session_->settings().max_frame_bytes) {
    auto what = session_->blank_failure();
    what.command = x.command;
    what.correlation = x.options.correlation;
    what.text = "the request needs a frame of " + std::to_string(size)
                + " bytes; max_frame_bytes is "
                + std::to_string(session_->settings().max_frame_bytes);
    answer(who, caf::make_message(
                    make_error(pool_errc::frame_too_large, std::move(what))));
    return;
  }
  if (!input_ || draining_)
    return; // it is ending; the pool will be told that this never began
  lane_->add(lease, std::move(who));
  wire::append_call_head(out(), parts);
  auto& body = x.arguments.data;
  if (body.size() < wire::outbox::large_body) {
    append(out(), body);
  } else {
    auto held = std::make_shared<caf::message>(
        copy_content(*self_->current_mailbox_element()));
    append_data({held, &held->get_as<invocation>(0).arguments});
  }
  flush_soon();
}

// What it does is asked before it ends because of this.
void python_worker::cancel(std::uint64_t lease) {
  if (child_ == nullptr)
    return;
  if (lane_->contains(lease))
    unwanted_.insert(lease);
  forget_questions_of(lease);
  if (holds_cancels_)
    held_cancels_.push_back(lease);
  else
    send_cancel(lease);
}

void python_worker::send_cancel(std::uint64_t lease) {
  child_->page->cancel(lease); // the request itself may be on its way yet
  if (!lane_->contains(lease))
    return;
  wire::Frame frame;
  frame.mutable_cancel()->set_id(lease);
  send_frame(frame);
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
      start_too_long();
      break;
    case worker_tick::look_at_dump:
      look_at_dump();
      break;
    case worker_tick::send_cancels:
      send_cancels();
      break;
    case worker_tick::silence_limit:
      condemn(pool_errc::protocol_error,
              "the worker closed stdin or stdout and lives on");
      break;
    case worker_tick::terminate_limit:
      child_->signal(SIGTERM);
      break;
    case worker_tick::kill_limit:
      too_late();
      break;
    case worker_tick::buried: // is for its mourner
      break;
  }
}

void python_worker::received(const caf::io::new_data_msg& x) {
  if (watch_ && x.handle == watch_->hdl()) {
    exited();
    return;
  }
  auto bytes = characters(x.buf);
  if (output_ && x.handle == output_->hdl()) {
    output_->adapt(bytes.size());
    hear(bytes);
  } else if (errors_ && x.handle == errors_->hdl()) {
    errors_->adapt(bytes.size());
    hear_errors(bytes);
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

// -- answering ----------------------------------------------------------------

void python_worker::answer(const open_request& to, caf::message content) {
  if (to.sender)
    post(to.sender, self_->ctrl(), to.answer, std::move(content),
         self_->context());
}

std::optional<open_request> python_worker::take(std::uint64_t lease) {
  unwanted_.erase(lease);
  return lane_->take(lease);
}

void python_worker::settle(const std::optional<open_request>& who,
                           caf::message content) {
  if (who)
    answer(*who, std::move(content));
  else
    ++stale_;
  if (draining_)
    flush_soon();
}

} // namespace charmer
