#include "one_call.hpp"

#include <memory>

namespace bench {

std::future<outcome> call_once(charmer_stack& stack, std::string command,
                               charmer::arguments arguments,
                               charmer::call_options options) {
  auto promise = std::make_shared<std::promise<outcome>>();
  auto result = promise->get_future();
  stack.system().spawn([=, pool = stack.pool()](caf::event_based_actor* self) {
    charmer::call(self, pool, command, arguments, options)
        .then(
            [promise](const charmer::reply& x) {
              promise->set_value({stopwatch::clock::now(), {}, x.text()});
            },
            [promise](const caf::error& e) {
              promise->set_value({stopwatch::clock::now(), e, {}});
            });
  });
  return result;
}

std::string answer_of(std::future<outcome> x) {
  auto got = x.get();
  if (got.error)
    call_failed(got.error);
  return got.text;
}

} // namespace bench
