// Takes the values of a Python generator as they are made.
//
//   build/examples/streaming examples/streaming/pools.json
#include <charmer/charmer.hpp>

#include <caf/io/middleman.hpp>

#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>

using namespace std::chrono_literals;

// An actor that gets chunks as messages, and says when it can take more.
caf::behavior counter(caf::event_based_actor* self, charmer::pool_handle pool) {
  auto bytes = std::make_shared<std::size_t>(0);
  return {
      [=](const charmer::chunk& x) {
        *bytes += x.text().size();
        charmer::acknowledge(pool, x);
      },
      [=](const charmer::stream_end& x) {
        std::cout << x.chunks << " blocks, " << *bytes << " bytes\n";
        self->quit();
      },
      [=](const charmer::stream_failure& x) {
        std::cout << charmer::describe(x.why) << '\n';
        self->quit();
      },
  };
}

void caf_main(caf::actor_system& sys, const charmer::config& cfg) {
  auto file = cfg.remainder.empty() ? "pools.json" : cfg.remainder.front();
  auto app = charmer::start(sys, charmer::settings::from_file(file));
  if (!app) {
    std::cerr << charmer::describe(app.error()) << '\n';
    return;
  }
  auto pool = *app->pool();
  caf::scoped_actor self{sys};
  // One word after the other, until there have been five: then the generator
  // is closed where it stands.
  charmer::stream(self, pool, "tokens", {{"prompt", "to be or not"}})
      .receive(
          [](const charmer::chunk& x) {
            std::cout << x.json().get<std::string>();
            return x.number < 4;
          },
          [](const charmer::stream_end& x) {
            std::cout << "(" << x.chunks << (x.stopped ? ", stopped" : "")
                      << ")\n";
          },
          [](const caf::error& e) {
            std::cout << charmer::describe(e) << '\n';
          });
  // Bytes travel as bytes, to an actor of its own.
  auto reader = self->spawn<caf::monitored>(counter, pool);
  charmer::stream_to(reader, pool, "blocks", {{"path", file}, {"size", 64}},
                     {.window = 4});
  self->receive([](const caf::down_msg&) {},
                caf::after(30s) >> [] { std::cout << "nothing came\n"; });
}

CAF_MAIN(caf::io::middleman)
