// The rows of targets.md that are built, and a few that have no number there,
// one file each (row_*.cpp).
//
// Threading: rows run one after the other; nothing else of this process runs
// beside the contestant that is measured.
#pragma once

#include "measure.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace bench {

/// What all rows are told.
struct conditions {
  std::string python; ///< the interpreter of every contestant
  std::size_t rounds = 5;
  /// Each contestant, in each round.
  std::chrono::milliseconds time{1000};
  /// Leave it to the kernel on which cores sequential calls run (cores.hpp).
  bool free_cores = false;
};

struct row {
  row_name name;
  std::string title;
  /// Throws if something could not be measured.
  std::vector<result> (*run)(const conditions&);
};

std::vector<result> sequential_calls(const conditions& x);
std::vector<result> calls_in_flight(const conditions& x);
std::vector<result> native_strategies(const conditions& x);
std::vector<result> killed_workers(const conditions& x);
std::vector<result> hanging_requests(const conditions& x);
std::vector<result> overload(const conditions& x);
std::vector<result> a_million_calls(const conditions& x);
std::vector<result> free_threads(const conditions& x);
std::vector<result> growing_work(const conditions& x);
std::vector<result> threads_beside_processes(const conditions& x);
std::vector<result> waiting_calls(const conditions& x);
std::vector<result> many_workers(const conditions& x);
std::vector<result> restart_of_a_child(const conditions& x);
std::vector<result> dynamic_children(const conditions& x);

/// All rows: those with a number in that order, then the others.
std::vector<row> rows();

} // namespace bench
