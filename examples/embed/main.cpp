// A CAF application with a pool of Python workers in it.
//
//   build/examples/embed examples/embed/pools.json
#include <charmer/charmer.hpp>

#include <caf/io/middleman.hpp>

#include <iostream>

using namespace std::chrono_literals;

// An actor like any other: it calls Python, and nothing in it blocks.
caf::behavior accountant(caf::event_based_actor* self,
                         charmer::pool_handle pool) {
  return {
      [=](int a, int b) {
        auto promise = self->make_response_promise<std::string>();
        charmer::call(self, pool, "add", {{"a", a}, {"b", b}})
            .then(
                [=](const charmer::reply& x) mutable {
                  promise.deliver(x.text());
                },
                [=](caf::error& e) mutable { promise.deliver(std::move(e)); });
        return promise;
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
  auto pool = app->pool();
  caf::scoped_actor self{sys};
  auto books = self->spawn(accountant, *pool);
  self->request(books, caf::infinite, 5, 3)
      .receive(
          [](const std::string& x) { std::cout << "5 + 3 = " << x << '\n'; },
          [](caf::error& e) { std::cerr << charmer::describe(e) << '\n'; });
  // What goes wrong in Python arrives as a typed error, traceback and all.
  charmer::call(self, *pool, "divide", {{"a", 1}, {"b", 0}}, {.timeout = 5s})
      .receive(
          [](const charmer::reply& x) { std::cout << x.text() << '\n'; },
          [](caf::error& e) { std::cout << charmer::describe(e) << '\n'; });
  self->send_exit(books, caf::exit_reason::user_shutdown);
}

CAF_MAIN(caf::io::middleman)
