// The real operating system, for tests in which some of it is not as usual.
#pragma once

#include "charmer/wire/operating_system.hpp"

namespace charmer_tests {

/// Passes everything on: override what is to be different.
class real_system : public charmer::wire::operating_system {
public:
  caf::expected<charmer::wire::pipe_ends> pipe() override {
    return real().pipe();
  }

  caf::expected<charmer::wire::unique_fd>
  shared_memory(const char* name, std::size_t bytes) override {
    return real().shared_memory(name, bytes);
  }

  caf::expected<charmer::wire::launched>
  launch(const charmer::wire::command_line& what,
         const charmer::wire::child_descriptors& fds) override {
    return real().launch(what, fds);
  }

  bool signal(int pidfd, int number) override {
    return real().signal(pidfd, number);
  }

  void signal_group(pid_t leader, int number) override {
    real().signal_group(leader, number);
  }

  bool ended(int pidfd) override { return real().ended(pidfd); }

  charmer::wire::exit_status reap(int pidfd) override {
    return real().reap(pidfd);
  }

  std::uint64_t resident_memory(pid_t pid) override {
    return real().resident_memory(pid);
  }
};

} // namespace charmer_tests
