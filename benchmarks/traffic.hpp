// Calls made by event-based actors, counted and timed: whatever completes makes
// the next call.
//
// Threading: one thread. Errors: std::runtime_error if a call failed.
//
//   auto add = [door](auto* self, std::uint64_t n, auto done) {
//     self->request(door, caf::infinite, 5, 3)
//       .then([=](int x) { done(x == 8); }, [=](auto&) { done(false); });
//   };
//   auto rate = measure_traffic(sys, {.callers = 16}, 1s, add).per_second;
//   auto us = median_call(sys, 1s, add);
#pragma once

#include "stopwatch.hpp"

#include "charmer/supervision/caf.hpp"

#include <atomic>
#include <cstdint>
#include <ctime>
#include <deque>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace bench {

// -- many callers -------------------------------------------------------------

/// How many callers there are, and how many calls each has under way, always.
struct traffic {
  std::size_t callers = 1;
  std::size_t in_flight = 1;
};

struct traffic_figures {
  double per_second = 0; ///< calls that were completed
  double cpu = 0;        ///< for each, of this process: microseconds
};

/// What all callers of one measurement share, and what each has counted for
/// itself, so that counting costs the others nothing.
class traffic_meter {
public:
  struct alignas(64) tally {
    std::atomic<std::uint64_t> completed = 0;
    std::atomic<std::uint64_t> failed = 0;
  };

  explicit traffic_meter(std::size_t callers) : tallies_(callers) {}

  tally& of(std::size_t caller) { return tallies_[caller]; }

  bool going_on() const { return going_on_.load(std::memory_order_relaxed); }

  void stop() { going_on_ = false; }

  std::uint64_t completed() const { return sum(&tally::completed); }

  std::uint64_t failed() const { return sum(&tally::failed); }

private:
  std::uint64_t sum(std::atomic<std::uint64_t> tally::*which) const {
    std::uint64_t result = 0;
    for (auto& x : tallies_)
      result += (x.*which).load();
    return result;
  }

  std::deque<tally> tallies_;
  std::atomic<bool> going_on_ = true;
};

/// REQUIRES: `meter` and `call` outlive the caller: nothing that threads share
/// is copied for a call.
template <class Call>
void keep_calling(caf::event_based_actor* self, traffic_meter& meter,
                  std::size_t caller, std::uint64_t n, const Call& call) {
  call(self, n, [self, &meter, caller, n, &call](bool good) {
    auto& mine = meter.of(caller);
    (good ? mine.completed : mine.failed)
        .fetch_add(1, std::memory_order_relaxed);
    if (meter.going_on())
      keep_calling(self, meter, caller, n + 1, call);
  });
}

/// Of this process, all threads: seconds.
inline double cpu_time() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// @param call `call(self, n, done)` makes the n-th call of an actor, which
/// calls `done(good)` once it has the outcome; each caller counts from a number
/// of its own
template <class Call>
traffic_figures measure_traffic(caf::actor_system& sys, traffic x,
                                std::chrono::milliseconds time, Call call) {
  using clock = stopwatch::clock;
  traffic_meter meter{x.callers};
  std::vector<caf::actor> actors;
  for (std::size_t i = 0; i < x.callers; ++i)
    actors.push_back(
        sys.spawn([&meter, i, x, &call](caf::event_based_actor* self) {
          for (std::size_t n = 0; n < x.in_flight; ++n)
            keep_calling(self, meter, i, i + n, call);
        }));
  std::this_thread::sleep_for(time * stopwatch::warm_up);
  auto cpu_before = cpu_time();
  auto begin = clock::now();
  auto before = meter.completed();
  std::this_thread::sleep_for(time);
  auto calls = static_cast<double>(meter.completed() - before);
  auto seconds = std::chrono::duration<double>(clock::now() - begin).count();
  auto cpu = cpu_time() - cpu_before;
  meter.stop();
  // They end when nothing of theirs is in flight any more.
  caf::scoped_actor self{sys};
  self->wait_for(actors);
  if (auto failed = meter.failed(); failed > 0)
    throw std::runtime_error{std::to_string(failed) + " calls failed"};
  return {calls / seconds, cpu / calls * 1e6};
}

// -- one after the other ------------------------------------------------------

struct lone_caller {
  explicit lone_caller(std::chrono::milliseconds time) : watch(time) {}

  stopwatch watch;
  std::promise<double> median;
};

template <class Call>
void call_again(caf::event_based_actor* self,
                const std::shared_ptr<lone_caller>& state, std::uint64_t n,
                const Call& call) {
  call(self, n, [self, state, n, call](bool good) {
    if (!good)
      self->quit(caf::exit_reason::unhandled_exception);
    else if (state->watch.lap())
      call_again(self, state, n + 1, call);
    else
      state->median.set_value(state->watch.median());
  });
}

/// One actor makes one call after the other: microseconds for each, the median.
template <class Call>
double median_call(caf::actor_system& sys, std::chrono::milliseconds time,
                   Call call) {
  auto state = std::make_shared<lone_caller>(time);
  auto median = state->median.get_future();
  sys.spawn([state, call](caf::event_based_actor* self) {
    call_again(self, state, 0, call);
  });
  // An actor that fails takes the promise along, and get() throws.
  state.reset();
  return median.get();
}

} // namespace bench
