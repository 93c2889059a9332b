// Which processes this one has started and not yet buried.
#pragma once

#include <filesystem>
#include <fstream>
#include <set>

#include <sys/types.h>

namespace charmer_tests {

/// All whose parent is this process, zombies included; each was created by some
/// thread.
inline std::set<pid_t> child_processes() {
  std::set<pid_t> result;
  for (auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream file{task.path() / "children"};
    for (pid_t pid; file >> pid;)
      result.insert(pid);
  }
  return result;
}

} // namespace charmer_tests
