#include "charmer/profiles/program_output.hpp"
#include "charmer/profiles/units.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace charmer {

namespace {

constexpr std::size_t output_limit = 1 << 20;
constexpr std::size_t errors_limit = 1 << 16;

class descriptor {
public:
  explicit descriptor(int fd = -1) : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() { close(); }

  int get() const { return fd_; }

  void close() {
    if (fd_ >= 0)
      ::close(std::exchange(fd_, -1));
  }

private:
  int fd_;
};

// "NAME=value" of the host's environment with `env` over it.
std::vector<std::string>
environment(const std::map<std::string, std::string>& env) {
  std::vector<std::string> result;
  for (auto entry = environ; *entry != nullptr; ++entry) {
    std::string text = *entry;
    if (env.count(text.substr(0, text.find('='))) == 0)
      result.push_back(std::move(text));
  }
  for (const auto& [name, value] : env)
    result.push_back(name + '=' + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts)
    result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

struct spawn_attributes {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t files;

  // A process group of its own, so that what it starts can be ended with it;
  // no signal ignored or blocked, though the host ignores SIGPIPE; no
  // descriptor but the three.
  spawn_attributes(int output, int errors, const std::string& directory) {
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP
                                              | POSIX_SPAWN_SETSIGDEF
                                              | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attributes, 0);
    sigset_t signals;
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
    if (errors >= 0)
      posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
    else
      posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null",
                                       O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    if (!directory.empty())
      posix_spawn_file_actions_addchdir_np(&files, directory.c_str());
  }

  ~spawn_attributes() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }

  spawn_attributes(const spawn_attributes&) = delete;
  spawn_attributes& operator=(const spawn_attributes&) = delete;
};

// Memory for stderr that nobody has to read meanwhile, and that cannot grow.
// None if there is none to be had: then what it says is not known.
descriptor notepad() {
  descriptor result{
      ::memfd_create("charmer-errors", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (::ftruncate(result.get(), errors_limit) != 0
      || ::fcntl(result.get(), F_ADD_SEALS, F_SEAL_GROW) != 0)
    result.close();
  return result;
}

std::string written_to(const descriptor& pad) {
  std::string result(errors_limit, '\0');
  auto n = ::pread(pad.get(), result.data(), result.size(), 0);
  result.resize(n > 0 ? ::strnlen(result.data(), static_cast<std::size_t>(n))
                      : 0);
  return result;
}

// Collects what the pipe holds. False: that was all of it.
bool read_some(int fd, std::string& output) {
  std::array<char, 4096> chunk;
  for (;;) {
    auto n = ::read(fd, chunk.data(), chunk.size());
    if (n > 0)
      output.append(chunk.data(), static_cast<std::size_t>(n));
    if (n > 0 && output.size() < output_limit)
      continue;
    return n < 0 && (errno == EAGAIN || errno == EINTR);
  }
}

// Reads until the process is dead or time is up. Not until end of file: what
// the process has started may keep the pipe open. True: it is dead.
bool read_until_death(int output_fd, int death_fd, timespan limit,
                      std::string& output) {
  using clock = std::chrono::steady_clock;
  auto end = clock::now() + limit;
  std::array<pollfd, 2> fds{{{death_fd, POLLIN, 0}, {output_fd, POLLIN, 0}}};
  for (;;) {
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - clock::now());
    if (left.count() <= 0)
      return false;
    auto n = ::poll(fds.data(), fds.size(), static_cast<int>(left.count()));
    if (n < 0 && errno != EINTR)
      return false;
    if (n > 0 && fds[1].revents != 0 && !read_some(output_fd, output)) {
      // A host that ignores SIGCHLD gets no pidfd of what is gone already.
      if (death_fd < 0)
        return true;
      fds[1].fd = -1;
    }
    if (n > 0 && fds[0].revents != 0) {
      if (fds[1].fd >= 0)
        read_some(output_fd, output);
      return true;
    }
  }
}

// Until it is waited for, its pid and group can be nobody else's.
std::string end_group(pid_t pid) {
  ::kill(-pid, SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED) != 0
         && errno == EINTR) {
  }
  if (info.si_code == CLD_EXITED && info.si_status != 0)
    return "ended with exit code " + std::to_string(info.si_status);
  if (info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED)
    return "was killed by signal " + std::to_string(info.si_status);
  return {};
}

} // namespace

program_output run_program(const program_call& what, timespan limit) {
  program_output result;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    result.problem = std::string{"cannot be asked: "} + std::strerror(errno);
    return result;
  }
  descriptor in{ends[0]};
  descriptor out{ends[1]};
  ::fcntl(in.get(), F_SETFL, O_NONBLOCK);
  auto arguments = what.arguments;
  auto variables = environment(what.env);
  auto errors = notepad();
  spawn_attributes with{out.get(), errors.get(), what.directory};
  pid_t pid = 0;
  auto failed = ::posix_spawn(&pid, what.arguments.front().c_str(), &with.files,
                              &with.attributes, pointers(arguments).data(),
                              pointers(variables).data());
  if (failed != 0) {
    result.problem = std::string{"cannot be run: "} + std::strerror(failed);
    return result;
  }
  out.close();
  descriptor death{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (!read_until_death(in.get(), death.get(), limit, result.text))
    result.problem = "did not answer within " + render_duration(limit);
  auto end = end_group(pid);
  if (result.problem.empty())
    result.end = std::move(end);
  result.errors = written_to(errors);
  return result;
}

} // namespace charmer
