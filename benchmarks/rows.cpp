#include "rows.hpp"

namespace bench {

std::vector<row> rows() {
  return {
      {1, "sequential call, 64 bytes, 1 worker", sequential_calls},
      {2, "256 calls in flight, 2 workers, no batching API", calls_in_flight},
      {3, "native workers: every strategy beside wpool", native_strategies},
      {10, "kill -9 of a worker", killed_workers},
      {11, "a request that hangs", hanging_requests},
      {12, "twice as many calls as there is capacity for", overload},
      {13, "a million calls, recycling, one kill a second", a_million_calls},
      {15, "two threads without the GIL", free_threads},
      {16, "what a call costs as the work grows", growing_work},
      {17, "threads instead of processes: memory, start",
       threads_beside_processes},
      {19, "calls that wait: threads beside processes", waiting_calls},
      {20, "250 workers ready, beside 100", many_workers},
      {"restart", "a native child dies and runs again", restart_of_a_child},
      {"children", "many dynamic children: linear in their number",
       dynamic_children},
  };
}

} // namespace bench
