// Row 16: what a call costs as the work grows: from 1 worker to 256, and from 1
// waiting caller to 10,000.
//
// Everything runs on one core, so that neither waking another core nor what
// runs beside is measured, but what a call costs.
//
// Workers: one caller makes one call after the other, the median of all. A
// strategy that goes round touches each worker's memory once in 256 calls.
//
// Waiting callers: 10,000 actors wait for a worker that never answers, and one
// more makes a call and takes it back (a cancellation), or lets its waiting
// time run out (an expiry; processor time of the whole process, as it has to
// wait). What waits is not touched, so this is the cost of the books, not of
// caches.
//
// Turning round: as many callers wait as is said and each is served in its
// turn. So each call touches memory that was last used 10,000 calls ago, and
// the baseline has the same: bare actors that send to one bare actor.

#include "charmer_stack.hpp"
#include "cores.hpp"
#include "rows.hpp"
#include "strategies.hpp"
#include "traffic.hpp"

#include <functional>
#include <memory>
#include <string>

namespace bench {

namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t many_workers = 256;
constexpr std::size_t many_callers = 10'000;

// Adds two numbers; a single one it never answers.
caf::behavior adder(caf::event_based_actor* self) {
  auto held = std::make_shared<std::vector<caf::response_promise>>();
  return {[](int x, int y) { return x + y; },
          [self, held](int) -> caf::delegated<int> {
            held->push_back(self->make_response_promise());
            return {};
          }};
}

charmer::pool_settings pool_of(std::uint32_t workers) {
  auto x = native_workers(adder, workers);
  x.max_queue_size = 2 * many_callers;
  x.queue_timeout = std::chrono::hours(1);
  x.request_timeout = std::chrono::hours(1);
  return x;
}

// -- workers ------------------------------------------------------------------

double with_workers(const strategy& s, std::size_t workers, milliseconds time) {
  charmer_stack stack{pool_of(static_cast<std::uint32_t>(workers))};
  return median_call(
      stack.system(), time,
      [&s, to = adders{stack.system(), stack.pool().actor()}](
          auto* self, auto n, auto done) { ask_adders(self, to, s, n, done); });
}

// -- waiting callers ----------------------------------------------------------

// So many actors whose requests will never be answered; one of them has the
// worker, the others wait.
class parked {
public:
  parked(charmer_stack& stack, std::size_t callers) : self_(stack.system()) {
    auto door = stack.pool().actor();
    for (std::size_t i = 0; i < callers + 1; ++i)
      all_.push_back(stack.system().spawn([=](caf::event_based_actor* self) {
        self->request(door, caf::infinite, 1)
            .then([](int) {}, [](const caf::error&) {});
      }));
    while (waiting(door) < callers)
      std::this_thread::yield();
  }

  // The worker will not be waited for: nobody wants its answer.
  ~parked() {
    for (auto& x : all_)
      caf::anon_send_exit(x, caf::exit_reason::kill);
    self_->wait_for(all_);
  }

private:
  std::size_t waiting(const caf::actor& door) {
    std::size_t result = 0;
    self_->request(door, caf::infinite, charmer::stats_atom_v)
        .receive(
            [&](const charmer::pool_stats& x) { result = x.counts.waiting; },
            call_failed);
    return result;
  }

  caf::scoped_actor self_;
  std::vector<caf::actor> all_;
};

double cancellation(std::size_t callers, milliseconds time) {
  charmer_stack stack{pool_of(1)};
  parked others{stack, callers};
  return median_call(
      stack.system(), time,
      [door = stack.pool().actor()](auto* self, auto, auto done) {
        charmer::call_options options{.id = charmer::call_id::next()};
        auto id = options.id;
        self->request(door, caf::infinite, std::move(options),
                      caf::make_message(5, 3))
            .then([done](int) { done(false); },
                  [done](const caf::error& e) {
                    done(e == charmer::pool_errc::cancelled);
                  });
        charmer::cast(door, charmer::cancel_atom_v, id);
      });
}

double expiry(std::size_t callers, milliseconds time) {
  charmer_stack stack{pool_of(1)};
  parked others{stack, callers};
  return measure_traffic(
             stack.system(), {.callers = 1, .in_flight = 64}, time,
             [door = stack.pool().actor()](auto* self, auto, auto done) {
               self->request(
                       door, caf::infinite,
                       charmer::call_options{.queue_timeout = milliseconds{1}},
                       caf::make_message(5, 3))
                   .then([done](int) { done(false); },
                         [done](const caf::error& e) {
                           done(e == charmer::pool_errc::wait_timeout);
                         });
             })
      .cpu;
}

// -- turning round ------------------------------------------------------------

// One is served, the others wait: microseconds of processor time for a call.
double turn_of(caf::actor_system& sys, const caf::actor& to,
               std::size_t waiting, milliseconds time) {
  return measure_traffic(sys, {.callers = waiting + 1}, time,
                         [to](auto* self, auto, auto done) {
                           self->request(to, caf::infinite, 5, 3)
                               .then(
                                   [done](int sum) { done(sum == 8); },
                                   [done](const caf::error&) { done(false); });
                         })
      .cpu;
}

double turn(std::size_t waiting, milliseconds time) {
  charmer_stack stack{pool_of(1)};
  return turn_of(stack.system(), stack.pool().actor(), waiting, time);
}

double bare_turn(std::size_t waiting, milliseconds time) {
  charmer::config config;
  caf::actor_system sys{config};
  auto worker = sys.spawn(adder);
  auto result = turn_of(sys, worker, waiting, time);
  caf::anon_send_exit(worker, caf::exit_reason::user_shutdown);
  return result;
}

// -- comparing ----------------------------------------------------------------

struct growth {
  std::string measure;
  std::string unit; ///< of what grows
  std::size_t many;
  std::function<double(std::size_t n, milliseconds time)> cost;
  bool judged = true;
};

std::vector<growth> all_growth() {
  std::vector<growth> all;
  for (auto& s : strategies)
    all.push_back({std::string{"µs for a call, "} + s.name, "workers",
                   many_workers, [&s](std::size_t n, milliseconds time) {
                     return with_workers(s, n, time);
                   }});
  auto add = [&](const char* measure, auto cost, bool judged = true) {
    all.push_back({measure, "waiting", many_callers, cost, judged});
  };
  add("µs for a call and its cancellation", cancellation);
  add("µs CPU for an expiry", expiry);
  add("µs CPU for a call, callers in turn", turn);
  add("µs CPU for a call, callers in turn, bare CAF", bare_turn, false);
  return all;
}

result grown(const growth& g, const conditions& x) {
  auto name = [&](std::size_t n) { return std::to_string(n) + " " + g.unit; };
  auto cost = [&](std::size_t n) { return g.cost(n, x.time / 2); };
  auto all = measure({{name(1), [&] { return cost(1); }},
                      {name(g.many), [&] { return cost(g.many); }}},
                     x.rounds);
  std::optional<limit> must;
  std::optional<limit> aim;
  if (g.judged) {
    must = at_most(1.2);
    aim = at_most(1.1);
  }
  return compare({16, g.measure, name(g.many), name(1), must, aim}, all);
}

} // namespace

std::vector<result> growing_work(const conditions& x) {
  on_host_core here;
  std::vector<result> results;
  for (auto& g : all_growth())
    results.push_back(grown(g, x));
  return results;
}

} // namespace bench
