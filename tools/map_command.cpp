#include "charmer/tools/map_command.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/tools/application.hpp"
#include "charmer/tools/dispatcher.hpp"
#include "charmer/tools/line_splitter.hpp"
#include "charmer/tools/map_job.hpp"
#include "charmer/tools/progress_bar.hpp"
#include "charmer/tools/streams.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace charmer::tools {

namespace {

using clock = std::chrono::steady_clock;

// Results that are printed but not written yet; more stay in the job, where
// they keep it from taking more items.
constexpr std::size_t output_limit = 1u << 20;

// How long what runs may go on after a signal.
constexpr auto grace = std::chrono::seconds(2);

constexpr auto bar_interval = std::chrono::milliseconds(100);

map_limits limits_of(const map_arguments& x, const pool_settings& pool) {
  map_limits result;
  result.errors = x.errors;
  result.patience = x.patience;
  result.workers = pool.size * threads_of(pool);
  // What runs does not wait; so many may wait.
  result.window_limit =
      std::min<std::size_t>(result.window_limit, pool.max_queue_size);
  return result;
}

// An item that waited for a quarter of its time comes back and is sent again
// with all of its time.
call_options options_of(const map_arguments& x, const pool_settings& pool) {
  call_options result;
  result.timeout = x.timeout == timespan{0} ? pool.request_timeout : x.timeout;
  result.queue_timeout = std::min(pool.queue_timeout, result.timeout / 4);
  return result;
}

class mapper {
public:
  mapper(const map_arguments& x, const pool_settings& pool,
         const pool_handle& handle, application& app, console& out,
         signal_watch& signals, input_stream& in, output_stream& to)
      : out_(out), signals_(signals), in_(in), to_(to),
        lines_(pool.max_frame_bytes), job_(limits_of(x, pool)),
        outcomes_(std::make_shared<outcome_queue>()),
        calls_(app.system(), handle, x.command, options_of(x, pool),
               outcomes_) {
    if (x.progress == progress_mode::always
        || (x.progress == progress_mode::automatic && console::on_terminal()))
      bar_.emplace(start_);
  }

  exit_status run() {
    while (!over()) {
      take_lines();
      send_calls();
      job_.print(to_.buffer(), output_limit);
      if (over())
        break;
      wait();
      take_outcomes();
      mind_signals();
      draw();
    }
    return finish();
  }

  std::string summary() const {
    auto& n = job_.counts();
    auto seconds = std::chrono::duration<double>(clock::now() - start_).count();
    char time[32];
    std::snprintf(time, sizeof(time), "%.1f s", seconds);
    return with_commas(n.taken) + " items, " + with_commas(n.done) + " done, "
           + with_commas(n.failed) + " failed, " + with_commas(n.resent)
           + " sent again, " + time;
  }

private:
  bool over() const {
    return job_.finished() || abandoned_ || !to_.error().empty()
           || to_.closed();
  }

  void take_lines() {
    while (job_.has_room(clock::now())) {
      auto line = lines_.next();
      hungry_ = !line && !in_.ended();
      if (!line) {
        if (in_.ended())
          job_.end_of_input();
        return;
      }
      job_.add(std::move(*line));
    }
    hungry_ = false;
  }

  void send_calls() {
    auto calls = job_.take_calls(clock::now());
    if (!calls.empty())
      calls_.send(std::move(calls));
  }

  // Waits until there is something to do, and does what concerns files.
  void wait() {
    std::array<pollfd, 4> fds{{
        {signals_.taken() != 0 ? -1 : signals_.fd(), POLLIN, 0},
        {outcomes_->fd(), POLLIN, 0},
        {hungry_ ? in_.fd() : -1, POLLIN, 0},
        {to_.empty() ? -1 : to_.fd(), POLLOUT, 0},
    }};
    if (poll(fds.data(), fds.size(), patience_ms()) <= 0)
      return;
    if (fds[2].revents != 0) {
      lines_.feed(in_.read());
      if (!in_.error().empty())
        job_.stop();
      else if (in_.ended())
        lines_.end();
    }
    if (fds[3].revents != 0)
      to_.write_some();
  }

