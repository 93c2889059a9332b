// What charmer is compared with. Each function starts what it measures, warms
// it up, measures for the time that the conditions give, and ends it.
//
// Threading: one at a time. Errors: std::runtime_error.
#pragma once

#include "cores.hpp"
#include "rows.hpp"

#include <cstddef>

namespace bench {

/// 64 bytes through a pipe to a bare os.read/os.write loop in Python and back:
/// microseconds, the median of many.
/// @param place where the host is, and whose core is the worker's; null:
/// wherever the kernel puts them
double bare_pipe(const conditions& x, const on_host_core* place);

/// What Python itself has for it; see baselines.py.
enum class python_pool {
  executor, ///< concurrent.futures.ProcessPoolExecutor
  pool      ///< multiprocessing.Pool
};

/// One call after the other with one worker: microseconds, the median of many.
double sequential(python_pool which, const conditions& x,
                  const on_host_core* place);

/// So many calls in flight, two workers: calls per second.
double throughput(python_pool which, std::size_t workers, std::size_t in_flight,
                  const conditions& x);

} // namespace bench
