// A pool of native workers instead of a home-made thread pool: typed messages,
// a worker for each customer, statistics.
//
//   build/examples/native_pool
#include <charmer/charmer.hpp>

#include <caf/io/middleman.hpp>

#include <iostream>
#include <map>

using namespace std::chrono_literals;

// Any CAF actor will do; it need not know that it is in a pool. This one keeps
// the balances of the customers that are its own.
using teller = caf::typed_actor<caf::replies_to<std::string, int>::with<int>>;

teller::behavior_type teller_behavior(teller::pointer) {
  return {
      [balances = std::map<std::string, int>{}](const std::string& customer,
                                                int amount) mutable {
        return balances[customer] += amount;
      },
  };
}

void caf_main(caf::actor_system& sys, const charmer::config&) {
  charmer::register_native<teller>(
      "teller", [](caf::actor_system& s) { return s.spawn(teller_behavior); });
  charmer::pool_settings settings;
  settings.name = "bank";
  settings.profile = "native";
  settings.adapter = "teller";
  settings.size = 4;
  auto app = charmer::start(sys, charmer::settings{.pools = {settings}});
  if (!app) {
    std::cerr << charmer::describe(app.error()) << '\n';
    return;
  }
  app->await_all();
  // Typed as the workers are: what they do not accept does not compile.
  auto bank = app->pool_of<teller>("bank");
  caf::scoped_actor self{sys};
  for (auto& customer : {"ann", "bob", "ann", "bob", "ann"}) {
    // Equal keys go to the same worker, in order.
    auto own = bank->with({.strategy = charmer::hash_worker(customer)});
    self->request(own.actor(), 5s, customer, 10)
        .receive(
            [&](int balance) {
              std::cout << customer << " has " << balance << '\n';
            },
            [](caf::error& e) { std::cerr << charmer::describe(e) << '\n'; });
  }
  std::cout << to_string(*app->stats("bank")) << '\n';
}

CAF_MAIN(caf::io::middleman)
