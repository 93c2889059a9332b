#include "charmer/wire/line_tail.hpp"

#include <algorithm>
#include <utility>

namespace charmer::wire {

namespace {

constexpr std::string_view ellipsis = "…";
constexpr std::string_view replacement = "\xEF\xBF\xBD";

// Bytes of the UTF-8 sequence at the front, 0 if there is none.
std::size_t sequence_size(std::string_view x) {
  auto at = [x](std::size_t i) -> unsigned {
    return i < x.size() ? static_cast<unsigned char>(x[i]) : 0;
  };
  auto first = at(0);
  if (first < 0x80)
    return 1;
  std::size_t n = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4)
    return 0;
  for (std::size_t i = 1; i < n; ++i)
    if ((at(i) & 0xC0) != 0x80)
      return 0;
  auto second = at(1);
  bool overlong =
      (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  bool surrogate = first == 0xED && second > 0x9F;
  bool too_large = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || too_large ? 0 : n;
}

} // namespace

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = sequence_size(bytes);
    if (n == 0)
      return false;
    bytes.remove_prefix(n);
  }
  return true;
}

std::string as_utf8(std::string_view bytes) {
  std::string result;
  result.reserve(bytes.size());
  while (!bytes.empty()) {
    auto n = sequence_size(bytes);
    result += n == 0 ? replacement : bytes.substr(0, n);
    bytes.remove_prefix(std::max<std::size_t>(n, 1));
  }
  return result;
}

std::vector<std::string> line_tail::last() const {
  return {lines_.begin(), lines_.end()};
}

void line_tail::append(std::string_view bytes) {
  auto room = max_line - std::min(max_line, current_.size());
  cut_ = cut_ || bytes.size() > room;
  current_ += bytes.substr(0, room);
}

std::string line_tail::take_current() {
  if (!current_.empty() && current_.back() == '\r')
    current_.pop_back();
  auto line = as_utf8(std::exchange(current_, {}));
  if (std::exchange(cut_, false))
    line += ellipsis;
  return line;
}

void line_tail::keep(std::string line) {
  if (max_lines_ == 0)
    return;
  if (lines_.size() == max_lines_)
    lines_.pop_front();
  lines_.push_back(std::move(line));
}

bool flood_gate::pass(time_point now) {
  if (now - since_ >= std::chrono::seconds(1)) {
    since_ = now;
    passed_ = 0;
  }
  if (passed_ < per_second_) {
    ++passed_;
    return true;
  }
  ++dropped_;
  return false;
}

std::uint64_t flood_gate::take_dropped() {
  return std::exchange(dropped_, 0);
}

} // namespace charmer::wire
