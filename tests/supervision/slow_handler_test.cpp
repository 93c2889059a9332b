// Handlers that block, on real threads: they delay nobody.
#include "charmer/supervision/event_manager.hpp"
#include "charmer/supervision/messages.hpp"
#include "charmer/supervision/observe.hpp"

#include <caf/all.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

using namespace charmer;
using namespace std::chrono_literals;
using std::string;

namespace {

/// As few threads as there can be: whoever blocks one is noticed.
struct one_thread : caf::actor_system_config {
  one_thread() {
    configure_supervision(*this);
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", std::size_t{1});
  }
};

/// Holds up whoever comes until it is opened.
class gate {
public:
  void pass() { open_.get_future().wait_for(1min); }
  void open() { open_.set_value(); }

private:
  std::promise<void> open_;
};

template <class Predicate>
bool within(std::chrono::seconds limit, Predicate holds) {
  auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

handler_info about(const event_hub& hub, const string& name) {
  for (const auto& x : hub.which())
    if (x.name == name)
      return x;
  return {};
}

struct blocked {
  gate closed; // what handlers use outlives the system
  std::atomic<int> inside{0}, slow{0}, quick{0};
  one_thread settings;
  caf::actor_system system{settings};
  std::shared_ptr<event_hub> hub = std::make_shared<event_hub>(system);

  ~blocked() { hub.reset(); }

  /// Stops at the first event.
  std::function<void(const event&)> stops() {
    return [this](const event&) {
      if (inside++ == 0)
        closed.pass();
      ++slow;
    };
  }
};

} // namespace

TEST_CASE_FIXTURE(blocked, "a handler that blocks delays neither others nor "
                           "those who tell, and what it loses is counted") {
  REQUIRE_FALSE(hub->add({.name = "slow",
                          .filter = {.name = "x"},
                          .on_event = stops(),
                          .capacity = 10,
                          .blocking = true}));
  REQUIRE_FALSE(hub->add({.name = "quick",
                          .filter = {.name = "x"},
                          .on_event = [this](const event&) { ++quick; }}));
  hub->notify({.name = "x"});
  REQUIRE(within(10s, [&] { return inside == 1; })); // and there it stays
  for (int i = 0; i < 50; ++i)
    hub->notify({.name = "x"});
  CHECK(within(10s, [&] { return quick == 51; }));
  auto x = about(*hub, "slow");
  CHECK(slow == 0);
  CHECK(x.waiting == 10);
  CHECK(x.dropped == 40);
  CHECK(about(*hub, "quick").dropped == 0);
  closed.open();
  CHECK(within(10s, [&] { return slow == 11; }));
  CHECK(within(10s, [&] { return about(*hub, "slow").waiting == 0; }));
  CHECK(about(*hub, "slow").dropped == 40);
  CHECK(about(*hub, "slow").delivered == 11);
}

TEST_CASE_FIXTURE(blocked, "a function that blocks observes in one line, and "
                           "keeps no thread from the actors") {
  auto name = observe(
      system, {.filter = {.name = "x"}, .on_event = stops(), .blocking = true});
  REQUIRE(name);
  hub->notify({.name = "x"});
  REQUIRE(within(10s, [&] { return inside == 1; }));
  // The only thread of the scheduler still serves.
  auto echo =
      system.spawn([]() -> caf::behavior { return {[](int x) { return x; }}; });
  caf::scoped_actor self{system};
  auto answered = 0;
  self->request(echo, 10s, 42)
      .receive([&](int x) { answered = x; },
               [](caf::error& e) { FAIL(describe_reason(e)); });
  CHECK(answered == 42);
  closed.open();
  CHECK(within(10s, [&] { return slow == 1; }));
  CHECK(stop_observing(system, *name));
  CHECK_FALSE(stop_observing(system, *name));
}

TEST_CASE_FIXTURE(blocked,
                  "an observer with a name that is taken in one hub is "
                  "added to none") {
  auto second = std::make_shared<event_hub>(system);
  REQUIRE_FALSE(second->add({.name = "log", .on_event = [](const event&) {}}));
  auto refused =
      observe(system, {.name = "log", .on_event = [](const event&) {}});
  REQUIRE_FALSE(refused);
  CHECK(is(refused.error(), supervision_errc::already_present));
  CHECK(hub->which().empty());
  CHECK(second->which().size() == 1);
  second.reset();
  auto named =
      observe(system, {.name = "log", .on_event = [](const event&) {}});
  REQUIRE(named);
  CHECK(*named == "log");
}

TEST_CASE_FIXTURE(blocked,
                  "who comes in the place of a handler that blocks has "
                  "its thread, and no other can block") {
  auto manager = system.spawn(event_manager, hub);
  caf::scoped_actor self{system};
  auto swap = [&](string name, handler_spec successor) {
    caf::error result;
    self->request(manager, 10s, swap_handler_atom_v, std::move(name),
                  std::move(successor))
        .receive([] {}, [&](caf::error& why) { result = std::move(why); });
    return result;
  };
  auto nothing = [](const event&) {};
  REQUIRE_FALSE(hub->add({.name = "first", .on_event = nothing}));
  auto refused =
      swap("first", {.name = "second", .on_event = stops(), .blocking = true});
  CHECK(is(refused, supervision_errc::unsupported));
  CHECK(about(*hub, "first").name == "first"); // nothing has changed
  CHECK(hub->remove("first"));

  REQUIRE_FALSE(
      hub->add({.name = "first", .on_event = nothing, .blocking = true}));
  CHECK_FALSE(swap("first", {.name = "second", .on_event = nothing}));
  CHECK_FALSE(swap("second", {.name = "third",
                              .filter = {.name = "x"},
                              .on_event = stops(),
                              .capacity = 3,
                              .blocking = true}));
  hub->notify({.name = "x"});
  REQUIRE(within(10s, [&] { return inside == 1; }));
  for (int i = 0; i < 10; ++i)
    hub->notify({.name = "x"});
  CHECK(about(*hub, "third").waiting == 3); // its own capacity
  CHECK(about(*hub, "third").dropped == 7);
  closed.open();
  CHECK(within(10s, [&] { return slow == 4; }));
  caf::anon_send_exit(manager, caf::exit_reason::user_shutdown);
}
