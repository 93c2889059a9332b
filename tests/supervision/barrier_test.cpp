// sync_notify as a barrier: its answer comes after every handler has dealt with
// the event, functions as well as actors.
#include "managed.hpp"

#include <condition_variable>
#include <mutex>

using namespace test;

TEST_CASE_FIXTURE(managed, "sync_notify answers after the functions, however "
                           "much waits for them") {
  auto a = recorder("a");
  a.filter.name = "x*";
  CHECK(add(a).ok());
  auto asker = system.spawn([this](caf::event_based_actor* self) {
    self->request(manager, caf::infinite, sync_notify_atom_v,
                  named_event("x last"))
        .then([this] { got.push_back("answered"); });
  });
  // More than a handler gets before others have their turn.
  for (int i = 0; i < 500; ++i)
    hub->notify(named_event("x"));
  while (step())
    ;
  REQUIRE(got.size() == 502);
  CHECK(got[500] == "a:x last");
  CHECK(got[501] == "answered");
}

namespace {

/// What happened, in this order, told by several threads.
class record {
public:
  void add(string x) {
    std::lock_guard guard{mutex_};
    all_.push_back(std::move(x));
    changed_.notify_all();
  }

  bool wait_for(const string& x) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, 60s, [&] {
      return std::find(all_.begin(), all_.end(), x) != all_.end();
    });
  }

  std::vector<string> all() {
    std::lock_guard guard{mutex_};
    return all_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<string> all_;
};

} // namespace

TEST_CASE(
    "sync_notify waits for a function that blocks, and nobody else does") {
  record happened;
  caf::actor_system_config settings;
  configure_supervision(settings);
  caf::actor_system system{settings};
  auto hub = std::make_shared<event_hub>(system);
  REQUIRE_FALSE(hub->add({.name = "blocking",
                          .filter = {.name = "x"},
                          .on_event =
                              [&](const event&) {
                                happened.add("entered");
                                happened.wait_for("opened");
                                happened.add("handled");
                              },
                          .blocking = true}));
  auto manager = system.spawn(event_manager, hub);
  system.spawn([&happened, manager](caf::event_based_actor* self) {
    self->request(manager, caf::infinite, sync_notify_atom_v,
                  event{.name = "x"})
        .then([&happened] { happened.add("answered"); });
    // Is served after it, and answered before.
    self->request(manager, caf::infinite, which_handlers_atom_v)
        .then([&happened](const std::vector<handler_info>&) {
          happened.add("listed");
        });
  });
  CHECK(happened.wait_for("entered"));
  CHECK(happened.wait_for("listed"));
  happened.add("opened");
  CHECK(happened.wait_for("answered"));
  auto all = happened.all();
  auto at = [&](const char* x) {
    return std::find(all.begin(), all.end(), x) - all.begin();
  };
  CHECK(at("listed") < at("opened"));
  CHECK(at("handled") < at("answered"));
  caf::anon_send_exit(manager, caf::exit_reason::user_shutdown);
}
