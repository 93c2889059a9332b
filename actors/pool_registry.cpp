#include "charmer/actors/pool_registry.hpp"

namespace charmer {

bool pool_registry::enter(const pool_context_ptr& x) {
  std::lock_guard guard{mutex_};
  auto& slot = pools_[x->settings->name];
  if (!slot.expired())
    return false;
  slot = x;
  return true;
}

void pool_registry::leave(const std::string& name) {
  std::lock_guard guard{mutex_};
  pools_.erase(name);
}

pool_context_ptr pool_registry::find(const std::string& name) const {
  std::lock_guard guard{mutex_};
  auto i = pools_.find(name);
  return i == pools_.end() ? nullptr : i->second.lock();
}

std::vector<pool_context_ptr> pool_registry::all() const {
  std::lock_guard guard{mutex_};
  std::vector<pool_context_ptr> result;
  for (auto& [name, pool] : pools_)
    if (auto x = pool.lock())
      result.push_back(std::move(x));
  return result;
}

void pool_registry::enter_manager(const caf::actor& x) {
  std::lock_guard guard{mutex_};
  manager_ = x.address();
}

caf::actor pool_registry::manager() const {
  std::lock_guard guard{mutex_};
  return caf::actor_cast<caf::actor>(manager_);
}

} // namespace charmer
