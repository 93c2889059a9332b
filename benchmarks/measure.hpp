// Measuring: contestants in turn, rounds, medians, ratios, what must hold.
//
// The machines are noisy, and so nothing here is compared across time: in each
// round every contestant is measured once, one after the other; a ratio is made
// within its round, and the median of the ratios is what counts.
//
// Threading: plain values. Units: a figure has the unit of its row.
//
//   auto figures = measure({{"charmer", f}, {"bare pipe", g}}, 5);
//   auto x = compare({.row = 1, .measure = "µs for a call", .value = "charmer",
//                     .baseline = "bare pipe", .must = at_most(1.6)}, figures);
//   x.holds();
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bench {

// -- figures ------------------------------------------------------------------

/// REQUIRES: there is one.
double median(std::vector<double> xs);

/// What many rounds gave.
struct spread {
  double low = 0;
  double middle = 0; ///< the median
  double high = 0;
};

/// REQUIRES: there is one.
spread spread_of(const std::vector<double>& xs);

/// Who is measured: gives one figure each time, or throws.
struct contestant {
  std::string name;
  std::function<double()> measure;
};

/// By contestant: one figure for each round.
using figures = std::map<std::string, std::vector<double>>;

/// Every contestant in turn, round by round.
figures measure(const std::vector<contestant>& all, std::size_t rounds);

// -- what is asked of them ----------------------------------------------------

/// What a ratio must be.
struct limit {
  enum class kind { at_most, below, at_least, above };

  kind is;
  double bound;
  bool counts = false; ///< things and no time: whoever is in a hurry judges it

  bool holds(double ratio) const;
};

constexpr limit at_most(double x) {
  return {limit::kind::at_most, x};
}
constexpr limit below(double x) {
  return {limit::kind::below, x};
}
constexpr limit at_least(double x) {
  return {limit::kind::at_least, x};
}
constexpr limit above(double x) {
  return {limit::kind::above, x};
}

/// For what must not happen at all, however slow the machine is.
constexpr limit none() {
  return {limit::kind::at_most, 0, true};
}

/// "≤ 1.6"
std::string to_string(const limit& x);

/// What a row is called: by its number in targets.md, or, if it has none there,
/// by a word.
struct row_name {
  row_name(int number) : text(std::to_string(number)), is_number(true) {}
  row_name(const char* word) : text(word) {}

  friend bool operator==(const row_name&, const row_name&) = default;

  std::string text;
  bool is_number = false;
};

/// Which two contestants are compared, and what their ratio is to be.
struct comparison {
  row_name row;
  std::string measure; ///< what, and its unit
  std::string value;   ///< the contestant above the line of the ratio
  std::string baseline;
  std::optional<limit> must; ///< none: for information
  std::optional<limit> aim;
};

/// A comparison and what came of it.
struct result {
  comparison of;
  spread value;
  spread baseline;
  spread ratio;

  /// Whether what must hold does; true if nothing must.
  bool holds() const;

  /// Whether the aim is reached too.
  bool reaches_aim() const;
};

/// REQUIRES: both contestants have figures, of equally many rounds.
result compare(const comparison& x, const figures& from);

} // namespace bench
