// The living children of one supervisor, where they can be found after it was
// killed.
//
// A killed supervisor runs no code of its own any more. What it leaves behind
// is in its roster: a functor attached to it kills those, and the supervisor
// that is started in its place waits until they are down.
//
// Threading: thread-safe.
#pragma once

#include "charmer/supervision/caf.hpp"

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace charmer {

class roster {
public:
  void add(std::uint64_t token, caf::actor child);

  void remove(std::uint64_t token);

  /// Kills all and keeps them for the successor.
  void kill_all();

  /// Hands out all.
  std::vector<caf::actor> take();

private:
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, caf::actor> children_;
};

/// Passes what a killed supervisor left behind to the next one that is started
/// from the same child_spec.
class succession {
public:
  /// Makes `successor` the one to come after, and returns the children that
  /// its predecessors left behind, if those have ended.
  std::vector<caf::actor> succeed(const caf::actor& successor,
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
