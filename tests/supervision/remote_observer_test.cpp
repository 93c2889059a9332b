// Observing from another CAF node: two actor systems, a real connection.
#include "charmer/supervision/event_manager.hpp"

#include "two_nodes.hpp"

#include <cstdlib>
#include <mutex>

#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct only_here {};

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(only_here)

using namespace charmer;
using namespace std::chrono_literals;
using namespace test;

namespace {

constexpr auto port_of_the_observed = "CHARMER_OBSERVED_PORT";

/// Runs one test of this program in a process of its own.
pid_t run_alone(const char* test) {
  char self[] = "/proc/self/exe";
  auto which = std::string{"-tc="} + test;
  char* arguments[] = {self, which.data(), nullptr};
  pid_t result = 0;
  REQUIRE(posix_spawn(&result, self, nullptr, nullptr, arguments, environ)
          == 0);
  return result;
}

/// The event manager of this node, as another one sees it.
struct observed_from_afar {
  node_config here_config, there_config;
  caf::actor_system here{here_config}, there{there_config};
  std::shared_ptr<event_hub> hub = std::make_shared<event_hub>(here);
  caf::actor manager = here.spawn(event_manager, hub);
  caf::actor remote = seen_from(there, here, manager);
  std::mutex mutex;
  std::vector<std::string> got;
};

} // namespace

TEST_CASE_FIXTURE(observed_from_afar,
                  "another node reads the reason of an event as text if an "
                  "application put into it what cannot be sent") {
  auto observer = there.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](const event& e) {
      std::lock_guard guard{mutex};
      got.push_back(describe_reason(e.reason));
    }};
  });
  caf::anon_send(remote, add_handler_atom_v, std::string{"far"}, event_filter{},
                 observer);
  CHECK(within(10s, [&] { return hub->which().size() == 1; }));
  for (auto why : {
           caf::error{3, caf::atom("mine"), caf::make_message(only_here{})},
           make_error(supervision_errc::start_failed, "child 'a'",
                      caf::error{3, caf::atom("mine"),
                                 caf::make_message(only_here{})}),
           make_error(supervision_errc::planned_stop,
                      exit_details{"tired", {}}),
           caf::make_error(caf::sec::runtime_error, "as ever"),
       })
    hub->notify({.name = "x", .reason = why});
  CHECK(within(10s, [&] {
    std::lock_guard guard{mutex};
    return got.size() == 4;
  }));
  CHECK(got[0].starts_with("mine error 3: "));
  CHECK(got[1].starts_with("start_failed: child 'a' (mine error 3: "));
  CHECK(got[2] == "planned_stop: tired");
  CHECK(got[3] == "runtime_error: as ever");
  CHECK(hub->which().size() == 1);
  caf::anon_send_exit(observer, caf::exit_reason::kill);
  observer = nullptr;
  CHECK(within(10s, [&] { return hub->which().empty(); }));
  caf::anon_send_exit(manager, caf::exit_reason::user_shutdown);
}

TEST_CASE("a node that observes until it is killed, for the test below"
          * doctest::skip(!std::getenv(port_of_the_observed))) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  node_config settings;
  caf::actor_system here{settings};
  auto port = std::atoi(std::getenv(port_of_the_observed));
  auto manager = here.middleman().remote_actor(
      "127.0.0.1", static_cast<std::uint16_t>(port));
  REQUIRE(manager);
  auto observer =
      here.spawn([]() -> caf::behavior { return {[](const event&) {}}; });
  caf::anon_send(*manager, add_handler_atom_v, std::string{"far"},
                 event_filter{}, observer);
  within(60s, [] { return false; });
}

TEST_CASE("the loss of its node removes an observer, and that is told") {
  node_config settings;
  caf::actor_system here{settings};
  auto hub = std::make_shared<event_hub>(here);
  std::mutex mutex;
  std::string told;
  auto note = [&](const event& e) {
    std::lock_guard guard{mutex};
    told += e.details.at("handler");
  };
  REQUIRE(!hub->add({.name = "near",
                     .filter = {.name = "*handler_removed"},
                     .on_event = note}));
  auto manager = here.spawn(event_manager, hub);
  auto port = here.middleman().publish(manager, 0, "127.0.0.1");
  REQUIRE(port);
  setenv(port_of_the_observed, std::to_string(*port).c_str(), 1);
  auto node = run_alone("a node that observes until it is killed*");
  unsetenv(port_of_the_observed);
  CHECK(within(30s, [&] { return hub->which().size() == 2; }));
  CHECK(kill(node, SIGKILL) == 0);
  CHECK(waitpid(node, nullptr, 0) == node);
  CHECK(within(30s, [&] { return hub->which().size() == 1; }));
  CHECK(within(30s, [&] {
    std::lock_guard guard{mutex};
    return told == "\"far\"";
  }));
  caf::anon_send_exit(manager, caf::exit_reason::user_shutdown);
}

TEST_CASE_FIXTURE(observed_from_afar,
                  "an actor on another node observes, and its end removes it") {
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
