// A restart budget as one would count it by hand: for models of supervisors.
#pragma once

#include "charmer/supervision/restart_budget.hpp"

#include <algorithm>
#include <vector>

namespace test {

struct counted_window {
  charmer::restart_intensity limit;
  std::vector<charmer::time_point> all;

  std::size_t used(charmer::time_point now) const {
    return std::size_t(std::count_if(all.begin(), all.end(), [&](auto x) {
      return now - x <= limit.period;
    }));
  }

  bool charge(charmer::time_point now) {
    all.push_back(now);
    return used(now) <= std::size_t(limit.intensity);
  }
};

} // namespace test
