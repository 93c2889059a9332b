// Everything a runtime owns. Private to this room.
#pragma once

#include "charmer/actors/pool_handle.hpp"
#include "charmer/actors/pool_registry.hpp"
#include "charmer/profiles/settings.hpp"
#include "charmer/supervision/event_hub.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace charmer {

struct runtime_state {
  runtime_state(caf::actor_system& sys, settings x)
      : system(sys), configured(std::move(x)),
        events(std::make_shared<event_hub>(sys)),
        pools(std::make_shared<pool_registry>()) {
    // nop
  }

  caf::actor top() {
    std::lock_guard guard{mutex};
    return root;
  }

  /// Whoever starts or stops a pool has its name for itself meanwhile. Waits
  /// for others. False: they are not done within `limit`.
  bool claim(const std::string& name,
             std::chrono::steady_clock::time_point limit) {
    std::unique_lock guard{mutex};
    auto is_free = [&] { return changing.count(name) == 0; };
    if (!changed.wait_until(guard, limit, is_free))
      return false;
    changing.insert(name);
    return true;
  }

  void release(const std::string& name) {
    std::lock_guard guard{mutex};
    changing.erase(name);
    changed.notify_all();
  }

  /// Until nobody starts or stops a pool, at most until `limit`.
  void await_unclaimed(std::chrono::steady_clock::time_point limit) {
    std::unique_lock guard{mutex};
    changed.wait_until(guard, limit, [&] { return changing.empty(); });
  }

  caf::actor_system& system;
  const settings configured;
  std::shared_ptr<event_hub> events;
  std::shared_ptr<pool_registry> pools;

  std::mutex stopping; // held while everything stops
  caf::error outcome;  // of the stop

  std::mutex mutex;
  caf::actor root;
  std::set<std::string> changing; // pools that are being started or stopped
  std::condition_variable changed;
  std::map<std::string, pool_handle> handles; // keeps the doors
};

} // namespace charmer
