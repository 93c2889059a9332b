// Row 2: calls per second with many callers in flight and two Python
// processes. No batching API: every call is a call. Four actors keep 64 calls
// each in flight: whatever completes makes the next one.

#include "baselines.hpp"
#include "charmer_stack.hpp"
#include "rows.hpp"
#include "stopwatch.hpp"

#include <atomic>
#include <cstdint>
#include <thread>

namespace bench {

namespace {

constexpr std::size_t workers = 2;
constexpr std::size_t in_flight = 256;
constexpr std::size_t callers = 4;

struct flight {
  std::atomic<std::uint64_t> completed = 0;
  std::atomic<std::uint64_t> failed = 0;
  std::atomic<bool> going_on = true;
};

// REQUIRES: `all` outlives the caller.
void next_call(caf::event_based_actor* self, const charmer::pool_handle& pool,
               flight& all) {
  charmer::call(self, pool, "add", {{"a", 5}, {"b", 3}})
      .then(
          [self, pool, &all](const charmer::reply& x) {
            (x.text() == "8" ? all.completed : all.failed) += 1;
            if (all.going_on)
              next_call(self, pool, all);
          },
          [&all](const caf::error&) { all.failed += 1; });
}

double calls_per_second(const conditions& x) {
  charmer_stack stack{x.python, workers};
  caf::scoped_actor self{stack.system()};
  flight all;
  std::vector<caf::actor> actors;
  for (std::size_t i = 0; i < callers; ++i)
    actors.push_back(stack.system().spawn([&](caf::event_based_actor* caller) {
      for (std::size_t n = 0; n < in_flight / callers; ++n)
        next_call(caller, stack.pool(), all);
    }));
  using clock = stopwatch::clock;
  std::this_thread::sleep_for(x.time * stopwatch::warm_up);
  auto begin = clock::now();
  auto before = all.completed.load();
  std::this_thread::sleep_for(x.time);
  auto after = all.completed.load();
  auto end = clock::now();
  all.going_on = false;
  // They end when nothing of theirs is in flight any more.
  self->wait_for(actors);
  if (all.failed > 0)
    throw std::runtime_error{std::to_string(all.failed) + " calls failed"};
  return static_cast<double>(after - before)
         / std::chrono::duration<double>(end - begin).count();
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
