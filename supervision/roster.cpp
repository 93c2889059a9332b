#include "charmer/supervision/roster.hpp"

#include <utility>

namespace charmer {

void roster::add(std::uint64_t token, caf::actor child) {
  std::lock_guard guard{mutex_};
  children_.emplace(token, std::move(child));
}

void roster::remove(std::uint64_t token) {
  std::lock_guard guard{mutex_};
  children_.erase(token);
}

void roster::kill_all() {
  std::vector<caf::actor> living;
  {
    std::lock_guard guard{mutex_};
    for (const auto& [token, child] : children_)
      living.push_back(child);
  }
  // Without the lock: an enqueue runs code of others.
  for (const auto& child : living)
    kill(child.address(), child);
}

std::vector<caf::actor> roster::take() {
  std::unordered_map<std::uint64_t, caf::actor> taken;
  {
    std::lock_guard guard{mutex_};
    taken.swap(children_);
  }
  std::vector<caf::actor> result;
  for (auto& [token, child] : taken)
    result.push_back(std::move(child));
  return result;
}

std::vector<caf::actor> succession::succeed(const caf::actor& successor,
                                            std::shared_ptr<roster> children) {
  std::lock_guard guard{mutex_};
  std::vector<caf::actor> orphans;
  std::vector<reign> living;
  for (auto& x : reigns_) {
    auto supervisor = caf::actor_cast<caf::actor>(x.supervisor);
    if (supervisor && !has_ended(supervisor)) {
      living.push_back(std::move(x));
      continue;
    }
    for (auto& orphan : x.children->take())
      orphans.push_back(std::move(orphan));
  }
  living.push_back({successor.address(), std::move(children)});
  reigns_ = std::move(living);
  return orphans;
}

} // namespace charmer
