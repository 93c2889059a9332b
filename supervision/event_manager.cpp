#include "charmer/supervision/event_manager.hpp"

#include "charmer/supervision/messages.hpp"

#include <utility>

namespace charmer {

namespace {

using self_pointer = caf::stateful_actor<event_manager_state>*;

caf::error no_hub() {
  return make_error(supervision_errc::invalid_spec,
                    "the event manager has no hub; give it one made by "
                    "std::make_shared<charmer::event_hub>(system)");
}

caf::error not_found(const std::string& name) {
  return make_error(supervision_errc::not_found, "handler '" + name + "'");
}

caf::result<void> add(const std::shared_ptr<event_hub>& hub, handler_spec x) {
  if (auto failure = hub->add(std::move(x)))
    return failure;
  return caf::unit;
}

template <class Result, class... Ts>
caf::result<Result> pass_on(self_pointer self, const std::string& name,
                            Ts&&... xs) {
  auto host = state_of(self).hub->host(name);
  if (!host)
    return not_found(name);
  return charmer::delegate<Result>(self, host, std::forward<Ts>(xs)...);
}

/// Whoever releases the event last sends the news; so it comes whatever the
/// handlers do.
caf::result<void> sync_notify(self_pointer self, event x) {
  auto& state = state_of(self);
  auto answer = self->make_response_promise();
  auto number = ++state.last;
  state.waiting.emplace(number, answer);
  auto manager = caf::actor_cast<caf::actor>(self);
  std::shared_ptr<const void> pending{nullptr, [manager, number](const void*) {
                                        cast(manager, barrier_atom_v, number);
                                      }};
  state.hub->notify(std::move(x), std::move(pending));
  return answer;
}

void barrier_reached(self_pointer self, std::uint64_t number) {
  auto& waiting = state_of(self).waiting;
  if (auto i = waiting.find(number); i != waiting.end()) {
    i->second.deliver(caf::unit);
    waiting.erase(i);
  }
}

} // namespace

event_manager_state::~event_manager_state() {
  for (auto& [number, answer] : waiting)
    answer.deliver(make_error(supervision_errc::shutting_down,
                              "the event manager has ended"));
}

caf::behavior event_manager(self_pointer self, std::shared_ptr<event_hub> hub) {
  auto& state = state_of(self);
  replace_default_handlers(self);
  if (!hub) {
    self->quit(no_hub());
    return {};
  }
  state.hub = std::move(hub);
  using string = const std::string&;
  return {
      [&](add_handler_atom, const handler_spec& x) {
        return add(state.hub, x);
      },
      [&](add_handler_atom, string name, const event_filter& filter,
          const caf::actor& receiver) {
        return add(state.hub,
                   {.name = name, .filter = filter, .receiver = receiver});
      },
      [&](delete_handler_atom, string name) -> caf::result<void> {
        if (!state.hub->remove(name))
          return not_found(name);
        return caf::unit;
      },
      [=](call_handler_atom, string name, const caf::message& question) {
        return pass_on<caf::message>(self, name, call_handler_atom_v, question);
      },
      [=](swap_handler_atom, string name, const handler_spec& successor) {
        return pass_on<void>(self, name, swap_handler_atom_v, successor);
      },
      [&](which_handlers_atom) { return state.hub->which(); },
      [&](notify_atom, const event& x) { state.hub->notify(x); },
      [=](sync_notify_atom, const event& x) { return sync_notify(self, x); },
      [=](barrier_atom, std::uint64_t number) {
        barrier_reached(self, number);
      },
  };
}

child_spec event_manager_child(std::shared_ptr<event_hub> hub, std::string id) {
  return {
      .id = std::move(id),
      .start = [hub](const start_context& context) -> caf::expected<started> {
        if (!hub)
          return no_hub();
        return started{context.self->spawn(event_manager, hub)};
      }};
}

} // namespace charmer