  int patience_ms() const {
    auto next = clock::time_point::max();
    if (auto at = job_.wake_at())
      next = std::min(next, *at);
    if (bar_)
      next = std::min(next, drawn_ + bar_interval);
    if (give_up_)
      next = std::min(next, *give_up_);
    if (next == clock::time_point::max())
      return -1;
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(next - clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
  }

  void take_outcomes() {
    auto now = clock::now();
    for (auto& x : outcomes_->take())
      if (x.error)
        job_.failed(x.id, x.error, now);
      else
        job_.answered(x.id, std::move(x.value), now);
  }

  // After a signal: what runs has some time, then it is cancelled, and then
  // nobody waits for it any more.
  void mind_signals() {
    if (!give_up_) {
      if (!signals_.take())
        return;
      job_.stop();
      give_up_ = clock::now() + grace;
    } else if (clock::now() >= *give_up_) {
      if (cancelled_)
        abandoned_ = true;
      calls_.cancel();
      cancelled_ = true;
      give_up_ = clock::now() + grace;
    }
  }

  void draw() {
    if (!bar_ || clock::now() < drawn_ + bar_interval)
      return;
    drawn_ = clock::now();
    auto& n = job_.counts();
    bar_->update({n.done, n.failed, lines_.consumed(), in_.size()}, drawn_);
    out_.bar(bar_->render(console::columns()));
  }

  // Nothing more is waited for but the output's reader.
  exit_status finish() {
    calls_.cancel();
    signals_.release();
    while (to_.error().empty() && !to_.closed()) {
      job_.print(to_.buffer(), output_limit);
      if (to_.empty())
        break;
      to_.write_all();
    }
    out_.remove_bar();
    return say_how_it_went();
  }

  exit_status say_how_it_went() {
    auto& n = job_.counts();
    if (to_.closed())
      return exit_status::output_closed;
    for (auto* error : {&to_.error(), &in_.error()})
      if (!error->empty()) {
        out_.complain(*error);
        return exit_status::io;
      }
    if (signals_.taken() != 0) {
      out_.complain("interrupted: " + with_commas(n.taken - job_.unprinted())
                    + " items were finished, " + with_commas(job_.unprinted())
                    + " more were taken and " + what_became_of_them()
                    + "; the rest of the input was not looked at");
      return status_of_signal(signals_.taken());
    }
    if (auto& verdict = job_.ended_early()) {
      out_.complain(verdict->text);
      return verdict->status;
    }
    if (n.failed == 0)
      return exit_status::ok;
    out_.complain(with_commas(n.failed) + " of " + with_commas(n.taken)
                  + " items failed");
    return exit_status::failed;
  }

  // Who begins again at the first line without a result does some twice.
  std::string what_became_of_them() const {
    auto behind = job_.done_behind();
    if (behind.items == 0)
      return "not finished";
    return "not printed: line " + with_commas(behind.line)
           + " was not finished, and of those behind it "
           + with_commas(behind.items) + (behind.items == 1 ? " was" : " were");
  }

  console& out_;
  signal_watch& signals_;
  input_stream& in_;
  output_stream& to_;
  line_splitter lines_;
  map_job job_;
  std::shared_ptr<outcome_queue> outcomes_;
  dispatcher calls_;

  const clock::time_point start_ = clock::now();
  bool hungry_ = false; // more input is needed before more can be sent
  std::optional<progress_bar> bar_;
  clock::time_point drawn_{};

  // -- after a signal ---------------------------------------------------------

  std::optional<clock::time_point> give_up_;
  bool cancelled_ = false;
  bool abandoned_ = false;
};

} // namespace

exit_status map_command(const map_arguments& x) {
  console out;
  auto wanted = load_one(x.pools);
  if (!wanted) {
    out.complain(describe(wanted.error()));
    return status_of(wanted.error());
  }
  auto pool = wanted->pools.front();
  input_stream in{x.input};
  if (!in.error().empty()) {
    out.complain(in.error());
    return exit_status::io;
  }
  // Opening the output empties it.
  if (!x.output.empty() && in.is(x.output)) {
    out.complain("cannot write " + x.output + ": it is the input");
    return exit_status::io;
  }
  output_stream to{x.output};
  if (!to.error().empty()) {
    out.complain(to.error());
    return exit_status::io;
  }
  signal_watch signals;
  application app{out, signals, x.told};
  auto status = app.start_or_complain(std::move(*wanted));
  if (status != exit_status::ok)
    return status;
  mapper job{x, pool, *app.pools().pool(pool.name), app, out, signals, in, to};
  status = job.run();
  if (x.summary || console::on_terminal())
    out.complain(job.summary());
  return status;
}

} // namespace charmer::tools
