// Row 15: two threads of one Python process that both compute, beside one: only
// where there is an interpreter that runs without the GIL. Elsewhere it says
// that there is none, and measures nothing.

#include "charmer_stack.hpp"
#include "rows.hpp"
#include "traffic.hpp"

#include "charmer/profiles/interpreter.hpp"

#include <iostream>
#include <optional>

namespace bench {

namespace {

// The first that runs without the GIL, and can run a worker.
std::optional<std::string> free_threaded(const conditions& x) {
  for (std::string name :
       {x.python, std::string{"python3.13t"}, std::string{"python3.14t"},
        std::string{"python3.15t"}}) {
    charmer::pool_settings pool;
    pool.python = name;
    auto found = charmer::interpreter::info(pool);
    if (found.fault == charmer::interpreter_fault::none
        && charmer::interpreter::supports_free_threading(found))
      return name;
  }
  return std::nullopt;
}

double sums_per_second(const conditions& x, const std::string& python,
                       std::size_t in_flight) {
  auto pool = python_workers(python, 1);
  pool.profile = "thread";
  pool.threads_per_worker = 2;
  charmer_stack stack{pool};
  return measure_traffic(
             stack.system(), {.callers = 1, .in_flight = in_flight}, x.time,
             [pool = stack.pool()](auto* self, auto, auto done) {
               charmer::call(self, pool, "sum_up", {{"to", 100'000}})
                   .then([=](const charmer::reply&) { done(true); },
                         [=](const caf::error&) { done(false); });
             })
      .per_second;
}

} // namespace

std::vector<result> free_threads(const conditions& x) {
  auto python = free_threaded(x);
  if (!python) {
    std::cerr << "  not measured: no interpreter here runs without the GIL and "
                 "has protobuf (python3.13t or later)\n";
    return {};
  }
  auto one = "one thread";
  auto two = "two threads";
  auto all = measure({{one, [&] { return sums_per_second(x, *python, 1); }},
                      {two, [&] { return sums_per_second(x, *python, 2); }}},
                     x.rounds);
  return {compare({15, "sums per second, pure Python", two, one, at_least(1.6),
                   at_least(1.85)},
                  all)};
}

} // namespace bench
