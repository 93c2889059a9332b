#include "rows.hpp"

namespace bench {

std::vector<row> rows() {
  return {
      {1, "sequential call, 64 bytes, 1 worker", sequential_calls},
      {2, "256 calls in flight, 2 workers, no batching API", calls_in_flight},
  };
}

} // namespace bench
