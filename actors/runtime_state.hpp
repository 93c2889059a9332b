// Everything a runtime owns. Private to this room.
#pragma once

#include "charmer/actors/pool_handle.hpp"
#include "charmer/actors/pool_registry.hpp"
#include "charmer/supervision/event_hub.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace charmer {

struct runtime_state {
  explicit runtime_state(caf::actor_system& s)
      : system(s), events(std::make_shared<event_hub>(s)),
        pools(std::make_shared<pool_registry>()) {
    // nop
  }

  caf::actor_system& system;
  std::shared_ptr<event_hub> events;
  std::shared_ptr<pool_registry> pools;
  timespan stop_timeout = std::chrono::seconds(30);
  caf::actor root;

  std::mutex mutex;
  std::map<std::string, pool_handle> handles; // keeps the doors
};

} // namespace charmer
