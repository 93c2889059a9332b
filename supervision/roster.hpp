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

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace charmer {

struct child_spec;

class roster : public std::enable_shared_from_this<roster> {
public:
  struct entry {
    std::string id;
    caf::actor child;
    std::shared_ptr<roster> below; ///< of a supervisor
    std::shared_ptr<const child_spec> spec;
    std::uint64_t incarnation = 0;
    std::shared_ptr<roster> left_by{}; ///< an orphan: where it was a child
    std::uint64_t token_there = 0;
    bool told = false; ///< its end
  };

  /// One that is left behind, and where it was.
  struct orphan {
    entry who;
    std::shared_ptr<roster> of;
    std::uint64_t token = 0;
  };

  /// @param path of the supervisor
  explicit roster(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }

  void add(std::uint64_t token, entry x);

  void remove(std::uint64_t token);

  void kill_all();

  /// Whether nobody has told of its end: from now on somebody has. A successor
  /// and the supervisor above it may both wait for the same orphan.
  bool may_tell(std::uint64_t token);

  /// Those that have not ended, or of whose end nobody has told. In place of a
  /// supervisor that has ended, and that was told, those that it left behind.
  std::vector<orphan> left_behind();

private:
  const std::string path_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, entry> entries_;
};

/// Passes what a killed supervisor left behind to the next one that is started
/// from the same child_spec.
class succession {
public:
  /// Makes `successor` the one to come after, and returns the children that
  /// its predecessors left behind, if those have ended.
  std::vector<roster::orphan> succeed(const caf::actor& successor,
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
