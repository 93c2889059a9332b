#include "charmer/supervision/observe.hpp"

#include "charmer/supervision/errors.hpp"
#include "charmer/supervision/event_hub.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

namespace charmer {

namespace {

std::string next_name() {
  static std::atomic<std::uint64_t> last{0};
  return "observer of the system " + std::to_string(++last);
}

} // namespace

caf::expected<std::string> observe(caf::actor_system& system, handler_spec x) {
  auto hubs = event_hub::all_of(system);
  if (hubs.empty())
    return make_error(supervision_errc::not_found,
                      "this actor system has no event hub");
  if (x.name.empty())
    x.name = next_name();
  for (auto i = hubs.begin(); i != hubs.end(); ++i)
    if (auto failure = (*i)->add(x)) {
      std::for_each(hubs.begin(), i, [&](auto& hub) { hub->remove(x.name); });
      return failure;
    }
  return x.name;
}

caf::expected<std::string> observe(caf::actor_system& system,
                                   std::function<void(const event&)> f,
                                   event_filter filter) {
  return observe(system, handler_spec{.filter = std::move(filter),
                                      .on_event = std::move(f)});
}

caf::expected<std::string> observe(caf::actor_system& system,
                                   caf::actor handler, event_filter filter) {
  return observe(system, handler_spec{.filter = std::move(filter),
                                      .receiver = std::move(handler)});
}

bool stop_observing(caf::actor_system& system, const std::string& name) {
  auto found = false;
  for (auto& hub : event_hub::all_of(system))
    found = hub->remove(name) || found;
  return found;
}

} // namespace charmer
