// How a child comes to be.
//
// As posix_spawn does it: clone with CLONE_VM and CLONE_VFORK. Nothing of the
// host's memory is copied, however large the host is; the calling thread stands
// still until the child has executed its program or given up, and so the child
// can leave the reason in the caller's memory: no pipe is needed for that.
// posix_spawn itself is not enough: it knows no PR_SET_PDEATHSIG and gives no
// pidfd.
//
// The child shares the host's memory: `run_child` and what it calls make system
// calls only. All signals are blocked meanwhile, so that no handler of the
// host's runs in it.
#include "charmer/wire/launch.hpp"

#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// The child runs on a stack and in a process that a sanitizer does not know.
#define CHARMER_RUNS_IN_CHILD                                                  \
  __attribute__((no_sanitize("address", "thread", "undefined"), noinline))

namespace charmer::wire {

namespace {

struct child_plan {
  const char* program;
  char* const* arguments;
  char* const* environment;
  const char* directory; // null: stay
  bool outlives_host;
  child_descriptors fds;
  pid_t parent;
  // What failed, told by the child.
  const char* failed = nullptr;
  int error = 0;
};

constexpr int exit_code_not_executed = 127;

CHARMER_RUNS_IN_CHILD int give_up(child_plan& plan, const char* what) {
  plan.error = errno;
  plan.failed = what;
  ::_exit(exit_code_not_executed);
}

// By bare system calls: what a sanitizer puts around sigaction would change the
// host's own books. A kernel_sigaction of zeros says SIG_DFL.
CHARMER_RUNS_IN_CHILD void default_signals() {
  constexpr std::size_t mask_size = 8;
  alignas(8) const char as_default[64] = {};
  for (int number = 1; number < NSIG; ++number)
    ::syscall(SYS_rt_sigaction, number, as_default, nullptr, mask_size);
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, as_default, nullptr, mask_size);
}

CHARMER_RUNS_IN_CHILD void close_from(unsigned int first) {
  // Where the kernel does not know it (before 5.9) the descriptors of others
  // that are not close-on-exec remain; ours all are.
  ::syscall(SYS_close_range, first, ~0U, 0);
}

CHARMER_RUNS_IN_CHILD int run_child(void* argument) {
  auto& plan = *static_cast<child_plan*>(argument);
  if (!plan.outlives_host) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
      return give_up(plan, "cannot tie the child to its host");
    // If the host died before that, nobody would tell us.
    if (::getppid() != plan.parent)
      ::_exit(exit_code_not_executed);
  }
  if (::setpgid(0, 0) != 0)
    return give_up(plan, "cannot make a process group");
  if (::dup2(plan.fds.standard_input, 0) < 0
      || ::dup2(plan.fds.standard_output, 1) < 0
      || ::dup2(plan.fds.standard_error, 2) < 0
      || (plan.fds.page >= 0 && ::dup2(plan.fds.page, 3) < 0))
    return give_up(plan, "cannot place the child's descriptors");
  close_from(plan.fds.page >= 0 ? 4 : 3);
  if (plan.directory != nullptr && ::chdir(plan.directory) != 0)
    return give_up(plan, "cannot change to the working directory");
  default_signals();
  ::execve(plan.program, plan.arguments, plan.environment);
  return give_up(plan, "cannot execute");
}

std::vector<char*> pointers_to(const std::vector<std::string>& xs) {
  std::vector<char*> result;
  for (auto& x : xs)
    result.push_back(const_cast<char*>(x.c_str()));
  result.push_back(nullptr);
  return result;
}

class all_signals_blocked {
public:
  all_signals_blocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before_);
  }

  ~all_signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
  sigset_t before_;
};

caf::error explain(const child_plan& plan) {
  std::string text = plan.failed;
  if (plan.directory != nullptr && text.find("directory") != text.npos)
    text += std::string{" "} + plan.directory;
  else if (text == "cannot execute")
    text += std::string{" "} + plan.program;
  return system_error(text, plan.error);
}

} // namespace

caf::expected<launched> launch_process(const command_line& what,
                                       const child_descriptors& fds) {
  auto arguments = pointers_to(what.arguments);
  auto environment = pointers_to(what.environment);
  child_plan plan{what.arguments.front().c_str(),
                  arguments.data(),
                  environment.data(),
                  what.directory.empty() ? nullptr : what.directory.c_str(),
                  what.outlives_host,
                  fds,
                  ::getpid()};
  constexpr std::size_t stack_size = std::size_t{128} << 10;
  auto stack = std::make_unique<char[]>(stack_size);
  int pidfd = -1;
  pid_t pid;
  {
    all_signals_blocked guard;
    pid =
        ::clone(run_child, stack.get() + stack_size,
                CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &plan, &pidfd);
  }
  if (pid < 0)
    return system_error("cannot start a process");
  launched result{pid, unique_fd{pidfd}};
  if (plan.failed == nullptr)
    return result;
  operating_system::real().reap(pidfd);
  return explain(plan);
}

} // namespace charmer::wire
