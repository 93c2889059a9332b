#include "charmer/supervision/roster.hpp"

#include <iterator>
#include <utility>

namespace charmer {

namespace {

void append(std::vector<roster::orphan>& to, std::vector<roster::orphan> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()),
            std::make_move_iterator(more.end()));
}

} // namespace

void roster::add(std::uint64_t token, entry x) {
  std::lock_guard guard{mutex_};
  entries_.emplace(token, std::move(x));
}

void roster::remove(std::uint64_t token) {
  std::lock_guard guard{mutex_};
  entries_.erase(token);
}

void roster::kill_all() {
  std::vector<caf::actor> children;
  {
    std::lock_guard guard{mutex_};
    for (const auto& [token, x] : entries_)
      children.push_back(x.child);
  }
  // Without the lock: an enqueue runs code of others.
  for (const auto& child : children)
    kill(child.address(), child);
}

bool roster::may_tell(std::uint64_t token) {
  std::lock_guard guard{mutex_};
  auto i = entries_.find(token);
  return i != entries_.end() && !std::exchange(i->second.told, true);
}

std::vector<roster::orphan> roster::left_behind() {
  std::vector<orphan> result;
  std::lock_guard guard{mutex_};
  for (const auto& [token, x] : entries_)
    if (!x.told || !has_ended(x.child))
      result.push_back(x.left_by ? orphan{x, x.left_by, x.token_there}
                                 : orphan{x, shared_from_this(), token});
    else if (x.below)
      append(result, x.below->left_behind());
  return result;
}

std::vector<roster::orphan>
succession::succeed(const caf::actor& successor,
                    std::shared_ptr<roster> children) {
  std::lock_guard guard{mutex_};
  std::vector<roster::orphan> orphans;
  std::vector<reign> living;
  for (auto& x : reigns_) {
    auto supervisor = caf::actor_cast<caf::actor>(x.supervisor);
    if (supervisor && !has_ended(supervisor))
      living.push_back(std::move(x));
    else
      append(orphans, x.children->left_behind());
  }
  living.push_back({successor.address(), std::move(children)});
  reigns_ = std::move(living);
  return orphans;
}

} // namespace charmer
