// Splits a stream of bytes into numbered lines, however the bytes arrive.
//
// A line that is longer than the limit is reported without its text, and only
// as much of it is kept as fits into the limit.
//
// Threading: a plain value.
//
//   line_splitter lines{64 << 20};
//   lines.feed(chunk);
//   while (auto line = lines.next()) …
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace charmer::tools {

struct input_line {
  std::uint64_t number = 0; ///< from 1
  std::string text;         ///< without its newline; empty if too long
  bool too_long = false;

  friend bool operator==(const input_line&, const input_line&) = default;
};

class line_splitter {
public:
  explicit line_splitter(std::size_t max_line) : max_line_(max_line) {
    // nop
  }

  void feed(std::string_view chunk);

  /// The input has ended; what came after the last newline is a line.
  void end();

  /// The next line that is complete.
  std::optional<input_line> next();

  /// Bytes of the input that were handed out as lines.
  std::uint64_t consumed() const noexcept { return consumed_; }

private:
  std::optional<input_line> take(std::size_t length, std::size_t newline);

  void drop_overlong();

  std::size_t max_line_;
  std::string buffer_;
  std::size_t start_ = 0;   // of the line that is being looked for
  std::size_t scanned_ = 0; // no newline before this
  std::uint64_t number_ = 0;
  std::uint64_t consumed_ = 0;
  bool overlong_ = false; // the beginning of this line was dropped
  bool ended_ = false;
};

} // namespace charmer::tools
