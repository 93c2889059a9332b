// Row 1: one call after the other, through the whole stack: pool, queue
// manager, worker, Protobuf, Python and back, with 64 bytes of JSON.
//
// Two ways to call, as a service would from a thread of its own (a
// scoped_actor), which is what the row judges, and from an event-based actor.

#include "baselines.hpp"
#include "charmer_stack.hpp"
#include "cores.hpp"
#include "rows.hpp"
#include "stopwatch.hpp"
#include "traffic.hpp"

#include <optional>
#include <stdexcept>
#include <string_view>

namespace bench {

namespace {

constexpr std::string_view text =
    R"("a sentence of sixty-two characters, and with its quotes of 64.")";
static_assert(text.size() == 64);

charmer::arguments payload() {
  return charmer::payload::json(std::string{text});
}

void check(const charmer::reply& x) {
  if (x.text() != text)
    throw std::runtime_error{"the echo is wrong"};
}

double from_a_thread(const conditions& x, const on_host_core* place) {
  charmer_stack stack{x.python, place};
  caf::scoped_actor self{stack.system()};
  return median_time(x.time, [&] {
    charmer::call(self, stack.pool(), "echo", payload())
        .receive(check, call_failed);
  });
}

double from_an_actor(const conditions& x, const on_host_core* place) {
  charmer_stack stack{x.python, place};
  return median_call(
      stack.system(), x.time,
      [pool = stack.pool()](auto* self, auto, auto done) {
        charmer::call(self, pool, "echo", payload())
            .then([done](const charmer::reply& x) { done(x.text() == text); },
                  [done](const caf::error&) { done(false); });
      });
}

} // namespace

std::vector<result> sequential_calls(const conditions& x) {
  std::optional<on_host_core> here;
  if (!x.free_cores)
    here.emplace();
  auto place = here ? &*here : nullptr;
  auto python = [&](python_pool which) { return sequential(which, x, place); };
  auto bare = "bare pipe";
  auto executor = "ProcessPoolExecutor.submit";
  auto pool = "Pool.apply";
  auto thread = "charmer, from a thread";
  auto actor = "charmer, from an actor";
  auto all = measure({{bare, [&] { return bare_pipe(x, place); }},
                      {executor, [&] { return python(python_pool::executor); }},
                      {pool, [&] { return python(python_pool::pool); }},
                      {thread, [&] { return from_a_thread(x, place); }},
                      {actor, [&] { return from_an_actor(x, place); }}},
                     x.rounds);
  auto beside = [&](const char* value, const char* baseline,
                    std::optional<limit> must, std::optional<limit> aim) {
    return compare({1, "µs for a call", value, baseline, must, aim}, all);
  };
  return {beside(thread, bare, at_most(1.6), at_most(1.25)),
          beside(thread, executor, below(1), below(1)),
          beside(thread, pool, {}, below(1)), beside(actor, bare, {}, {})};
}

} // namespace bench
