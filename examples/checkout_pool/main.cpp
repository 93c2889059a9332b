// Connections in a pool: whoever needs one holds it for a while, and gives it
// back whatever happens.
//
//   build/examples/checkout_pool
#include <charmer/charmer.hpp>

#include <caf/io/middleman.hpp>

#include <iostream>
#include <stdexcept>

using namespace std::chrono_literals;

// Stands for a connection to a database: what it is told within a transaction
// belongs together.
caf::behavior connection(caf::event_based_actor*) {
  return {
      [open = std::string{}](const std::string& statement) mutable {
        open = statement == "begin" ? "(" : open + " " + statement;
        return open;
      },
  };
}

void caf_main(caf::actor_system& sys, const charmer::config&) {
  charmer::register_native("connection", [](caf::actor_system& s) {
    return caf::actor{s.spawn(connection)};
  });
  charmer::pool_settings settings;
  settings.name = "database";
  settings.profile = "native";
  settings.adapter = "connection";
  settings.size = 1;
  settings.max_overflow = 2; // for rushes
  settings.overflow_retention = 1s;
  auto app = charmer::start(sys, charmer::settings{.pools = {settings}});
  if (!app) {
    std::cerr << charmer::describe(app.error()) << '\n';
    return;
  }
  auto pool = *app->pool("database");
  caf::scoped_actor self{sys};
  auto say = [&](charmer::lease& worker, const std::string& statement) {
    std::string answer;
    self->request(worker.actor(), 5s, statement)
        .receive([&](std::string& x) { answer = std::move(x); },
                 [](caf::error& e) { std::cerr << to_string(e) << '\n'; });
    return answer;
  };
  auto answer = charmer::run(self, pool, [&](charmer::lease& worker, auto) {
    say(worker, "begin");
    say(worker, "debit");
    return say(worker, "credit");
  });
  std::cout << *answer << " )\n";
  try {
    charmer::run(self, pool, [&](charmer::lease&, auto) {
      throw std::runtime_error{"the customer hung up"};
    });
  } catch (const std::exception& e) {
    std::cout << e.what() << "; the connection is free again\n";
  }
  charmer::run(self, pool, [&](charmer::lease& worker, auto) {
    std::cout << "held: " << worker.worker() << '\n';
  });
}

CAF_MAIN(caf::io::middleman)
