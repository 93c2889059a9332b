// Observing from another CAF node: two actor systems, a real connection.
#include "charmer/supervision/event_manager.hpp"
#include "charmer/supervision/supervisor.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <thread>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

struct node_config : caf::actor_system_config {
  node_config() {
    configure_supervision(*this);
    load<caf::io::middleman>();
  }
};

template <class Predicate>
bool within(std::chrono::seconds limit, Predicate holds) {
  auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

} // namespace

TEST_CASE("an actor on another node observes, and its end removes it") {
  node_config here_config, there_config;
  caf::actor_system here{here_config}, there{there_config};
  auto hub = std::make_shared<event_hub>(here);
  auto manager = here.spawn(event_manager, hub);
  auto port = here.middleman().publish(manager, 0, "127.0.0.1");
  REQUIRE(port);
  auto remote = there.middleman().remote_actor("127.0.0.1", *port);
  REQUIRE(remote);

  std::mutex mutex;
  std::vector<std::string> got;
  auto observer = there.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](const event& e) {
      std::lock_guard guard{mutex};
      got.push_back(e.text + " " + e.details.at("pid"));
    }};
  });
  caf::scoped_actor self{there};
  auto added = false;
  self->request(*remote, 10s, add_handler_atom_v, std::string{"far"},
                event_filter{.name = "x*"}, observer)
      .receive([&] { added = true; },
               [&](caf::error& e) { FAIL(describe_reason(e)); });
  REQUIRE(added);
  event e{.name = "x", .text = "hello"};
  e.set("pid", 4711);
  hub->notify(e);
  CHECK(within(10s, [&] {
    std::lock_guard guard{mutex};
    return got == std::vector<std::string>{"hello 4711"};
  }));
  caf::anon_send_exit(observer, caf::exit_reason::kill);
  observer = nullptr;
  CHECK(within(10s, [&] { return hub->which().empty(); }));
  caf::anon_send_exit(manager, caf::exit_reason::user_shutdown);
}
