#include "charmer/tools/window.hpp"

#include <algorithm>

namespace charmer::tools {

window::window(std::size_t workers, std::size_t limit)
    : workers_(std::max<std::size_t>(workers, 1)),
      limit_(std::max(limit, workers_)), size_(workers_) {
  // nop
}

void window::answered(timespan latency) {
  if (latency >= slow) {
    overfull();
    return;
  }
  sum_ += latency;
  if (++count_ < size_)
    return;
  auto mean = sum_ / count_;
  if (mean < quick)
    set(size_ * 2);
  else if (mean > 2 * quick)
    set(size_ / 2);
  else
    set(size_);
}

void window::overfull() {
  set(workers_);
}

void window::set(std::size_t x) {
  size_ = std::clamp(x, workers_, limit_);
  count_ = 0;
  sum_ = timespan{0};
}

} // namespace charmer::tools
