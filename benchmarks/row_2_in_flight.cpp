// Row 2: calls per second with many callers in flight and two Python
// processes. No batching API: every call is a call. Four actors keep 64 calls
// each in flight: whatever completes makes the next one.

#include "baselines.hpp"
#include "charmer_stack.hpp"
#include "rows.hpp"
#include "traffic.hpp"

namespace bench {

namespace {

constexpr std::size_t workers = 2;
constexpr std::size_t in_flight = 256;
constexpr std::size_t callers = 4;

double calls_per_second(const conditions& x) {
  charmer_stack stack{x.python, workers};
  return measure_traffic(
             stack.system(),
             {.callers = callers, .in_flight = in_flight / callers}, x.time,
             [pool = stack.pool()](auto* self, auto, auto done) {
               charmer::call(self, pool, "add", {{"a", 5}, {"b", 3}})
                   .then(
                       [done](const charmer::reply& x) {
                         done(x.text() == "8");
                       },
                       [done](const caf::error&) { done(false); });
             })
      .per_second;
}

} // namespace

std::vector<result> calls_in_flight(const conditions& x) {
  auto executor = "ProcessPoolExecutor.submit";
  auto pool = "Pool.apply_async";
  auto ours = "charmer";
  auto baseline = [&](python_pool which) {
    return throughput(which, workers, in_flight, x);
  };
  auto all =
      measure({{executor, [&] { return baseline(python_pool::executor); }},
               {pool, [&] { return baseline(python_pool::pool); }},
               {ours, [&] { return calls_per_second(x); }}},
              x.rounds);
  auto beside = [&](const char* other, double must, double aim) {
    return compare(
        {2, "calls per second", ours, other, at_least(must), at_least(aim)},
        all);
  };
  return {beside(executor, 5, 10), beside(pool, 2, 4)};
}

} // namespace bench
