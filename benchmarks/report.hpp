// What was measured, for people and for programs.
//
// Threading: functions of their arguments.
#pragma once

#include "measure.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace bench {

/// One line for each result. Below a figure stands how far the rounds were
/// apart.
void print_table(std::ostream& out, const std::vector<result>& all);

/// A list of {row, measure, value, baseline, ratio, must, aim, holds}: figures
/// are medians, `must` and `aim` are texts ("≤ 1.6") or null. `holds` is about
/// `must`, and true where nothing must.
std::string to_json(const std::vector<result>& all);

} // namespace bench
