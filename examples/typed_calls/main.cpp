// Calls Python with messages of a .proto that both sides share, and with bytes.
//
//   build/examples/typed_calls FOLDER_OF_COUNTER_PY FOLDER_OF_SHOP_PB2_PY
#include <charmer/charmer.hpp>

#include <caf/io/middleman.hpp>

#include "shop.pb.h"

#include <iostream>

using namespace std::chrono_literals;

void caf_main(caf::actor_system& sys, const charmer::config& cfg) {
  charmer::pool_settings counter;
  counter.size = 1;
  counter.adapter = "counter:Counter";
  counter.python_path = cfg.remainder;
  auto app = charmer::start(sys, charmer::settings{.pools = {counter}});
  if (!app) {
    std::cerr << charmer::describe(app.error()) << '\n';
    return;
  }
  auto pool = *app->pool();
  caf::scoped_actor self{sys};
  auto complain = [](const caf::error& e) {
    std::cout << charmer::describe(e) << '\n';
  };
  shop::Order order;
  order.set_item("bread");
  order.set_pieces(3);
  charmer::call<shop::Receipt>(self, pool, "buy", order, {.timeout = 10s})
      .receive(
          [](const shop::Receipt& x) {
            std::cout << x.text() << ": " << x.total() << '\n';
          },
          complain);
  charmer::call(self, pool, "echo", charmer::payload::raw(std::string(1000, 0)))
      .receive(
          [](const charmer::reply& x) {
            std::cout << x.text().size() << " bytes came back\n";
          },
          complain);
}

CAF_MAIN(caf::io::middleman)
