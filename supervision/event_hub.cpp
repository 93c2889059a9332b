#include "charmer/supervision/event_hub.hpp"

#include "charmer/supervision/event_queue.hpp"
#include "charmer/supervision/handler_host.hpp"
#include "charmer/supervision/messages.hpp"

#include <algorithm>
#include <utility>

namespace charmer {

namespace {

/// Every hub of this process that lives.
struct directory {
  struct entry {
    const caf::actor_system* system;
    event_hub* hub;
  };

  std::mutex mutex;
  std::vector<entry> entries;
};

/// Never destroyed: a hub may be a static object itself.
directory& all_hubs() {
  static auto* x = new directory;
  return *x;
}

} // namespace

event_hub::event_hub(caf::actor_system& system) : system_(system) {
  auto& hubs = all_hubs();
  std::lock_guard guard{hubs.mutex};
  hubs.entries.push_back({&system, this});
}

std::vector<std::shared_ptr<event_hub>>
event_hub::all_of(const caf::actor_system& system) {
  std::vector<std::shared_ptr<event_hub>> result;
  auto& hubs = all_hubs();
  std::lock_guard guard{hubs.mutex};
  for (const auto& x : hubs.entries)
    if (x.system == &system)
      if (auto hub = x.hub->weak_from_this().lock()) // else it is being ended
        result.push_back(std::move(hub));
  return result;
}

event_hub::~event_hub() {
  {
    auto& hubs = all_hubs();
    std::lock_guard guard{hubs.mutex};
    std::erase_if(hubs.entries, [&](auto& x) { return x.hub == this; });
  }
  for (auto& [name, x] : handlers_)
    cast(x.host, delete_handler_atom_v,
         make_error(supervision_errc::shutting_down, "the hub is gone"));
}

void event_hub::notify(event x) {
  notify(std::move(x), nullptr);
}

void event_hub::notify(event x, std::shared_ptr<const void> pending) {
  if (x.wall == caf::timestamp{})
    x.wall = caf::make_timestamp();
  if (x.monotonic_ns == 0)
    x.monotonic_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                         system_.clock().now().time_since_epoch())
                         .count();
  auto shared = std::make_shared<const event>(std::move(x));
  std::vector<caf::actor> sleepers;
  std::vector<std::string> overflowed;
  {
    std::lock_guard guard{mutex_};
    for (auto& [name, handler] : handlers_) {
      if (!handler.filter.matches(*shared))
        continue;
      auto what = handler.queue->push({shared, pending});
      if (what == event_queue::pushed::wake)
        sleepers.push_back(handler.host);
      else if (what == event_queue::pushed::overflowed)
        overflowed.push_back(name);
    }
  }
  for (const auto& host : sleepers)
    cast(host, wake_atom_v);
  for (const auto& name : overflowed) {
    // Ends: a queue overflows once until it was empty again.
    event e{.name = std::string{event_name::handler_overflow},
            .level = severity::warning,
            .text = "handler '" + name + "' is too slow, its queue is full"};
    e.set("handler", name);
    notify(std::move(e));
  }
}

void event_hub::see_who_listens() {
  traced_ = std::any_of(handlers_.begin(), handlers_.end(), [](auto& x) {
    return x.second.filter.at_least == severity::trace;
  });
}

