// private: What a worker that hangs does: the traceback of all its threads, as
// Python's faulthandler writes it to stderr when it is asked to by a signal,
// even if no Python code can run; then, if it can, of its coroutines, and a
// last line (python/charmer/tracebacks.py).
//
// Whoever wants it waits for a millisecond or so; if Python hangs in C, where
// there is no last line, for `limit`. In a worker with threads those that use
// the CPU are in front of whoever writes the second part, for a switch interval
// of Python each: there what has begun may take `thread_limit`. What comes
// between is told apart by its form, since a command may write to stderr at the
// same time.
//
// Threading: a plain value. Time comes from the caller.
#pragma once

#include "charmer/profiles/late_error.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace charmer {

class stack_dump {
public:
  /// How long is waited for it, at most.
  static constexpr timespan limit = std::chrono::milliseconds(20);

  /// The same, once it has begun, in a worker with threads.
  static constexpr timespan thread_limit = std::chrono::milliseconds(250);

  /// What follows it.
  static constexpr std::string_view last_line = "End of all tracebacks";

  explicit stack_dump(timespan whole = limit) : whole_(whole) {}

  /// How long is waited for all of it, at most.
  timespan whole() const noexcept { return whole_; }

  /// The signal that asks for it.
  static int signal();

  /// Somebody waits for it, null: only for `text`. True: the worker is to be
  /// asked.
  bool wanted_by(late_error_ptr x, time_point now);

  /// Whether somebody waits.
  bool open() const noexcept { return !waiting_.empty(); }

  /// A line of stderr. True: it is part of the dump.
  bool take(std::string_view line);

  /// Whether somebody waits, and for nothing that could still come.
  bool complete(time_point now) const;

  /// Gives what has come to those who wait, and lets go of them.
  void close();

  /// The last one; empty: there was none.
  const std::string& text() const noexcept { return text_; }

private:
  timespan whole_;
  std::vector<late_error_ptr> waiting_;
  std::string text_;
  time_point asked_;
  bool ended_ = false;
};

} // namespace charmer
