#include "charmer/profiles/stack_dump.hpp"

#include <utility>

#include <signal.h>

namespace charmer {

namespace {

bool starts_with(std::string_view x, std::string_view with) {
  return x.substr(0, with.size()) == with;
}

bool begins_thread(std::string_view line) {
  return starts_with(line, "Thread 0x") || starts_with(line, "Current thread ");
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
  }
  return first;
}

bool stack_dump::take(std::string_view line, time_point now) {
  if (!open() || (!begins_thread(line) && (text_.empty() || !is_frame(line))))
    return false;
  text_.append(line) += '\n';
  heard_ = now;
  return true;
}

bool stack_dump::complete(time_point now) const {
  return now - asked_ >= limit || (!text_.empty() && now - heard_ >= silence);
}

void stack_dump::close() {
  for (auto& x : std::exchange(waiting_, {}))
    if (!text_.empty())
      x->add_traceback(text_);
}

} // namespace charmer