caf::error event_hub::add(handler_spec x) {
  if (auto mistake = validate(x))
    return mistake;
  if (weak_from_this().expired())
    return make_error(supervision_errc::invalid_spec,
                      "an event hub must be made with std::make_shared: its "
                      "handlers hold on to it");
  auto taken = [&] {
    return make_error(supervision_errc::already_present,
                      "handler '" + x.name + "'");
  };
  {
    std::lock_guard guard{mutex_};
    if (handlers_.count(x.name) > 0)
      return taken();
  }
  if (auto failure = prepare(x, caf::message{}))
    return failure;
  auto queue = std::make_shared<event_queue>(x.capacity);
  auto spawn = [&] {
    return x.blocking ? system_.spawn<caf::detached>(host_handler,
                                                     weak_from_this(), x, queue)
                      : system_.spawn(host_handler, weak_from_this(), x, queue);
  };
  caf::actor host;
  {
    std::lock_guard guard{mutex_};
    if (handlers_.count(x.name) == 0) {
      host = spawn();
      handlers_.emplace(x.name, entry{x.filter, queue, host, x.owner});
      see_who_listens();
    }
  }
  if (!host) { // somebody was faster; what on_add did is undone
    auto why = taken();
    last_words_of(x, why);
    return why;
  }
  on_exit(host, [weak = weak_from_this(), queue](const caf::error& why) {
    queue->close();
    if (auto hub = weak.lock())
      hub->host_ended(queue.get(), why);
  });
  return {};
}

caf::expected<std::string>
event_hub::observe(std::function<void(const event&)> f, event_filter filter) {
  for (;;) {
    auto name = "observer " + std::to_string(++observers_);
    auto failure = add({.name = name, .filter = filter, .on_event = f});
    if (!failure)
      return name;
    // Somebody may have given that name himself: the next one.
    if (!is(failure, supervision_errc::already_present))
      return failure;
  }
}

bool event_hub::remove(const std::string& name, caf::error why) {
  caf::actor host;
  {
    std::lock_guard guard{mutex_};
    auto i = handlers_.find(name);
    if (i == handlers_.end())
      return false;
    host = i->second.host;
    handlers_.erase(i);
    see_who_listens();
  }
  cast(host, delete_handler_atom_v, std::move(why));
  return true;
}

std::vector<handler_info> event_hub::which() const {
  std::vector<handler_info> result;
  std::lock_guard guard{mutex_};
  for (const auto& [name, x] : handlers_)
    result.push_back({name, x.filter, x.queue->delivered(), x.queue->dropped(),
                      x.queue->waiting()});
  return result;
}

caf::actor event_hub::host(const std::string& name) const {
  std::lock_guard guard{mutex_};
  auto i = handlers_.find(name);
  return i != handlers_.end() ? i->second.host : caf::actor{};
}

void event_hub::forget(const std::string& name, const event_queue* queue) {
  std::lock_guard guard{mutex_};
  auto i = handlers_.find(name);
  if (i != handlers_.end() && i->second.queue.get() == queue)
    handlers_.erase(i);
  see_who_listens();
}

bool event_hub::rename(const std::string& name, const event_queue* queue,
                       const handler_spec& successor) {
  std::lock_guard guard{mutex_};
  auto i = handlers_.find(name);
  if (i == handlers_.end() || i->second.queue.get() != queue
      || (successor.name != name && handlers_.count(successor.name) > 0))
    return false;
  auto x = std::move(i->second);
  handlers_.erase(i);
  x.filter = successor.filter;
  x.owner = successor.owner;
  handlers_.emplace(successor.name, std::move(x));
  see_who_listens();
  return true;
}

void event_hub::host_ended(const event_queue* queue, const caf::error& why) {
  std::string name;
  caf::actor owner;
  {
    std::lock_guard guard{mutex_};
    auto i = std::find_if(handlers_.begin(), handlers_.end(), [&](auto& x) {
      return x.second.queue.get() == queue;
    });
    if (i == handlers_.end())
      return; // it has ended itself
    name = i->first;
    owner = i->second.owner;
    handlers_.erase(i);
    see_who_listens();
  }
  auto reason =
      make_error(supervision_errc::handler_failed, "it was ended", why);
  if (owner)
    cast(owner, handler_removed_atom_v, name, reason);
  event e{.name = std::string{event_name::handler_removed},
          .level = severity::error,
          .reason = reason,
          .text = "handler '" + name + "': " + describe_reason(reason)};
  e.set("handler", name);
  notify(std::move(e));
}

} // namespace charmer
