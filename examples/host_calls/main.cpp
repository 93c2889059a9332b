// Lets Python commands call functions of the application.
//
//   build/examples/host_calls examples/host_calls/pools.json
#include <charmer/charmer.hpp>

#include <caf/io/middleman.hpp>

#include <nlohmann/json.hpp>

#include <iostream>
#include <map>
#include <string>

using namespace std::chrono_literals;

void caf_main(caf::actor_system& sys, const charmer::config& cfg) {
  auto file = cfg.remainder.empty() ? "pools.json" : cfg.remainder.front();
  auto app = charmer::start(sys, charmer::settings::from_file(file));
  if (!app) {
    std::cerr << charmer::describe(app.error()) << '\n';
    return;
  }
  const std::map<std::string, double> prices{{"bread", 3.5}, {"milk", 1.25}};
  // It runs in a thread of its own, so it may block. What it throws is raised
  // in Python.
  app->register_function("price_of", [&](const charmer::host_call& x) {
    return prices.at(x.json().at("item").get<std::string>());
  });
  auto pool = *app->pool();
  caf::scoped_actor self{sys};
  auto total = [&](const nlohmann::json& items) {
    charmer::call(self, pool, "total", {{"items", items}}, {.timeout = 10s})
        .receive(
            [](const charmer::reply& x) {
              std::cout << "total: " << x.text() << '\n';
            },
            [](const caf::error& e) {
              std::cout << charmer::failure_of(e).text << '\n';
            });
  };
  total({"bread", "milk", "milk"});
  total({"bread", "gold"});
}

CAF_MAIN(caf::io::middleman)
