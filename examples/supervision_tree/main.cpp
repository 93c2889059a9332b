// A supervision tree of an application's own: CAF actors that crash and are
// started again. Only <charmer/supervision/…>: no pool, no Python.
//
//   shop                     one_for_one: each on its own
//   ├── clock
//   └── counter              rest_for_one: the seller needs the store
//       ├── store
//       └── seller
//
//   build/examples/supervision_tree
#include <charmer/supervision/observe.hpp>
#include <charmer/supervision/supervision_tree.hpp>
#include <charmer/supervision/supervisor.hpp>

#include <iostream>
#include <stdexcept>

using namespace std::chrono_literals;

// -- actors like any others; who throws says only that it means to ------------

caf::behavior clock_actor(caf::event_based_actor*) {
  return {[](caf::get_atom) { return "nine"; }};
}

caf::behavior store(caf::event_based_actor* self) {
  // Else CAF prints what was thrown, and forgets it.
  charmer::replace_default_handlers(self);
  return {[](int wanted) -> int {
    if (wanted > 100)
      throw std::runtime_error("the shelf broke");
    return wanted;
  }};
}

caf::behavior seller(caf::event_based_actor*, std::string name) {
  return {[=](caf::get_atom) { return name; }};
}

// -- the tree -----------------------------------------------------------------

charmer::child_spec worker(std::string id,
                           caf::behavior (*body)(caf::event_based_actor*)) {
  return {.id = std::move(id), .start = [=](const charmer::start_context& x) {
            return charmer::started{x.self->spawn(body)};
          }};
}

charmer::child_spec seller_child(std::string id) {
  return {.id = id,
          .start =
              [=](const charmer::start_context& x) {
                return charmer::started{x.self->spawn(seller, id)};
              },
          .restart = charmer::restart_type::transient,
          .stop = charmer::shutdown::after(1s)};
}

charmer::supervisor_spec counter_spec() {
  return {.strategy = charmer::strategy::rest_for_one,
          .intensity = {.intensity = 3, .period = 10s},
          .children = {worker("store", store), seller_child("seller")}};
}

// -- the application ----------------------------------------------------------

struct config : caf::actor_system_config {
  config() { charmer::configure_supervision(*this); }
};

void complain(const caf::error& x) {
  std::cerr << charmer::describe_reason(x) << '\n';
}

const charmer::supervision_tree* find(const charmer::supervision_tree& x,
                                      const std::string& path) {
  if (x.path == path)
    return &x;
  for (auto& child : x.children)
    if (auto found = find(child, path))
      return found;
  return nullptr;
}

charmer::supervision_tree look_at(caf::scoped_actor& self,
                                  const caf::actor& shop) {
  charmer::supervision_tree result;
  charmer::request_tree(self, shop)
      .receive([&](charmer::supervision_tree& x) { result = std::move(x); },
               complain);
  return result;
}

void caf_main(caf::actor_system& system, const config&) {
  auto hub = std::make_shared<charmer::event_hub>(system);
  charmer::observe(system,
                   [](const charmer::event& e) { std::cout << e << std::endl; },
                   {.at_least = charmer::severity::error});
  auto shop = charmer::start_supervisor(
      system,
      {.name = "shop",
       .children = {worker("clock", clock_actor),
                    charmer::supervisor_child("counter", counter_spec())},
       .events = hub});
  if (!shop)
    return complain(shop.error());

  // Every child is ready, or the tree has ended and says why.
  caf::scoped_actor self{system};
  self->request(*shop, caf::infinite, charmer::ready_atom_v)
      .receive([] {}, complain);

  // Whoever needs a child asks for it when needed: it may be another one now.
  auto before = look_at(self, *shop);
  auto first = find(before, "shop/counter/store");
  if (!first)
    return;
  self->request(caf::actor_cast<caf::actor>(first->address), 5s, 1000)
      .receive([](int) {}, [](const caf::error&) {}); // it crashes

  // The store was started again, and the seller after it.
  for (int i = 0; i < 500; ++i) {
    auto now = look_at(self, *shop);
    auto second = find(now, "shop/counter/seller");
    if (second && second->incarnation == 2
        && second->state == charmer::child_state::running) {
      std::cout << now;
      break;
    }
    self->receive(caf::after(10ms) >> [] {});
  }

  // In reverse order of the start, each within its own limit.
  self->monitor(*shop);
  charmer::ask_to_stop(self->address(), *shop);
  self->receive([](const caf::down_msg& x) {
    std::cout << "stopped: " << charmer::describe_reason(x.reason) << '\n';
  });
}

CAF_MAIN()
