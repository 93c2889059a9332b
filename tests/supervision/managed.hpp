// A world with a hub of events, its manager, and a record of what handlers got.
#pragma once

#include "world.hpp"

namespace test {

inline event named_event(string name) {
  return event{.name = std::move(name)};
}

/// A hub with its manager, and a record of what a handler got.
struct managed : world {
  managed() { manager = system.spawn(event_manager, hub); }

  ~managed() {
    caf::anon_send_exit(manager, caf::exit_reason::kill);
    manager = nullptr;
    run();
  }

  handler_spec recorder(string name) {
    return {.name = name, .on_event = [this, name](const event& e) {
              got.push_back(name + ":" + e.name);
            }};
  }

  answer<nothing> add(handler_spec x) {
    return ask<nothing>(manager, add_handler_atom_v, std::move(x));
  }

  void notify(string name) {
    caf::anon_send(manager, notify_atom_v, named_event(std::move(name)));
    run();
  }

  std::vector<string> names() {
    std::vector<string> result;
    auto all =
        ask<std::vector<handler_info>>(manager, which_handlers_atom_v).value();
    for (const auto& x : all)
      if (x.name.rfind("observer", 0) != 0)
        result.push_back(x.name);
    return result;
  }

  std::vector<string> take() { return std::exchange(got, {}); }

  using list = std::vector<string>;

  caf::actor manager;
  list got;
};

} // namespace test
