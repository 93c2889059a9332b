// A running child and the host's ends of what it was given.
//
// Who owns it, owns the process: when it goes, the process group is killed and
// the spawner's thread sees to the corpse. A pid is used only while its process
// cannot have been reaped by anybody but us.
//
// Threading: one owner at a time; `bury` may be called by whoever is last.
#pragma once

#include "charmer/wire/operating_system.hpp"
#include "charmer/wire/progress_page.hpp"
#include "charmer/wire/unique_fd.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace charmer::wire {

class spawner;

class child_process {
public:
  /// Is told how a process ended, on the spawner's thread. Must not block.
  using buried = std::function<void(exit_status)>;

  child_process(spawner& keeper, launched process);

  /// Kills the whole group, unless the end was collected or is being.
  ~child_process();

  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  // -- the host's ends: non-blocking, close-on-exec; take what you need -------

  unique_fd input;  ///< the child's stdin, for writing
  unique_fd output; ///< its stdout, for reading
  unique_fd errors; ///< its stderr, for reading
  std::shared_ptr<progress_page> page;

  // -- the process ------------------------------------------------------------

  pid_t pid() const noexcept { return pid_; }

  /// Readable once the process has ended.
  std::shared_ptr<const unique_fd> pidfd() const noexcept { return pidfd_; }

  /// Sends a signal to the process alone.
  void signal(int number);

  /// Kills the process and its group.
  void kill();

  /// Whether it was killed, while it was there.
  bool killed() const noexcept { return killed_; }

  /// The status, if the process has ended. What is left of its group is killed,
  /// then the status is taken.
  std::optional<exit_status> collect();

  /// Kills the group and leaves the rest to the spawner's thread, which tells
  /// `done`. Returns at once. Once only, and not after `collect` had a result.
  void bury(buried done = {});

private:
  spawner& keeper_;
  pid_t pid_;
  std::shared_ptr<const unique_fd> pidfd_;
  bool gone_ = false; // reaped, or handed to the spawner's thread
  bool killed_ = false;
};

} // namespace charmer::wire
