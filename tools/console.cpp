#include "charmer/tools/console.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace charmer::tools {

namespace {

constexpr std::string_view erase_line = "\r\x1b[K";

void write_all(std::string_view text) {
  while (!text.empty()) {
    auto n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n <= 0)
      return; // nobody is left who could be told
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

} // namespace

console::~console() {
  remove_bar();
}

bool console::on_terminal() {
  auto term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && term != nullptr
         && std::string_view{term} != "dumb";
}

std::size_t console::columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return 80;
  return size.ws_col;
}

void console::line(std::string_view text) {
  std::lock_guard guard{mutex_};
  std::string out;
  if (!bar_.empty())
    out += erase_line;
  out += text;
  if (!out.ends_with('\n'))
    out += '\n';
  out += bar_;
  write_all(out);
}

void console::complain(std::string_view text) {
  line("charmer: " + std::string{text});
}

void console::bar(std::string text) {
  std::lock_guard guard{mutex_};
  bar_ = std::move(text);
  write_all(std::string{erase_line} + bar_);
}

void console::remove_bar() {
  std::lock_guard guard{mutex_};
  if (!bar_.empty())
    write_all(erase_line);
  bar_.clear();
}

} // namespace charmer::tools
