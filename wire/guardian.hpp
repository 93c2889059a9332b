// Ends what the workers have started when the host was killed.
//
// When a host dies, however it dies, the kernel kills its workers
// (PR_SET_PDEATHSIG); but not the processes that these have started, and a host
// that was killed with -9 cannot. So one small shell per host waits for the end
// of a pipe that only the host holds, and then kills the process groups that
// were entered and not struck out.
//
// Not reached: a process that has left its worker's group (setsid). Between the
// death of a group and the end of the host its number could in theory be given
// to another group; that takes a host that dies within the moment between a
// worker's end and its collection, and a full turn of all pids.
//
// Threading: every function from any thread.
// Errors: none; without a shell the workers themselves still end.
#pragma once

#include "charmer/wire/operating_system.hpp"

#include <atomic>

namespace charmer::wire {

class guardian {
public:
  explicit guardian(operating_system& os);

  /// Ends the shell. REQUIRES: nothing is entered any more.
  ~guardian();

  guardian(const guardian&) = delete;
  guardian& operator=(const guardian&) = delete;

  /// Enters a process group.
  void watch(pid_t group) { tell('+', group); }

  /// Strikes a group out. To be called before its leader is reaped.
  void forget(pid_t group) { tell('-', group); }

private:
  void tell(char what, pid_t group);

  operating_system& os_;
  unique_fd pipe_;
  launched shell_;
  std::atomic<bool> working_ = false;
};

} // namespace charmer::wire
