// What a pool counts, and what it shows of itself. Plain values, taken in one
// piece under the core's lock: in every snapshot
//
//   accepted = replied + failed + cancelled + waiting + running
//
// Requests that were refused (queue_full, pool_degraded, circuit_open, …) were
// never accepted and are counted apart. A worker that somebody holds by hand
// counts as one running request, until it is given back, and so does a question
// for the health of a worker (`health_interval`).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace charmer {

/// The books of a pool since it was started.
struct books {
  std::uint64_t accepted = 0;
  std::uint64_t replied = 0;   ///< answered with a value
  std::uint64_t failed = 0;    ///< answered with an error, time-outs included
  std::uint64_t cancelled = 0; ///< by the caller, or because it is gone
  std::uint64_t waiting = 0;   ///< sent ahead included
  std::uint64_t running = 0;

  std::uint64_t refused = 0;  ///< never accepted
  std::uint64_t unserved = 0; ///< of those that failed: never given to a worker
  std::uint64_t requeued = 0; ///< had not begun when its worker died
  std::uint64_t retried = 0;  ///< had begun, idempotent, sent again
  std::uint64_t stale = 0;    ///< answers that came after the outcome
  std::uint64_t expelled = 0; ///< workers replaced because they did not stop
  std::uint64_t overruns = 0; ///< reports of requests that ran for long

  bool balanced() const noexcept {
    return accepted == replied + failed + cancelled + waiting + running;
  }

  friend bool operator==(const books&, const books&) = default;
};

enum class worker_state : std::uint8_t {
  starting, ///< not yet ready
  ready,    ///< is given requests
  retiring, ///< finishes what it has, and has or gets a successor
  expelled, ///< did not stop; being replaced
};

/// One living incarnation of a worker.
struct worker_snapshot {
  std::string worker;
  std::uint64_t incarnation = 0;
  worker_state state = worker_state::starting;
  std::uint64_t running = 0;
  std::uint64_t ahead = 0;                     ///< sent ahead of their turn
  std::uint64_t line = 0;                      ///< wait for this one alone
  std::uint64_t requests = 0;                  ///< answered
  std::chrono::steady_clock::time_point since; ///< ready since
  bool overflow = false;
  bool held = false; ///< by hand
  bool idle = false; ///< runs nothing, not even what nobody wants any more
  std::string task;  ///< the command it runs; empty: none, or it has no name
  std::chrono::nanoseconds running_for{0};
};

/// How long something took, summed up.
struct span_sum {
  std::uint64_t count = 0;
  std::chrono::nanoseconds total{0};
  std::chrono::nanoseconds longest{0};

  void add(std::chrono::nanoseconds x) noexcept {
    ++count;
    total += x;
    if (x > longest)
      longest = x;
  }
};

/// A pool at one moment.
struct pool_snapshot {
  bool degraded = false;
  bool draining = false;
  bool circuit_open = false;
  std::uint32_t size = 0;        ///< workers that are wanted
  std::uint32_t overflow = 0;    ///< workers beyond that, living
  std::uint32_t abandoned = 0;   ///< left behind, still running
  std::uint32_t next_worker = 0; ///< whose turn it is, counted from 0
  std::uint64_t waiting_bytes = 0;
  std::uint64_t sessions = 0; ///< that are remembered
  span_sum waited;            ///< from acceptance to a worker
  span_sum busy;              ///< from a worker to the answer
  books counts;
  std::vector<worker_snapshot> workers;
};

} // namespace charmer
