// Where a sequential call is measured: the host on one core, its workers on
// another, for every contestant alike.
//
// Left to itself the kernel puts two processes that answer each other now on
// one core, where waking is a switch, now on two, where it is an interrupt to a
// core that sleeps: a bare pipe echo took 5 µs or 50, in one run. A figure
// would say which of the two happened, and nothing about who is measured.
//
// Threading: per thread, inherited by threads and processes that it starts.
//
//   on_host_core here;        // until the end of the scope
//   … start the contestant, tell its workers to move_to(worker_core())
#pragma once

#include <sched.h>

namespace bench {

/// Keeps the calling thread, and what it starts, on the first core that it may
/// use.
class on_host_core {
public:
  on_host_core();
  on_host_core(const on_host_core&) = delete;
  ~on_host_core();

  /// Where the workers belong: the second core, or the only one.
  int worker_core() const noexcept { return worker_core_; }

private:
  cpu_set_t before_;
  int worker_core_ = 0;
};

} // namespace bench
