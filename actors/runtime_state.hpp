// Everything a runtime owns. Private to this room.
#pragma once

#include "charmer/actors/pool_handle.hpp"
#include "charmer/actors/pool_registry.hpp"
#include "charmer/profiles/settings.hpp"
#include "charmer/supervision/event_hub.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace charmer {

struct runtime_state {
  runtime_state(caf::actor_system& sys, settings x)
      : system(sys), configured(std::move(x)),
        events(std::make_shared<event_hub>(sys)),
        pools(std::make_shared<pool_registry>()) {
    // nop
  }

  caf::actor_system& system;
  const settings configured;
  std::shared_ptr<event_hub> events;
  std::shared_ptr<pool_registry> pools;
  caf::actor root;

  std::mutex stopping; // held while everything stops
  caf::error outcome;  // of the stop

  std::mutex mutex;
  std::map<std::string, pool_handle> handles; // keeps the doors
};

} // namespace charmer
