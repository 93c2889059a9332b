// Row 12: twice as many calls as there is capacity for.
//
// Two workers compute for a while for each call (processor time, so that what
// is taken from them shows). The peak is what they complete while there is
// always work waiting and nothing is refused. Then calls come at twice that
// rate, whatever became of those before, and the queue is short: how much is
// still completed, and how soon the others are refused.
//
// A refusal is timed from the call to the caller's error handler.

#include "charmer_stack.hpp"
#include "rows.hpp"
#include "traffic.hpp"

#include <algorithm>
#include <array>
#include <functional>

namespace bench {

namespace {

using std::chrono::milliseconds;
using clock = stopwatch::clock;

constexpr std::uint32_t workers = 2;
constexpr std::uint32_t queue_size = 16;

// -- kinds of workers ---------------------------------------------------------

// How a kind of worker is asked to compute, and for how long.
struct kind {
  const char* name;
  charmer::pool_settings (*pool)(const std::string& python);
  /// `done(error)`: none if it was completed.
  void (*ask)(caf::event_based_actor* self, const charmer::pool_handle& pool,
              const std::function<void(const caf::error&)>& done);
};

double thread_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

caf::behavior computer(caf::event_based_actor*) {
  return {[](double seconds) {
    auto end = thread_time() + seconds;
    while (thread_time() < end)
      ;
    return true;
  }};
}

constexpr std::array kinds{
    kind{"native",
         [](const std::string&) { return native_workers(computer, workers); },
         [](caf::event_based_actor* self, const charmer::pool_handle& pool,
            const std::function<void(const caf::error&)>& done) {
           self->request(pool.actor(), caf::infinite, 0.5e-3)
               .then([done](bool) { done({}); }, done);
         }},
    kind{"Python",
         [](const std::string& python) {
           return python_workers(python, workers);
         },
         [](caf::event_based_actor* self, const charmer::pool_handle& pool,
            const std::function<void(const caf::error&)>& done) {
           charmer::call(self, pool, "work", {{"milliseconds", 1}})
               .then([done](const charmer::reply&) { done({}); }, done);
         }},
};

charmer::pool_settings short_queue(const kind& k, const std::string& python) {
  auto x = k.pool(python);
  x.max_queue_size = queue_size;
  return x;
}

// -- the peak -----------------------------------------------------------------

double peak(const kind& k, const conditions& x) {
  charmer_stack stack{short_queue(k, x.python)};
  return measure_traffic(
             stack.system(),
             {.callers = 1, .in_flight = workers + queue_size / 2}, x.time,
             [ask = k.ask, pool = stack.pool()](auto* self, auto, auto done) {
               ask(self, pool, [done](const caf::error& e) { done(!e); });
             })
      .per_second;
}

// -- overload -----------------------------------------------------------------

// What became of the calls within a window of time. Belongs to the caller until
// it has ended.
struct outcomes {
  clock::time_point begin;
  clock::time_point end;
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;     ///< otherwise than refused
  std::vector<double> refusals; ///< milliseconds from the call to the error

  void add(const caf::error& e, clock::time_point called) {
    auto now = clock::now();
    if (e && e != charmer::pool_errc::queue_full)
      ++failed;
    else if (now < begin || now >= end)
      return;
    else if (!e)
      ++completed;
    else
      refusals.push_back(
          std::chrono::duration<double, std::milli>(now - called).count());
  }
};

struct overloaded {
  double goodput = 0;      ///< completed per second
  double refusal = 0;      ///< milliseconds, the median
  double late_refusal = 0; ///< one in a hundred is later
};

// Makes as many calls as it is told to, whatever became of the earlier ones.
caf::behavior make_calls(caf::event_based_actor* self, const kind& k,
                         const charmer::pool_handle& pool, outcomes& all) {
  return {[=, &k, &all](std::uint64_t count) {
    for (; count > 0; --count)
      k.ask(self, pool, [&all, called = clock::now()](const caf::error& e) {
        all.add(e, called);
      });
  }};
}

// Has calls made at this rate until a point in time.
void pace(const caf::actor& caller, double per_second, clock::time_point end) {
  std::uint64_t made = 0;
  auto begin = clock::now();
  for (auto now = begin; now < end; now = clock::now()) {
    auto elapsed = std::chrono::duration<double>(now - begin).count();
    auto due = static_cast<std::uint64_t>(per_second * elapsed);
    if (due > made)
      caf::anon_send(caller, due - made);
    made = due;
    std::this_thread::sleep_until(now + milliseconds{1});
  }
}

overloaded overload_at(const kind& k, double per_second, const conditions& x) {
  charmer_stack stack{short_queue(k, x.python)};
  outcomes all;
  all.begin = clock::now()
              + std::chrono::duration_cast<clock::duration>(
                  x.time * stopwatch::warm_up);
  all.end = all.begin + x.time;
  auto caller = stack.system().spawn([&](caf::event_based_actor* self) {
    return make_calls(self, k, stack.pool(), all);
  });
  pace(caller, per_second, all.end);
  caf::scoped_actor self{stack.system()};
  caf::anon_send_exit(caller, caf::exit_reason::user_shutdown);
  self->wait_for(caller);
  if (all.failed > 0 || all.refusals.empty())
    throw std::runtime_error{std::to_string(all.failed) + " calls failed, "
                             + std::to_string(all.refusals.size())
                             + " were refused"};
  std::sort(all.refusals.begin(), all.refusals.end());
  auto seconds = std::chrono::duration<double>(x.time).count();
  return {static_cast<double>(all.completed) / seconds, median(all.refusals),
          all.refusals[all.refusals.size() * 99 / 100]};
}

} // namespace

std::vector<result> overload(const conditions& x) {
  std::vector<result> results;
  for (auto& k : kinds) {
    double capacity = 0;
    overloaded last;
    auto at_peak = "at the peak";
    auto at_twice = "at twice the peak";
    auto refused = "refused";
    auto late = "refused, p99";
    auto unit = "1 ms";
    auto all = measure({{at_peak, [&] { return capacity = peak(k, x); }},
                        {at_twice,
                         [&] {
                           last = overload_at(k, 2 * capacity, x);
                           return last.goodput;
                         }},
                        {refused, [&] { return last.refusal; }},
                        {late, [&] { return last.late_refusal; }},
                        {unit, [] { return 1.0; }}},
                       x.rounds);
    auto of = [&](const char* what) { return std::string{what} + k.name; };
    results.push_back(compare({12, of("completed per second, "), at_twice,
                               at_peak, at_least(0.9), at_least(0.97)},
                              all));
    results.push_back(compare({12, of("ms until a call is refused, "), refused,
                               unit, at_most(5), at_most(1)},
                              all));
    results.push_back(compare(
        {12, of("ms until a call is refused, "), late, unit, {}, {}}, all));
  }
  return results;
}

} // namespace bench
