// Which processes this one has started and not yet buried.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <sys/types.h>

namespace charmer_tests {

/// The one that the first of them brings along, and that stays.
inline bool is_guardian(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/cmdline"};
  std::string arguments{std::istreambuf_iterator<char>{file}, {}};
  return arguments.find("charmer-guardian") != std::string::npos;
}

/// All others whose parent is this process, zombies included; each was created
/// by some thread.
inline std::set<pid_t> child_processes() {
  std::set<pid_t> result;
  for (auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream file{task.path() / "children"};
    for (pid_t pid; file >> pid;)
      if (!is_guardian(pid))
        result.insert(pid);
  }
  return result;
}

} // namespace charmer_tests
