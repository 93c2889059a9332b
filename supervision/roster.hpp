// The living children of one supervisor, where they can be found after it was
// killed.
//
// A killed supervisor runs no code of its own any more. What it leaves behind
// is in its roster: a functor attached to it kills those. Who waits until they
// are down: the supervisor above it, which has the rosters of its supervisors
// (started::below), and the supervisor that is started in its place.
//
// Threading: thread-safe.
#pragma once

#include "charmer/supervision/caf.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace charmer {

class roster {
public:
  struct entry {
    std::string id;
    caf::actor child;
    std::shared_ptr<roster> below; ///< of a supervisor
  };

  void add(std::uint64_t token, entry x);

  void remove(std::uint64_t token);

  void kill_all();

  /// Those that have not ended; in place of a supervisor that has ended, those
  /// that it left behind.
  std::vector<entry> living() const;

private:
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, entry> entries_;
};

/// Passes what a killed supervisor left behind to the next one that is started
/// from the same child_spec.
class succession {
public:
  /// Makes `successor` the one to come after, and returns the children that
  /// its predecessors left behind, if those have ended.
  std::vector<roster::entry> succeed(const caf::actor& successor,
                                     std::shared_ptr<roster> children);

private:
  struct reign {
    caf::actor_addr supervisor;
    std::shared_ptr<roster> children;
  };

  std::mutex mutex_;
  std::vector<reign> reigns_;
};

} // namespace charmer
