// Two CAF nodes, really connected, in one process.
#pragma once

#include "charmer/supervision/supervisor.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <doctest/doctest.h>

#include <thread>

namespace test {

struct node_config : caf::actor_system_config {
  node_config() {
    charmer::configure_supervision(*this);
    load<caf::io::middleman>();
  }
};

template <class Predicate>
bool within(std::chrono::seconds limit, Predicate holds) {
  auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

/// `x` of the one node, as the other one sees it.
inline caf::actor seen_from(caf::actor_system& there, caf::actor_system& here,
                            const caf::actor& x) {
  auto port = here.middleman().publish(x, 0, "127.0.0.1");
  REQUIRE(port);
  auto result = there.middleman().remote_actor("127.0.0.1", *port);
  REQUIRE(result);
  return *result;
}

} // namespace test
