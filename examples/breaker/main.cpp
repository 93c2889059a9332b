// A pool whose tasks fail stops taking them for a while, so that whoever asks
// is told at once, and tries again with one of them.
//
//   build/examples/breaker
#include <charmer/charmer.hpp>

#include <caf/io/middleman.hpp>

#include <atomic>
#include <iostream>
#include <stdexcept>

using namespace std::chrono_literals;

void caf_main(caf::actor_system& sys, const charmer::config&) {
  auto settings = charmer::task_pool("mails");
  settings.size = 1;
  settings.breaker.consecutive = 3;
  settings.breaker.cooldown = 50ms;
  auto app = charmer::start(sys, charmer::settings{.pools = {settings}});
  if (!app) {
    std::cerr << charmer::describe(app.error()) << '\n';
    return;
  }
  auto pool = *app->pool("mails");
  caf::scoped_actor self{sys};
  std::atomic<bool> server_is_up = false;
  // Sends a mail and says what came of it.
  auto send = [&] {
    std::string outcome;
    charmer::execute(self, pool,
                     [&] {
                       if (!server_is_up)
                         throw std::runtime_error{"no connection"};
                     })
        .receive([&] { outcome = "sent"; },
                 [&](caf::error& e) {
                   outcome = e == charmer::pool_errc::circuit_open
                                 ? "circuit_open"
                                 : charmer::failure_of(e).text;
                 });
    return outcome;
  };
  for (int i = 0; i < 4; ++i)
    std::cout << send() << '\n'; // three fail, the fourth is not even tried
  server_is_up = true;
  auto outcome = send();
  for (auto end = std::chrono::steady_clock::now() + 10s;
       outcome == "circuit_open" && std::chrono::steady_clock::now() < end;
       outcome = send())
    self->receive(caf::after(10ms) >> [] {});
  std::cout << outcome << " after the cooldown\n";
}

CAF_MAIN(caf::io::middleman)
