#include "charmer/supervision/event_handler.hpp"

#include <string_view>

namespace charmer {

namespace {

/// "*" stands for any text. Linear: only the last star is ever tried again.
bool like(std::string_view text, std::string_view pattern) {
  std::size_t t = 0, p = 0, retry_text = 0;
  auto star = std::string_view::npos;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry_text = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++retry_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

} // namespace

bool event_filter::matches(const event& x) const {
  return x.level >= at_least && like(x.name, name) && like(x.path, path);
}

} // namespace charmer
