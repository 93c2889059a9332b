// Part of python_worker: streams, and questions to the application.
#include "charmer/profiles/python_worker.hpp"

#include "charmer/profiles/units.hpp"

#include <algorithm>
#include <utility>

namespace charmer {

namespace {

// Of one worker: so many questions are answered at once, and so many wait.
constexpr std::size_t max_questions = 256;
constexpr std::size_t max_waiting_questions = 10'000;

// What has not returned for so long after its command gave up, is not about to.
constexpr timespan lost_after = std::chrono::seconds(1);

time_point end_of(timespan limit, time_point now) {
  return limit < time_point::max() - now ? now + limit : time_point::max();
}

} // namespace

// -- streams ------------------------------------------------------------------

void python_worker::credit(std::uint64_t lease, std::uint32_t chunks) {
  if (!lane_->grant(lease, chunks))
    return; // it has ended
  wire::Frame frame;
  frame.mutable_credit()->set_id(lease);
  frame.mutable_credit()->set_chunks(chunks);
  send_frame(frame);
}

void python_worker::chunked(wire::Chunk& x) {
  auto to = lane_->count(x.id(), x.number());
  if (!to) {
    ++stale_;
  } else if (!to->expected) {
    condemn(pool_errc::protocol_error,
            "the worker sent a chunk out of order, without credit, or of what "
            "is no stream");
  } else {
    answer({to->sender, to->answer, {}, {}},
           caf::make_message(
               chunk{to->stream, x.number(), wire::take(*x.mutable_value())}));
  }
}

void python_worker::ended(wire::End& x) {
  auto who = take(x.id());
  if (who && (who->granted == 0 || who->chunks != x.chunks())) {
    condemn(pool_errc::protocol_error,
            "the worker ended a stream of " + std::to_string(who->chunks)
                + " chunks after " + std::to_string(x.chunks()));
    return;
  }
  settle(who, caf::make_message(stream_end{
                  who ? who->id : call_id{}, x.chunks(),
                  timespan{static_cast<std::int64_t>(x.elapsed_ns())}}));
}

// -- questions ----------------------------------------------------------------

void python_worker::asked(wire::HostCall& x) {
  if (unwanted_.contains(x.call()))
    return; // it was on its way when the request was cancelled
  auto limit = x.time_left_ns() == 0
                   ? infinite
                   : timespan{static_cast<std::int64_t>(x.time_left_ns())};
  host_question question{.number = x.id(),
                         .lease = x.call(),
                         .function = std::move(*x.mutable_function()),
                         .arguments = wire::take(*x.mutable_arguments()),
                         .time_left = limit,
                         .asker = caf::actor{self_}};
  if (questions_.size() < max_questions) {
    ask(std::move(question));
    return;
  }
  if (places_are_lost()) {
    refuse_for_ever_taken(x.id());
    return;
  }
  if (waiting_questions_.size() >= max_waiting_questions)
    forget_late_questions();
  if (waiting_questions_.size() < max_waiting_questions)
    waiting_questions_.push_back(
        {std::move(question), end_of(limit, self_->clock().now())});
  else
    refuse(x.id(), make_error(pool_errc::queue_full,
                              "too many calls to the application at once"));
}

void python_worker::ask(host_question x) {
  auto& open = questions_[x.number];
  open.lease = x.lease;
  open.function = x.function;
  open.since = last_asked_ = self_->clock().now();
  open.until = end_of(x.time_left, open.since);
  told_lost_ = false;
  x.ended = open.ended.get_token();
  session_->host().ask(std::move(x));
}

void python_worker::answered(std::uint64_t number, payload value) {
  if (!is_wanted(number)) {
    replied(number);
    return;
  }
  auto size = wire::reply_size(number, value);
  auto limit = session_->settings().max_frame_bytes;
  if (size > limit) {
    refuse(number,
           make_error(pool_errc::frame_too_large,
                      "the answer needs a frame of " + std::to_string(size)
                          + " bytes; max_frame_bytes is "
                          + std::to_string(limit)));
    return;
  }
  if (input_) {
    wire::append_reply_head(out(), number, value);
    append_data(std::make_shared<const payload>(std::move(value)));
    flush_soon();
  }
  replied(number);
}

void python_worker::refused(std::uint64_t number, const caf::error& why) {
  if (is_wanted(number))
    refuse(number, why);
  else
    replied(number);
}

void python_worker::refuse(std::uint64_t number, const caf::error& why) {
  wire::Frame frame;
  frame.mutable_host_reply()->set_id(number);
  *frame.mutable_host_reply()->mutable_exception() = exception_from(why);
  send_frame(frame);
  replied(number);
}

void python_worker::replied(std::uint64_t number) {
  questions_.erase(number);
  while (!waiting_questions_.empty() && questions_.size() < max_questions)
    ask_next();
}

// What the command waits for no longer is not begun, and what is, has no more
// time than the waiting has left of it.
void python_worker::ask_next() {
  auto next = std::move(waiting_questions_.front());
  waiting_questions_.pop_front();
  auto now = self_->clock().now();
  if (next.until <= now)
    return;
  if (next.until != time_point::max())
    next.what.time_left = next.until - now;
  ask(std::move(next.what));
}

// All of them are held by functions that nobody waits for, and none has become
// free for a while.
bool python_worker::places_are_lost() const {
  auto given_up = self_->clock().now() - lost_after;
  return last_asked_ <= given_up
         && std::all_of(questions_.begin(), questions_.end(),
                        [=](auto& x) { return x.second.until <= given_up; });
}

// At once, and saying why: it would wait in vain, and then be told that this
// function does not answer, which was never asked.
void python_worker::refuse_for_ever_taken(std::uint64_t number) {
  auto& oldest = std::min_element(questions_.begin(), questions_.end(),
                                  [](auto& x, auto& y) {
                                    return x.second.since < y.second.since;
                                  })
                     ->second;
  auto age = std::chrono::floor<std::chrono::seconds>(self_->clock().now()
                                                      - oldest.since);
  auto count = questions_.size();
  auto text = std::to_string(count)
              + " functions that commands of this worker called have not "
                "returned, though nobody waits for them any more; the oldest "
                "is '"
              + oldest.function + "', for " + render_duration(age)
              + ": no other is called until one returns";
  if (!std::exchange(told_lost_, true)) {
    event x;
    x.name = "charmer.worker.host_calls_stuck";
    x.level = severity::warning;
    x.text = text;
    x.set("count", count);
    x.set("oldest_seconds", age.count());
    x.set("function", oldest.function);
    session_->host().tell(std::move(x));
  }
  refuse(number, make_error(pool_errc::queue_full, std::move(text)));
}

// Those who asked have been told by their own clocks.
void python_worker::forget_late_questions() {
  std::erase_if(waiting_questions_, [now = self_->clock().now()](auto& x) {
    return x.until <= now;
  });
}

bool python_worker::is_wanted(std::uint64_t number) const {
  auto i = questions_.find(number);
  return i != questions_.end() && !i->second.ended.stop_requested();
}

// Those that are being answered keep their places until they are: a function
// cannot be ended, and there are to be no more of them than may run at once.
void python_worker::forget_questions_of(std::uint64_t lease) {
  std::erase_if(waiting_questions_,
                [=](auto& x) { return x.what.lease == lease; });
  for (auto& [number, x] : questions_) {
    if (x.lease == lease) {
      x.until = std::min(x.until, self_->clock().now());
      x.ended.request_stop();
    }
  }
}

void python_worker::forget_questions() {
  waiting_questions_.clear();
  for (auto& [number, x] : questions_)
    x.ended.request_stop();
}

} // namespace charmer
