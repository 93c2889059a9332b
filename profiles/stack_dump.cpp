#include "charmer/profiles/stack_dump.hpp"

#include <utility>

#include <signal.h>

namespace charmer {

namespace {

bool starts_with(std::string_view x, std::string_view with) {
  return x.substr(0, with.size()) == with;
}

bool begins_stack(std::string_view line) {
  return starts_with(line, "Thread 0x") || starts_with(line, "Current thread ")
         || starts_with(line, "Stack (most recent ")
         || starts_with(line, "Coroutine ");
}

bool is_frame(std::string_view line) {
  return starts_with(line, "  File \"") || starts_with(line, "  <")
         || starts_with(line, "  ...");
}

} // namespace

int stack_dump::signal() {
  return SIGRTMIN + 4;
}

int stack_dump::last_signal() {
  return SIGRTMIN + 5;
}

bool stack_dump::wanted_by(late_error_ptr x, time_point now) {
  waiting_.push_back(std::move(x));
  if (open())
    return false;
  text_.clear();
  asked_ = now;
  open_ = true;
  last_ = ended_ = false;
  return true;
}

void stack_dump::asked_again(time_point now) {
  asked_ = now;
  open_ = last_ = true;
}

bool stack_dump::take(std::string_view line) {
  if (!open())
    return false;
  if (line == last_line) {
    ended_ = true;
    return true;
  }
  if (!begins_stack(line) && (text_.empty() || !is_frame(line)))
    return false;
  text_.append(line) += '\n';
  return true;
}

bool stack_dump::complete(time_point now) const {
  return open()
         && (ended_ || now - *asked_ >= (last_ ? last_limit : patience_));
}

void stack_dump::close() {
  open_ = false;
  for (auto& x : std::exchange(waiting_, {}))
    if (x && !text_.empty())
      x->add_traceback(text_);
}

} // namespace charmer
