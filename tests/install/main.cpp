// Calls one Python function through what was installed; exits 0 if it answers.
#include <caf/io/all.hpp>
#include <charmer/charmer.hpp>

#include <iostream>

using namespace std::chrono_literals;

namespace {

int status = 1;

void caf_main(caf::actor_system& sys, const charmer::config&) {
  auto app = charmer::start(
      sys, charmer::settings::from_json(
               R"({"pools": [{"size": 1, "adapter": "statistics:mean"}]})"));
  if (!app) {
    std::cerr << charmer::describe(app.error()) << '\n';
    return;
  }
  caf::scoped_actor self{sys};
  charmer::call(self, *app->pool(), "mean",
                charmer::payload::json(R"({"data": [1, 2, 6]})"),
                {.timeout = 30s})
      .receive(
          [](const charmer::reply& x) {
            std::cout << x.value.data << '\n';
            status = x.value.data == "3" ? 0 : 1;
          },
          [](const caf::error& e) {
            std::cerr << charmer::describe(e) << '\n';
          });
}

} // namespace

int main(int argc, char** argv) {
  caf::exec_main<caf::io::middleman>(caf_main, argc, argv);
  return status;
}
