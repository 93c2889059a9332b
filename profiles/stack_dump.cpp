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

// `  File "a.py", line 1 in f`: with a comma before the "in" it is one of an
// exception's traceback, which is the user's.
bool is_place(std::string_view line) {
  constexpr std::string_view number = ", line ";
  auto at = line.rfind(number);
  if (!starts_with(line, "  File \"") || at == line.npos)
    return false;
  line.remove_prefix(at + number.size());
  auto end = line.find_first_not_of("0123456789?");
  return end != line.npos && starts_with(line.substr(end), " in ");
}

bool is_frame(std::string_view line) {
  return is_place(line) || starts_with(line, "  <")
         || starts_with(line, "  ...");
}

// The answer to the last signal cannot begin with a newline: a heading may come
// behind what a command has written of a line just then. Empty: none does.
std::string_view heading_within(std::string_view line) {
  if (!line.ends_with(" (most recent call first):"))
    return {};
  for (auto begin : {"Current thread 0x", "Thread 0x", "Stack (most recent "})
    if (auto at = line.rfind(begin); at != line.npos)
      return line.substr(at);
  return {};
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
  if (!asked_ || ended_)
    return false;
  if (line == last_line) {
    ended_ = true;
    return true;
  }
  if (starts_with(line, "Fatal Python error")) {
    ended_ = true; // the stacks that follow are of a crash
    return false;
  }
  if (!begins_stack(line) && (text_.empty() || !is_frame(line))) {
    if (auto heading = last_ ? heading_within(line) : std::string_view{};
        !heading.empty())
      text_.append(heading) += '\n';
    return false;
  }
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
    else if (x && !ended_)
      x->add_text("; its worker did not say where it is, perhaps because a "
                  "function in C keeps Python's GIL");
}

} // namespace charmer
