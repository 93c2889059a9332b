#include "charmer/tools/dispatcher.hpp"

#include <unordered_map>

namespace charmer::tools {

namespace {

struct caller_state {
  std::unordered_map<std::uint64_t, call_id> in_flight;
};

using self_ptr = caf::stateful_actor<caller_state>*;

caf::behavior caller(self_ptr self, pool_handle pool, std::string command,
                     call_options options,
                     std::shared_ptr<outcome_queue> outcomes) {
  auto finish = [=](call_outcome x) {
    state_of(self).in_flight.erase(x.id);
    outcomes->put(std::move(x));
  };
  auto start = [=](std::uint64_t id, std::string& arguments) {
    auto pending =
        call(self, pool, command, payload::json(std::move(arguments)), options);
    state_of(self).in_flight.emplace(id, pending.id());
    pending.then(
        [=](reply& r) {
          finish({id, std::move(r.value), {}});
        },
        [=](caf::error& e) {
          finish({id, {}, std::move(e)});
        });
  };
  replace_default_handlers(self);
  return {
      start,
      [=](cancel_atom) {
        for (auto& [id, call] : state_of(self).in_flight)
          cast(pool.actor(), cancel_atom_v, call);
      },
  };
}

} // namespace

// -- dispatcher ---------------------------------------------------------------

dispatcher::dispatcher(caf::actor_system& sys, pool_handle pool,
                       std::string command, call_options options,
                       std::shared_ptr<outcome_queue> outcomes)
    : self_(sys.spawn(caller, std::move(pool), std::move(command),
                      std::move(options), std::move(outcomes))) {
  // nop
}

dispatcher::~dispatcher() {
  ask_to_stop(self_);
}

void dispatcher::send(std::vector<call_request> calls) {
  for (auto& x : calls)
    cast(self_, x.id, std::move(x.arguments));
}

void dispatcher::cancel() {
  cast(self_, cancel_atom_v);
}

} // namespace charmer::tools
