// Calls a pool on behalf of the main thread, which waits in poll() and can take
// no messages: requests go in as messages, outcomes come out through a queue
// with a descriptor.
//
//   main thread ──send──▶ actor ──▶ pool
//   main thread ◀──outcome_queue── actor ◀── pool
//
// Threading: thread-safe.
//
//   auto outcomes = std::make_shared<outcome_queue>();
//   dispatcher calls{sys, pool, "add", {}, outcomes};
//   calls.send({{1, R"({"a": 5, "b": 3})"}});
//   … poll(outcomes->fd()) …
//   for (auto& x : outcomes->take()) …
#pragma once

#include "charmer/actors/call.hpp"
#include "charmer/tools/polled_queue.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace charmer::tools {

/// One call to be made.
struct call_request {
  std::uint64_t id = 0;  ///< chosen by who asks; comes back with the outcome
  std::string arguments; ///< JSON text
};

/// How a call ended.
struct call_outcome {
  std::uint64_t id = 0;
  payload value;
  caf::error error; ///< if there is one, there is no value
};

using outcome_queue = polled_queue<call_outcome>;

/// Every call gets one outcome, unless the dispatcher is destroyed before.
class dispatcher {
public:
  dispatcher(caf::actor_system& sys, pool_handle pool, std::string command,
             call_options options, std::shared_ptr<outcome_queue> outcomes);

  dispatcher(const dispatcher&) = delete;
  dispatcher& operator=(const dispatcher&) = delete;

  ~dispatcher();

  void send(std::vector<call_request> calls);

  /// Cancels all that is in flight.
  void cancel();

private:
  caf::actor self_;
};

} // namespace charmer::tools
