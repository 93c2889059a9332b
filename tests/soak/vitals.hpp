// What a process holds: memory, descriptors, children. Read from /proc.
//
// Threading: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace soak {

/// This process, now.
struct vitals {
  std::uint64_t memory = 0; ///< resident bytes, after free pages were returned
  std::size_t descriptors = 0;
  std::size_t workers = 0; ///< living children that are Python workers
  std::size_t zombies = 0; ///< children that nobody has waited for
};

vitals look();

/// A child, now: its memory and its descriptors.
vitals look_at(pid_t pid);

/// The living children that are Python workers.
std::vector<pid_t> workers();

/// Those in whose environment this variable is not set.
std::vector<pid_t> workers_without(const std::string& variable);

/// "RSS 41.2 MiB, 63 descriptors, 6 workers, 0 zombies"
std::string to_string(const vitals& x);

/// Looks for as long as `time` and takes what is usual, the median: while
/// workers are being replaced there are some more for moments, and the kernel's
/// list of children may miss one while another ends. Of memory, the lowest.
vitals usual(double seconds);

/// Polls until it holds. @returns false if it does not within `seconds`
bool eventually(double seconds, const std::function<bool()>& holds);

} // namespace soak
