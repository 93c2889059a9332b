// The one thread that starts processes, and buries those whose owner went away.
//
// Why one, and permanent: PR_SET_PDEATHSIG kills a child when the *thread* that
// created it ends; and a hundred starts must not stall the thread that serves
// the pipes. There is no SIGCHLD handler: the thread waits for pidfds.
//
// `spawner::instance()` starts with its first use and lives as long as the
// process; when the host ends, however it ends, the kernel kills the children,
// and a guardian what they have started (guardian.hpp).
//
// Threading: every function from any thread. Callbacks run on the spawner's
// thread and must not block.
// Errors: no descriptors left, no memory, no such program, no such directory:
// a caf::error with one sentence; nothing is left behind.
//
//   spawner::instance().start(
//     [] { return command_line{{"/bin/cat"}, {}, {}}; },
//     [](caf::expected<std::unique_ptr<child_process>> child) { … });
#pragma once

#include "charmer/wire/child_process.hpp"
#include "charmer/wire/guardian.hpp"
#include "charmer/wire/operating_system.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace charmer::wire {

class spawner {
public:
  using plan = std::function<caf::expected<command_line>()>;
  using started =
      std::function<void(caf::expected<std::unique_ptr<child_process>>)>;

  /// The one of this process.
  static spawner& instance();

  explicit spawner(operating_system& os);

  /// Waits until all that was asked for is done and all corpses are buried;
  /// children that are owned by somebody must be gone before.
  ~spawner();

  spawner(const spawner&) = delete;
  spawner& operator=(const spawner&) = delete;

  /// Starts a process with pipes as 0, 1 and 2 and a progress page for
  /// `threads` threads as 3. `what` runs on the spawner's thread, so it may
  /// take its time (to look for an interpreter).
  void start(plan what, started tell, std::uint32_t threads = 1);

  /// Waits for a process that has been killed, reaps it, tells `done`.
  void bury(pid_t pid, std::shared_ptr<const unique_fd> pidfd,
            child_process::buried done);

  operating_system& system() noexcept { return os_; }

  /// A process is about to be reaped: its group is nobody's business any more.
  void forget(pid_t pid);

private:
  using job = std::function<void()>;

  struct corpse {
    pid_t pid;
    std::shared_ptr<const unique_fd> pidfd;
    child_process::buried done;
  };

  void post(job what);
  void wake();
  void run();
  bool run_jobs();
  void wait();
  void reap_ended();
  caf::expected<std::unique_ptr<child_process>> launch(const plan& what,
                                                       std::uint32_t threads);

  operating_system& os_;
  unique_fd wake_up_;

  std::mutex mutex_;
  std::vector<job> jobs_;
  bool stopping_ = false;

  std::vector<corpse> corpses_;      // of the thread alone
  std::optional<guardian> guardian_; // made by the thread before any child

  std::thread thread_; // last: it uses all the others
};

} // namespace charmer::wire
