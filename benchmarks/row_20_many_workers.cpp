// Row 20: 250 process workers are ready in a time that is linear in their
// number: beside 100.

#include "charmer_stack.hpp"
#include "rows.hpp"
#include "stopwatch.hpp"

#include <chrono>

namespace bench {

namespace {

double milliseconds_until_ready(const conditions& x, std::uint32_t workers) {
  auto pool = python_workers(x.python, workers);
  pool.start_timeout = std::chrono::seconds(60);
  auto begin = stopwatch::clock::now();
  charmer_stack stack{pool};
  return std::chrono::duration<double, std::milli>(stopwatch::clock::now()
                                                   - begin)
      .count();
}

} // namespace

std::vector<result> many_workers(const conditions& x) {
  auto few = "100 workers";
  auto many = "250 workers";
  auto all = measure({{few, [&] { return milliseconds_until_ready(x, 100); }},
                      {many, [&] { return milliseconds_until_ready(x, 250); }}},
                     x.rounds);
  return {compare(
      {20, "ms until all are ready", many, few, at_most(2.6), at_most(2.5)},
      all)};
}

} // namespace bench
