#include "charmer/supervision/restart_budget.hpp"

#include <algorithm>

namespace charmer {

bool restart_budget::charge(time_point now) {
  if (limit_.is_unlimited())
    return true;
  while (!window_.empty() && now - window_.front() > limit_.period)
    window_.pop_front();
  window_.push_back(now);
  return window_.size() <= static_cast<std::uint64_t>(limit_.intensity);
}

std::size_t restart_budget::used(time_point now) const {
  auto outside = [&](time_point t) { return now - t > limit_.period; };
  auto first = std::partition_point(window_.begin(), window_.end(), outside);
  return static_cast<std::size_t>(window_.end() - first);
}

} // namespace charmer
