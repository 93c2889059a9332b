// Observing from another CAF node: two actor systems, a real connection.
#include "charmer/supervision/event_manager.hpp"

#include "two_nodes.hpp"

#include <mutex>

using namespace charmer;
using namespace std::chrono_literals;
using namespace test;

TEST_CASE("an actor on another node observes, and its end removes it") {
  node_config here_config, there_config;
  caf::actor_system here{here_config}, there{there_config};
  auto hub = std::make_shared<event_hub>(here);
  auto manager = here.spawn(event_manager, hub);
  auto remote = seen_from(there, here, manager);
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
  self->request(remote, 10s, add_handler_atom_v, std::string{"far"},
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
