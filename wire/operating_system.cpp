#include "charmer/wire/operating_system.hpp"

#include "charmer/wire/launch.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace charmer::wire {

namespace {

// glibc 2.36 knows neither of them by name in every header set.
constexpr auto wait_by_pidfd = static_cast<idtype_t>(3);

// Moves a descriptor above 3: a host that has closed its standard streams gets
// those numbers for new ones, and a child's own would overwrite them.
unique_fd above_standard(unique_fd fd) {
  constexpr int lowest = 4;
  if (!fd || fd.get() >= lowest)
    return fd;
  return unique_fd{::fcntl(fd.get(), F_DUPFD_CLOEXEC, lowest)};
}

class real_system : public operating_system {
public:
  caf::expected<pipe_ends> pipe() override {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0)
      return system_error("cannot make a pipe");
    pipe_ends ends{above_standard(unique_fd{fds[0]}),
                   above_standard(unique_fd{fds[1]})};
    if (!ends.read || !ends.write)
      return system_error("cannot make a pipe");
    return ends;
  }

  caf::expected<unique_fd> shared_memory(const char* name,
                                         std::size_t bytes) override {
    auto fd = above_standard(
        unique_fd{::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)});
    if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0
        || ::fcntl(fd.get(), F_ADD_SEALS,
                   F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
               != 0)
      return system_error("cannot make shared memory");
    return fd;
  }

  caf::expected<launched> launch(const command_line& what,
                                 const child_descriptors& fds) override {
    return launch_process(what, fds);
  }

  bool signal(int pidfd, int number) override {
    return ::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0) == 0;
  }

  void signal_group(pid_t leader, int number) override {
    ::kill(-leader, number);
  }

  bool ended(int pidfd) override {
    siginfo_t info{};
    auto result = ::waitid(wait_by_pidfd, static_cast<id_t>(pidfd), &info,
                           WEXITED | WNOHANG | WNOWAIT);
    // ECHILD: somebody else in the host has taken the status.
    return result != 0 ? errno == ECHILD : info.si_pid != 0;
  }

  exit_status reap(int pidfd) override {
    siginfo_t info{};
    if (::waitid(wait_by_pidfd, static_cast<id_t>(pidfd), &info, WEXITED) != 0)
      return {};
    if (info.si_code == CLD_EXITED)
      return {.code = info.si_status};
    return {.signal = info.si_status};
  }

  std::uint64_t resident_memory(pid_t pid) override {
    auto path = "/proc/" + std::to_string(pid) + "/statm";
    auto file = std::fopen(path.c_str(), "re");
    if (file == nullptr)
      return 0;
    unsigned long long all = 0;
    unsigned long long resident = 0;
    auto found = std::fscanf(file, "%llu %llu", &all, &resident);
    std::fclose(file);
    return found == 2
               ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))
               : 0;
  }
};

} // namespace

void unique_fd::reset() noexcept {
  if (fd_ >= 0)
    ::close(std::exchange(fd_, -1));
}

std::string exit_status::text() const {
  if (signal != 0) {
    auto name = ::sigabbrev_np(signal);
    return name != nullptr ? "killed by SIG" + std::string{name}
                           : "killed by signal " + std::to_string(signal);
  }
  if (code >= 0)
    return "exit code " + std::to_string(code);
  return "ended, nobody knows how";
}

caf::error system_error(const std::string& what, int code) {
  return caf::make_error(caf::sec::runtime_error,
                         what + ": " + std::strerror(code));
}

caf::error system_error(const std::string& what) {
  return system_error(what, errno);
}

operating_system& operating_system::real() {
  static real_system instance;
  return instance;
}

} // namespace charmer::wire
