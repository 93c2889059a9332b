// What the command says to people: lines on stderr, and on a terminal one line
// at the bottom that is drawn again and again (the progress bar).
//
// Threading: thread-safe; every line is written in one piece.
//
//   console out{console::on_terminal()};
//   out.line("charmer: …");   // above the bar
//   out.bar("[###   ] 50 %");
#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace charmer::tools {

class console {
public:
  console() = default;
  console(const console&) = delete;
  console& operator=(const console&) = delete;

  /// Removes the bar.
  ~console();

  /// Whether stderr is a terminal that can draw a line again.
  static bool on_terminal();

  /// The terminal's width; 80 if it does not say.
  static std::size_t columns();

  /// One or more lines, above the bar.
  void line(std::string_view text);

  /// A line that begins with the command's name: what went wrong.
  void complain(std::string_view text);

  /// Draws the bar in the place of the one before.
  void bar(std::string text);

  void remove_bar();

private:
  std::mutex mutex_;
  std::string bar_;
};

} // namespace charmer::tools
