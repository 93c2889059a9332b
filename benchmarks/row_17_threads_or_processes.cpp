// Rows 17 and 19: one adapter in few processes with many threads each, beside
// as many processes with one.
//
// Row 17: memory (what is not shared, and of what is, the part: PSS) and the
// time until all are ready. Row 19: commands that sleep 10 ms, as many in
// flight as there is capacity for.

#include "charmer_stack.hpp"
#include "rows.hpp"
#include "traffic.hpp"

#include "vitals.hpp"

#include <fstream>
#include <stdexcept>
#include <string>

namespace bench {

namespace {

charmer::pool_settings in_threads(const conditions& x, std::uint32_t workers,
                                  std::uint32_t threads) {
  auto pool = python_workers(x.python, workers);
  pool.profile = "thread";
  pool.threads_per_worker = threads;
  return pool;
}

// -- row 17 -------------------------------------------------------------------

double mebibytes_of(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/smaps_rollup"};
  std::string word;
  while (file >> word)
    if (word == "Pss:") {
      double kibibytes = 0;
      file >> kibibytes;
      return kibibytes / 1024;
    }
  throw std::runtime_error{"the memory of a worker cannot be read"};
}

struct cost {
  double memory = 0; ///< MiB
  double ready = 0;  ///< milliseconds
};

cost cost_of(const charmer::pool_settings& pool) {
  cost result;
  auto begin = stopwatch::clock::now();
  charmer_stack stack{pool};
  result.ready =
      std::chrono::duration<double, std::milli>(stopwatch::clock::now() - begin)
          .count();
  for (auto pid : soak::workers())
    result.memory += mebibytes_of(pid);
  return result;
}

// -- row 19 -------------------------------------------------------------------

constexpr std::uint32_t capacity = 16;

double waits_per_second(const conditions& x,
                        const charmer::pool_settings& pool) {
  charmer_stack stack{pool};
  return measure_traffic(stack.system(), {.callers = 1, .in_flight = capacity},
                         x.time,
                         [pool = stack.pool()](auto* self, auto, auto done) {
                           charmer::call(self, pool, "process_after",
                                         {{"milliseconds", 10}})
                               .then([=](const charmer::reply&) { done(true); },
                                     [=](const caf::error&) { done(false); });
                         })
      .per_second;
}

} // namespace

std::vector<result> threads_beside_processes(const conditions& x) {
  cost threads;
  cost processes;
  auto all = measure(
      {{"4 x 16 threads",
        [&] { return (threads = cost_of(in_threads(x, 4, 16))).memory; }},
       {"64 processes",
        [&] {
          return (processes = cost_of(python_workers(x.python, 64))).memory;
        }},
       {"4 x 16 threads, ready", [&] { return threads.ready; }},
       {"64 processes, ready", [&] { return processes.ready; }}},
      x.rounds);
  return {compare({17, "MiB of all workers", "4 x 16 threads", "64 processes",
                   at_most(1.0 / 5), at_most(1.0 / 10)},
                  all),
          compare({17, "ms until all are ready", "4 x 16 threads, ready",
                   "64 processes, ready", at_most(1.0 / 4), at_most(1.0 / 5)},
                  all)};
}

std::vector<result> waiting_calls(const conditions& x) {
  auto threads = "1 x 16 threads";
  auto processes = "16 processes";
  auto all = measure(
      {{threads,
        [&] { return waits_per_second(x, in_threads(x, 1, capacity)); }},
       {processes,
        [&] {
          return waits_per_second(x, python_workers(x.python, capacity));
        }}},
      x.rounds);
  return {compare({19, "calls per second that wait 10 ms", threads, processes,
                   at_least(0.8), at_least(1)},
                  all)};
}

} // namespace bench
