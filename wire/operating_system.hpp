// What this room asks of the operating system, in one small interface, so that
// tests can put a faulty one in its place.
//
// Every descriptor that it makes is close-on-exec and lies above 3, so that a
// child finds nothing but what it was given, whatever the host has closed.
// Linux only: pidfds (5.4), memfds.
//
// Threading: the real one may be used from any thread. `launch` decides which
// thread's end takes the children along (PR_SET_PDEATHSIG): see spawner.hpp.
// Errors: caf::error with the text of errno and what was tried.
#pragma once

#include "charmer/supervision/caf.hpp"
#include "charmer/wire/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace charmer::wire {

/// How a process ended.
struct exit_status {
  int code = -1;  ///< -1: it did not exit by itself, or nobody knows
  int signal = 0; ///< 0: it was not killed by a signal

  /// "exit code 3", "killed by SIGKILL", "ended, nobody knows how".
  std::string text() const;

  friend bool operator==(const exit_status&, const exit_status&) = default;
};

/// What to execute.
struct command_line {
  /// The program, a path with a slash, and its arguments. No shell.
  std::vector<std::string> arguments;
  /// The whole environment, "NAME=value".
  std::vector<std::string> environment;
  /// The working directory. Empty: the host's.
  std::string directory;
  /// It is not killed when the thread that starts it ends.
  bool outlives_host = false;
};

/// The two ends of a pipe.
struct pipe_ends {
  unique_fd read;
  unique_fd write;
};

/// The descriptors that a child gets as 0, 1, 2 and, if there is one, 3.
struct child_descriptors {
  int standard_input = -1;
  int standard_output = -1;
  int standard_error = -1;
  int page = -1;
};

/// A process that was started and not waited for.
struct launched {
  pid_t pid = 0;
  unique_fd pidfd;
};

/// The error of the last system call: "what: text of errno".
caf::error system_error(const std::string& what);
caf::error system_error(const std::string& what, int code);

class operating_system {
public:
  virtual ~operating_system() = default;

  /// The real one.
  static operating_system& real();

  /// A pipe; both ends block.
  virtual caf::expected<pipe_ends> pipe() = 0;

  /// Memory behind a descriptor, all zeros, that cannot change its size.
  virtual caf::expected<unique_fd> shared_memory(const char* name,
                                                 std::size_t bytes) = 0;

  /// Starts a child: in its own process group, killed when the calling thread
  /// ends (unless it outlives the host), signals at their defaults, no
  /// descriptors but the four. Returns when the program has been executed, or
  /// says why not.
  virtual caf::expected<launched> launch(const command_line& what,
                                         const child_descriptors& fds) = 0;

  /// Sends a signal to one process. False if it is gone.
  virtual bool signal(int pidfd, int number) = 0;

  /// Sends a signal to a process group. REQUIRES: its leader has not been
  /// reaped, so that the id cannot have been given to another.
  virtual void signal_group(pid_t leader, int number) = 0;

  /// Whether a child has ended; leaves it to be reaped.
  virtual bool ended(int pidfd) = 0;

  /// Takes the status of a child that has ended.
  virtual exit_status reap(int pidfd) = 0;

  /// Resident memory in bytes, 0 if there is no such process.
  virtual std::uint64_t resident_memory(pid_t pid) = 0;
};

} // namespace charmer::wire
