// Which pools there are, for those who look after all of them. Pools enter
// themselves and vanish with their doors. Private to this room.
//
// Threading: thread-safe.
#pragma once

#include "charmer/actors/pool_context.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace charmer {

class pool_registry {
public:
  /// False: a living pool has that name.
  bool enter(const pool_context_ptr& x);

  void leave(const std::string& name);

  /// The pool of that name, or null.
  pool_context_ptr find(const std::string& name) const;

  std::vector<pool_context_ptr> all() const;

  /// Announces the lifecycle manager that looks after them; its successor
  /// replaces it.
  void enter_manager(const caf::actor& x);

  /// Null while it is being restarted.
  caf::actor manager() const;

  /// What the commands of these pools can call.
  const std::shared_ptr<function_registry> functions =
      std::make_shared<function_registry>();

private:
  mutable std::mutex mutex_;
  caf::actor_addr manager_;
  std::map<std::string, std::weak_ptr<pool_context>> pools_;
};

} // namespace charmer
