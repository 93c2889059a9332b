// Part of python_worker: how a worker starts, is asked to end, and ends.
#include "charmer/profiles/python_worker.hpp"

#include "charmer/profiles/interpreter.hpp"
#include "charmer/profiles/units.hpp"
#include "charmer/supervision/errors.hpp"

#include <algorithm>
#include <cerrno>
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

  std::uint32_t running() const override {
    return static_cast<std::uint32_t>(page_->running().size());
  }

  std::uint64_t finished() const override { return page_->finished_count(); }

private:
  std::shared_ptr<const wire::progress_page> page_;
};

bool is_import_error(const wire::Failure& x) {
  auto& type = x.exception().type();
  return type == "ModuleNotFoundError" || type == "ImportError"
         || (type.empty() && x.exception().text().starts_with("no module "));
}

} // namespace

// -- starting -----------------------------------------------------------------

void python_worker::adopt() {
  child_ = session_->child();
  if (child_ == nullptr) {
    auto what = session_->blank_failure();
    what.text = failure_of(session_->start_error()).text;
    auto error = make_error(pool_errc::start_failed, what);
    session_->tell_died({.reason = error});
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
  if (threads_of(settings) > 1)
    dump_ = stack_dump{stack_dump::thread_limit};
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
  tells_stacks_ = x.tells_stacks();
  if (input_)
    lane_->open(input_->fd(), session_->settings().max_frame_bytes,
                [session = session_](std::uint64_t lease) {
                  return session->host().time_left(lease);
                });
  auto info = info_from(x);
  info.handle = make_worker_front(caf::actor{self_}, lane_);
  info.pid = child_->pid();
  info.evidence = std::make_shared<page_evidence>(child_->page);
  info.explain = [address = self_->address()](late_error_ptr x) {
    if (auto worker = caf::actor_cast<caf::actor>(address))
      urgent_cast(worker, std::move(x)); // a cancel, which follows, is urgent
  };
  session_->host().ready(std::move(info));
}

void python_worker::refused(wire::Failure& x) {
  if (ready_)
    return;
  auto what = session_->blank_failure();
  describe(what, x.exception());
  // What it lacks may be where somebody has put it, and nobody looked.
  if (is_import_error(x))
    if (auto over = interpreter::info(session_->settings()).passed_over;
        !over.empty())
      what.text += '\n' + over;
  condemn(pool_errc::start_failed, std::move(what));
}

// What it does meanwhile is asked first: a model that loads for too long hangs
// somewhere. One that cannot answer yet dies of the question.
void python_worker::start_too_long() {
  if (ready_ || verdict_ || !watch_)
    return;
  auto what = session_->blank_failure();
  what.text = "no handshake within start_timeout ("
              + render_duration(session_->settings().start_timeout) + ')';
  verdict_.emplace(pool_errc::start_failed, std::move(what));
  ask_for_dump(nullptr);
}

// -- ending -------------------------------------------------------------------

void python_worker::expel() {
  expelled_ = true;
  session_->plan_end();
  if (child_ == nullptr)
    quit_with(make_error(supervision_errc::planned_stop), {});
  else if (dump_.open())
    return; // it ends when it has said what it does
  else if (dump_.unanswered() && watch_)
    ask_at_last();
  else if (tells_stacks_ && watch_ && !dump_.asked_since(beginning_of_hang()))
    ask_for_dump(nullptr); // its caller has cancelled: nobody asked before
  else
    child_->kill();
}

// What it said before that was of something else.
time_point python_worker::beginning_of_hang() const {
  auto longest = 2 * session_->settings().cancel_grace + dump_.patience();
  return self_->clock().now() - longest;
}

// Of whoever could be asked: another kind of worker may die of the question.
void python_worker::explain(const late_error_ptr& x) {
  if (ready_ && watch_ && tells_stacks_)
    ask_for_dump(x);
}

void python_worker::ask_for_dump(late_error_ptr x) {
  if (!dump_.wanted_by(std::move(x), self_->clock().now()))
    return;
  child_->signal(stack_dump::signal());
  send_later(self_, dump_.patience(), worker_tick::look_at_dump);
  holds_cancels_ = true;
  auto grace = session_->settings().cancel_grace;
  send_later(self_, std::min(dump_.patience(), grace / 2),
             worker_tick::send_cancels);
}

void python_worker::send_cancels() {
  holds_cancels_ = false;
  for (auto lease : std::exchange(held_cancels_, {}))
    send_cancel(lease);
}

// The answer cannot begin with a newline: what has come of a line ends here.
void python_worker::ask_at_last() {
  end_line();
  dump_.asked_again(self_->clock().now());
  child_->signal(stack_dump::last_signal());
  send_later(self_, stack_dump::last_limit, worker_tick::look_at_dump);
}

void python_worker::look_at_dump() {
  if (!dump_.complete(self_->clock().now()))
    return;
  auto doomed = expelled_ || verdict_ || overdue_;
  auto harmless = threads_of(session_->settings()) == 1;
  if (dump_.unanswered() && (doomed || harmless)) {
    ask_at_last();
    return;
  }
  dump_.close();
  send_cancels();
  if (doomed)
    child_->kill();
}

void python_worker::stop(caf::error reason) {
  if (expelled_ || session_->planned())
    return;
  stop_reason_ = std::move(reason);
  auto time = session_->host().retiring();
  if (child_ == nullptr) {
    session_->plan_end();
    self_->quit(*stop_reason_); // the session buries what is being started
  } else if (!ready_) {
    session_->plan_end();
    child_->kill();
  } else if (time != infinite) {
    drain();
  }
}

// What it had all the time for is done.
void python_worker::dismissed() {
  if (stop_reason_ && !expelled_ && !session_->planned())
    drain();
}

void python_worker::drain() {
  session_->plan_end();
  lane_->close();
  wire::Frame frame;
  frame.mutable_drain();
  send_frame(frame);
  draining_ = true;
  auto limit = session_->settings().worker_shutdown;
  if (limit == infinite)
    return;
  // For what runs still; a teardown that has begun goes on.
  send_later(self_, limit / 2, worker_tick::terminate_limit);
  // A little early: the supervisor's own limit is the same.
  send_later(self_, limit / 10 * 9, worker_tick::kill_limit);
}

// What takes so long is asked first, but not for longer than there is time.
void python_worker::too_late() {
  auto rest = session_->settings().worker_shutdown / 20;
  if (!std::exchange(overdue_, true) && tells_stacks_) {
    ask_for_dump(nullptr);
    send_later(self_, rest, worker_tick::kill_limit);
  } else if (dump_.unanswered() && rest > stack_dump::last_limit) {
    ask_at_last();
  } else {
    child_->kill();
  }
}

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
  forget_questions();
  watch_->graceful_shutdown();
  watch_ = nullptr;
  if (output_)
    read_rest(output_->fd(), true);
  if (errors_)
    read_rest(errors_->fd(), false);
  end_line();
  dump_.close();
  conclude(*status);
}

// What the process still said is in the pipe. A grandchild that holds the other
// end open could go on for ever: no more than the pipe can hold is ours.
void python_worker::read_rest(int fd, bool is_output) {
  constexpr std::size_t step = wire::reader::large_read;
  byte_buffer buffer(step);
  auto left = static_cast<ssize_t>(::fcntl(fd, F_GETPIPE_SZ));
  while (left > 0) {
    auto n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return;
    left -= n;
    auto bytes = characters(buffer).substr(0, static_cast<std::size_t>(n));
    if (is_output)
      hear(bytes);
    else
      hear_errors(bytes);
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
  if (expelled_ || overdue_ || (!ready_ && what.traceback.empty()))
    what.traceback = dump_.text();
  tell_dropped();
  auto error = make_error(code, what);
  session_->tell_died({.reason = error,
                       .overdue = overdue_ && status.signal != 0,
                       .killed = child_->killed()});
  if (expelled_)
    quit_with(make_error(supervision_errc::planned_stop), what);
  else if (stop_reason_ && session_->planned())
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
