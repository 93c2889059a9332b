#include "measure.hpp"

#include <algorithm>
#include <array>
#include <sstream>

namespace bench {

double median(std::vector<double> xs) {
  std::sort(xs.begin(), xs.end());
  auto half = xs.size() / 2;
  return xs.size() % 2 == 1 ? xs[half] : (xs[half - 1] + xs[half]) / 2;
}

spread spread_of(const std::vector<double>& xs) {
  auto [low, high] = std::minmax_element(xs.begin(), xs.end());
  return {*low, median(xs), *high};
}

figures measure(const std::vector<contestant>& all, std::size_t rounds) {
  figures result;
  for (std::size_t round = 0; round < rounds; ++round)
    for (auto& x : all)
      result[x.name].push_back(x.measure());
  return result;
}

bool limit::holds(double ratio) const {
  switch (is) {
    case kind::at_most:
      return ratio <= bound;
    case kind::below:
      return ratio < bound;
    case kind::at_least:
      return ratio >= bound;
    case kind::above:
      return ratio > bound;
  }
  return false;
}

std::string to_string(const limit& x) {
  constexpr std::array signs{"≤", "<", "≥", ">"};
  std::ostringstream text;
  text << signs[static_cast<std::size_t>(x.is)] << ' ' << x.bound;
  return text.str();
}

bool result::holds() const {
  return !of.must || of.must->holds(ratio.middle);
}

bool result::reaches_aim() const {
  return !of.aim || of.aim->holds(ratio.middle);
}

result compare(const comparison& x, const figures& from) {
  auto& values = from.at(x.value);
  auto& baselines = from.at(x.baseline);
  std::vector<double> ratios;
  for (std::size_t round = 0; round < values.size(); ++round)
    ratios.push_back(values[round] / baselines[round]);
  return {x, spread_of(values), spread_of(baselines), spread_of(ratios)};
}

} // namespace bench
