// Where events go: tells every handler what happens.
//
// The hub is an object outside the supervision tree, so that handlers outlive
// a restart of the event manager, which is its administration by messages
// (event_manager.hpp). Each handler has a bounded queue and an actor that hosts
// it.
//
// It must be made with std::make_shared. A handler that needs its hub holds a
// weak_ptr to it: two that own each other never end.
//
// Threading: every member function is thread-safe. notify never blocks and
// never waits for a handler. Destroy the hub before its actor system; what
// waits is still delivered then (an actor as handler gets `drain_limit` for
// it).
//
//   auto hub = std::make_shared<charmer::event_hub>(system);
//   hub->observe([](const charmer::event& e) { std::cerr << e << '\n'; });
#pragma once

#include "charmer/supervision/caf.hpp"
#include "charmer/supervision/event.hpp"
#include "charmer/supervision/event_handler.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace charmer {

class event_queue;

class event_hub : public std::enable_shared_from_this<event_hub> {
public:
  /// How long an actor that is a handler may take to end what it began when it
  /// is removed.
  static constexpr timespan drain_limit = std::chrono::seconds(1);

  /// It can be found by all_of from now on.
  explicit event_hub(caf::actor_system& system);

  event_hub(const event_hub&) = delete;
  event_hub& operator=(const event_hub&) = delete;

  ~event_hub();

  /// The hubs of an actor system, oldest first: see observe.hpp.
  static std::vector<std::shared_ptr<event_hub>>
  all_of(const caf::actor_system& system);

  /// Tells all handlers that want to know. Sets the times if they are unset.
  void notify(event x);

  /// As above. The last copy of `pending` is released when all of them have
  /// dealt with the event, whether they could or not.
  void notify(event x, std::shared_ptr<const void> pending);

  /// Adds a handler. Errors: already_present, invalid_spec, or what on_add
  /// said.
  caf::error add(handler_spec x);

  /// Adds a function under a name that is made up, and returns that. It is to
  /// be quick: one that blocks is added with `blocking`. Errors: invalid_spec
  /// if there is no function.
  caf::expected<std::string> observe(std::function<void(const event&)> f,
                                     event_filter filter = {});

  /// Removes a handler after it has dealt with what waits. False: not found.
  /// Its functions may still be called after this has returned, until they have
  /// dealt with all: they must own what they use. on_remove is the last call.
  bool remove(const std::string& name, caf::error why = {});

  /// All handlers, by name.
  std::vector<handler_info> which() const;

  /// Whether anybody wants events of severity::trace. Who would make one asks
  /// first. Lives as long as the hub.
  const std::atomic<bool>& traced() const noexcept { return traced_; }

  /// The actor that hosts a handler, or null; answers
  /// (call_handler_atom, message) and (swap_handler_atom, handler_spec).
  caf::actor host(const std::string& name) const;

private:
  friend class handler_host;

  struct entry {
    event_filter filter;
    std::shared_ptr<event_queue> queue;
    caf::actor host;
    caf::actor owner;
  };

  /// The host is about to end, or takes another name and filter (swap).
  void forget(const std::string& name, const event_queue* queue);
  bool rename(const std::string& name, const event_queue* queue,
              const handler_spec& successor);

  /// The host was ended by somebody else: its handler is gone, too.
  void host_ended(const event_queue* queue, const caf::error& why);

  /// Sets traced_. REQUIRES: mutex_ is held.
  void see_who_listens();

  caf::actor_system& system_;
  std::atomic<std::uint64_t> observers_{0};
  std::atomic<bool> traced_{false};
  mutable std::mutex mutex_;
  std::map<std::string, entry> handlers_;
};

} // namespace charmer
