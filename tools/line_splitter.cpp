#include "charmer/tools/line_splitter.hpp"

namespace charmer::tools {

namespace {

// What some editors put before the first line.
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

} // namespace

void line_splitter::feed(std::string_view chunk) {
  buffer_.erase(0, start_);
  scanned_ -= start_;
  start_ = 0;
  buffer_ += chunk;
}

void line_splitter::end() {
  ended_ = true;
}

std::optional<input_line> line_splitter::next() {
  auto newline = buffer_.find('\n', scanned_);
  if (newline != std::string::npos)
    return take(newline - start_, 1);
  scanned_ = buffer_.size();
  if (ended_ && (overlong_ || scanned_ > start_))
    return take(scanned_ - start_, 0);
  if (scanned_ - start_ > max_line_)
    drop_overlong();
  return std::nullopt;
}

std::optional<input_line> line_splitter::take(std::size_t length,
                                              std::size_t newline) {
  input_line result;
  result.number = ++number_;
  result.too_long = overlong_ || length > max_line_;
  if (!result.too_long) {
    result.text = buffer_.substr(start_, length);
    if (number_ == 1 && result.text.starts_with(byte_order_mark))
      result.text.erase(0, byte_order_mark.size());
  }
  overlong_ = false;
  start_ += length + newline;
  scanned_ = start_;
  consumed_ += length + newline;
  return result;
}

void line_splitter::drop_overlong() {
  overlong_ = true;
  consumed_ += scanned_ - start_;
  buffer_.clear();
  start_ = scanned_ = 0;
}

} // namespace charmer::tools
