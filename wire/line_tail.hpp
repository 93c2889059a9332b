// What a worker says on stderr: cut into lines, the last ones kept.
//
// A line is bounded in length (the rest of a longer one is dropped and "…" put
// in its place), the number of lines kept is bounded, and so is how many are
// handed on per second: a flood costs nothing but a count. Bytes that are no
// UTF-8 are replaced, since lines end in JSON.
//
// Threading: plain values. Time comes from the caller.
//
//   line_tail tail{20};
//   tail.feed(bytes, [&](const std::string& line) { return is_wanted(line); });
//   report(tail.last());
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace charmer::wire {

class line_tail {
public:
  /// Bytes of a line that are kept.
  static constexpr std::size_t max_line = 2048;

  explicit line_tail(std::size_t lines) : max_lines_(lines) {}

  /// Takes the next bytes, calls `f(const std::string&)` for each whole line:
  /// it says whether that is kept among the last ones.
  template <class F>
  void feed(std::string_view bytes, F&& f) {
    while (!bytes.empty()) {
      auto end = bytes.find('\n');
      append(bytes.substr(0, end));
      if (end == bytes.npos)
        return;
      bytes.remove_prefix(end + 1);
      complete(f);
    }
  }

  /// Ends a line that has no newline (yet), and calls `f` with it.
  template <class F>
  void finish(F&& f) {
    complete(f);
  }

  /// The last lines, oldest first.
  std::vector<std::string> last() const;

private:
  void append(std::string_view bytes);

  // Hands on the current line, unless it is empty.
  template <class F>
  void complete(F& f) {
    auto line = take_current();
    if (!line.empty() && f(std::as_const(line)))
      keep(std::move(line));
  }

  std::string take_current();
  void keep(std::string line);

  std::size_t max_lines_;
  std::string current_;
  bool cut_ = false;
  std::deque<std::string> lines_;
};

/// Lets so many pass in a second and counts the rest.
class flood_gate {
public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit flood_gate(std::uint32_t per_second) : per_second_(per_second) {}

  /// Whether one more may pass.
  bool pass(time_point now);

  /// How many did not pass since this was last asked.
  std::uint64_t take_dropped();

private:
  std::uint32_t per_second_;
  time_point since_{};
  std::uint32_t passed_ = 0;
  std::uint64_t dropped_ = 0;
};

bool is_utf8(std::string_view bytes);

/// Replaces what is no UTF-8 by U+FFFD.
std::string as_utf8(std::string_view bytes);

} // namespace charmer::wire
