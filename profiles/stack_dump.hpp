// private: What a worker that hangs does: the stacks of all its threads and of
// its coroutines, written to stderr when it is asked to by a signal, and a last
// line (python/charmer/tracebacks.py). What comes between is told apart by its
// form, since a command may write to stderr at the same time.
//
// A thread of the worker's own writes them, as soon as it gets Python's GIL:
// usually within milliseconds, with threads that use the CPU within a switch
// interval of Python for each of them, and never while a function in C keeps
// it. Who does not answer for so long may be asked by another signal, which
// needs no GIL: one whose command runs in the main thread always, one with
// several threads only before it is killed, since it may die of the question.
//
// Threading: a plain value. Time comes from the caller.
#pragma once

#include "charmer/profiles/late_error.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace charmer {

class stack_dump {
public:
  /// How long is waited for it, at most.
  static constexpr timespan limit = std::chrono::milliseconds(100);

  /// The same in a worker with threads.
  static constexpr timespan thread_limit = std::chrono::milliseconds(250);

  /// The same for the answer to the last signal.
  static constexpr timespan last_limit = std::chrono::milliseconds(20);

  /// What follows it.
  static constexpr std::string_view last_line = "End of all tracebacks";

  explicit stack_dump(timespan patience = limit) : patience_(patience) {}

  /// How long is waited for it.
  timespan patience() const noexcept { return patience_; }

  /// The signal that asks for it.
  static int signal();

  /// The one that asks who has not answered.
  static int last_signal();

  /// Somebody waits for it, null: only for `text`. True: the worker is to be
  /// asked.
  bool wanted_by(late_error_ptr x, time_point now);

  /// Whether it is waited for.
  bool open() const noexcept { return open_; }

  /// A line of stderr. True: it is part of the dump, also of one that comes
  /// when it is waited for no longer.
  bool take(std::string_view line);

  /// Whether it is waited for no longer than now.
  bool complete(time_point now) const;

  /// Whether it did not answer the last question, nor was asked again.
  bool unanswered() const noexcept {
    return asked_ && !last_ && !ended_ && text_.empty();
  }

  /// Whether it was asked after `then`.
  bool asked_since(time_point then) const { return asked_ && *asked_ >= then; }

  /// It was asked again, by the last signal.
  void asked_again(time_point now);

  /// Gives what has come to those who wait, and lets go of them.
  void close();

  /// The last one; empty: there was none.
  const std::string& text() const noexcept { return text_; }

private:
  timespan patience_;
  std::vector<late_error_ptr> waiting_;
  std::string text_;
  std::optional<time_point> asked_;
  bool open_ = false;
  bool last_ = false;
  bool ended_ = false;
};

} // namespace charmer
