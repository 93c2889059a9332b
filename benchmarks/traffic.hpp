// Callers that always have calls under way, and how many they complete in a
// second.
//
// Callers are event-based actors; whatever completes makes the next call. Each
// counts for itself, so that counting costs the others nothing.
//
// Threading: one thread. Errors: std::runtime_error if a call failed.
//
//   auto rate = calls_per_second(sys, {.callers = 16}, 1s,
//     [door](auto* self, std::uint64_t n, auto done) {
//       self->request(door, caf::infinite, 5, 3)
//         .then([=](int x) { done(x == 8); }, [=](auto&) { done(false); });
//     });
#pragma once

#include "stopwatch.hpp"

#include "charmer/supervision/caf.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>
#include <thread>

namespace bench {

struct traffic {
  std::size_t callers = 1;
  std::size_t in_flight = 1; ///< of each caller
};

/// What all callers of one measurement share, and each one's counts.
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

/// REQUIRES: `meter` outlives the caller.
template <class Call>
void next_call(caf::event_based_actor* self, traffic_meter& meter,
               std::size_t caller, std::uint64_t n, const Call& call) {
  call(self, n, [self, &meter, caller, n, call](bool good) {
    auto& mine = meter.of(caller);
    (good ? mine.completed : mine.failed)
        .fetch_add(1, std::memory_order_relaxed);
    if (meter.going_on())
      next_call(self, meter, caller, n + 1, call);
  });
}

/// @param call `call(self, n, done)` makes the n-th call of an actor, which
/// calls `done(good)` when it has the outcome; each caller counts from a number
/// of its own
template <class Call>
double calls_per_second(caf::actor_system& sys, traffic x,
                        std::chrono::milliseconds time, Call call) {
  using clock = stopwatch::clock;
  traffic_meter meter{x.callers};
  std::vector<caf::actor> actors;
  for (std::size_t i = 0; i < x.callers; ++i)
    actors.push_back(
        sys.spawn([&meter, i, x, call](caf::event_based_actor* self) {
          for (std::size_t n = 0; n < x.in_flight; ++n)
            next_call(self, meter, i, i + n, call);
        }));
  std::this_thread::sleep_for(time * stopwatch::warm_up);
  auto begin = clock::now();
  auto before = meter.completed();
  std::this_thread::sleep_for(time);
  auto after = meter.completed();
  auto end = clock::now();
  meter.stop();
  // They end when nothing of theirs is in flight any more.
  caf::scoped_actor self{sys};
  self->wait_for(actors);
  if (auto failed = meter.failed(); failed > 0)
    throw std::runtime_error{std::to_string(failed) + " calls failed"};
  return static_cast<double>(after - before)
         / std::chrono::duration<double>(end - begin).count();
}

} // namespace bench
