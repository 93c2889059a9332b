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

bool stack_dump::wanted_by(late_error_ptr x, time_point now) {
  auto first = waiting_.empty();
  waiting_.push_back(std::move(x));
  if (first) {
    text_.clear();
    asked_ = now;
    ended_ = false;
  }
  return first;
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
  return open() && (ended_ || now - asked_ >= (text_.empty() ? limit : whole_));
}

void stack_dump::close() {
  for (auto& x : std::exchange(waiting_, {}))
    if (x && !text_.empty())
      x->add_traceback(text_);
}

} // namespace charmer
