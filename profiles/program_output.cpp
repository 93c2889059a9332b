#include "charmer/profiles/program_output.hpp"
#include "charmer/profiles/units.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
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
    posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
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

// A pipe whose reading end is ours and waits for nothing.
struct output_pipe {
  descriptor in;
  descriptor out;

  // False: there is none to be had.
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      return false;
    in = descriptor{ends[0]};
    out = descriptor{ends[1]};
    return ::fcntl(in.get(), F_SETFL, O_NONBLOCK) == 0;
  }
};

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

// The same of stderr, all of which is taken and the beginning kept: who writes
// much there is not to be stopped by it. More than a pipe holds, but not
// without end, so that a look at the time comes between.
bool read_some_errors(int fd, std::string& errors) {
  std::array<char, 4096> chunk;
  for (auto i = 0; i < 32; ++i) {
    auto n = ::read(fd, chunk.data(), chunk.size());
    if (n <= 0)
      return n < 0 && (errno == EAGAIN || errno == EINTR);
    errors.append(chunk.data(), std::min(static_cast<std::size_t>(n),
                                         errors_limit - errors.size()));
  }
  return true;
}

// Reads until the process is dead or time is up. Not until end of file: what
// the process has started may keep the pipe open. True: it is dead.
bool read_until_death(int output_fd, int errors_fd, int death_fd,
                      timespan limit, program_output& into) {
  using clock = std::chrono::steady_clock;
  auto end = clock::now() + limit;
  std::array<pollfd, 3> fds{
      {{death_fd, POLLIN, 0}, {output_fd, POLLIN, 0}, {errors_fd, POLLIN, 0}}};
  for (;;) {
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - clock::now());
    if (left.count() <= 0)
      return false;
    auto n = ::poll(fds.data(), fds.size(), static_cast<int>(left.count()));
    if (n < 0 && errno != EINTR)
      return false;
    if (n > 0 && fds[2].revents != 0
        && !read_some_errors(errors_fd, into.errors))
      fds[2].fd = -1;
    if (n > 0 && fds[1].revents != 0 && !read_some(output_fd, into.text)) {
      // A host that ignores SIGCHLD gets no pidfd of what is gone already.
      if (death_fd < 0)
        return true;
      fds[1].fd = -1;
    }
    if (n > 0 && fds[0].revents != 0) {
      if (fds[1].fd >= 0)
        read_some(output_fd, into.text);
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
  output_pipe output;
  output_pipe errors;
  if (!output.open() || !errors.open()) {
    result.problem = std::string{"cannot be asked: "} + std::strerror(errno);
    return result;
  }
  auto arguments = what.arguments;
  auto variables = environment(what.env);
  spawn_attributes with{output.out.get(), errors.out.get(), what.directory};
  pid_t pid = 0;
  auto failed = ::posix_spawn(&pid, what.arguments.front().c_str(), &with.files,
                              &with.attributes, pointers(arguments).data(),
                              pointers(variables).data());
  if (failed != 0) {
    result.problem = std::string{"cannot be run: "} + std::strerror(failed);
    return result;
  }
  output.out.close();
  errors.out.close();
  descriptor death{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (!read_until_death(output.in.get(), errors.in.get(), death.get(), limit,
                        result))
    result.problem = "did not answer within " + render_duration(limit);
  auto end = end_group(pid);
  if (result.problem.empty())
    result.end = std::move(end);
  read_some_errors(errors.in.get(), result.errors);
  return result;
}

} // namespace charmer
