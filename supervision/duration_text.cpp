#include "charmer/supervision/duration_text.hpp"

#include <array>
#include <cstdio>

namespace charmer {

std::string to_short(timespan x) {
  if (x >= longest_delay)
    return "infinite";
  if (x < timespan{0})
    return '-' + to_short(x == timespan::min() ? infinite : -x);
  auto n = static_cast<double>(x.count());
  std::array<char, 32> text;
  if (n >= 1e9)
    std::snprintf(text.data(), text.size(), "%.6gs", n / 1e9);
  else if (n >= 1e6)
    std::snprintf(text.data(), text.size(), "%.4gms", n / 1e6);
  else
    std::snprintf(text.data(), text.size(), "%.4gus", n / 1e3);
  return text.data();
}

double to_seconds(timespan x) {
  return std::chrono::duration<double>(x).count();
}

} // namespace charmer
