#include "charmer/supervision/roster.hpp"

#include <iterator>
#include <utility>

namespace charmer {

namespace {

void append(std::vector<roster::entry>& to, std::vector<roster::entry> more) {
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

std::vector<roster::entry> roster::living() const {
  std::vector<entry> result;
  std::lock_guard guard{mutex_};
  for (const auto& [token, x] : entries_)
    if (!has_ended(x.child))
      result.push_back(x);
    else if (x.below)
      append(result, x.below->living());
  return result;
}

std::vector<roster::entry>
succession::succeed(const caf::actor& successor,
                    std::shared_ptr<roster> children) {
  std::lock_guard guard{mutex_};
  std::vector<roster::entry> orphans;
  std::vector<reign> living;
  for (auto& x : reigns_) {
    auto supervisor = caf::actor_cast<caf::actor>(x.supervisor);
    if (supervisor && !has_ended(supervisor))
      living.push_back(std::move(x));
    else
      append(orphans, x.children->living());
  }
  living.push_back({successor.address(), std::move(children)});
  reigns_ = std::move(living);
  return orphans;
}

} // namespace charmer
