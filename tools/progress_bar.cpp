#include "charmer/tools/progress_bar.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace charmer::tools {

namespace {

using seconds = std::chrono::duration<double>;

constexpr double memory = 3; // seconds over which the rate is smoothed

} // namespace

progress_bar::progress_bar(clock::time_point now) : start_(now), last_(now) {
  // nop
}

void progress_bar::update(const progress& x, clock::time_point now) {
  auto span = seconds(now - last_).count();
  if (span > 0) {
    auto items =
        static_cast<double>(x.done + x.failed - now_.done - now_.failed);
    // The first seconds count in full, or the rate would climb from 0.
    auto age = seconds(last_ - start_).count();
    auto weight = 1 - std::exp(-span / std::min(memory, age + span));
    if (last_ == start_)
      weight = 1;
    rate_ += weight * (items / span - rate_);
    last_ = now;
  }
  now_ = x;
}

std::string progress_bar::numbers() const {
  auto result = with_commas(now_.done) + " done";
  if (now_.failed > 0)
    result += "  " + with_commas(now_.failed) + " failed";
  result +=
      "  " + with_commas(static_cast<std::uint64_t>(std::lround(rate_))) + "/s";
  return result;
}

std::string progress_bar::render(std::size_t columns) const {
  auto text = numbers();
  if (now_.total_bytes && *now_.total_bytes > 0) {
    auto part = std::min(1.0, static_cast<double>(now_.bytes)
                                  / static_cast<double>(*now_.total_bytes));
    if (part > 0 && last_ > start_) {
      seconds left{seconds(last_ - start_).count() * (1 - part) / part};
      text +=
          "  ETA " + as_clock(std::chrono::ceil<std::chrono::seconds>(left));
    }
    constexpr std::size_t width = 24;
    auto full = static_cast<std::size_t>(part * width);
    char percent[8];
    std::snprintf(percent, sizeof(percent), "%3d%%",
                  static_cast<int>(part * 100));
    text = '[' + std::string(full, '#') + std::string(width - full, ' ') + "]  "
           + percent + "  " + text;
  }
  // In the last column some terminals begin a new line.
  if (text.size() >= columns)
    text.resize(columns > 0 ? columns - 1 : 0);
  return text;
}

std::string with_commas(std::uint64_t x) {
  auto result = std::to_string(x);
  for (auto i = static_cast<std::ptrdiff_t>(result.size()) - 3; i > 0; i -= 3)
    result.insert(static_cast<std::size_t>(i), 1, ',');
  return result;
}

std::string as_clock(std::chrono::seconds x) {
  auto n = x.count();
  char text[32];
  if (n >= 3600)
    std::snprintf(text, sizeof(text), "%lld:%02d:%02d",
                  static_cast<long long>(n / 3600),
                  static_cast<int>(n / 60 % 60), static_cast<int>(n % 60));
  else
    std::snprintf(text, sizeof(text), "%d:%02d", static_cast<int>(n / 60),
                  static_cast<int>(n % 60));
  return text;
}

} // namespace charmer::tools
