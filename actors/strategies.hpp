// Strategies of the application's own (wpool's custom strategy functions).
//
// A function is registered under a name; settings name it as default_strategy,
// or a request says custom_worker("name"). It gets the pool's name and its
// ready workers, and returns one of them. What it returns instead, a null
// handle, a worker that is not in the list or dead meanwhile, makes the request
// end with no_available_worker; if it throws, that is told as an event
// (charmer.strategy.failed) and the request is treated as available_worker's.
//
// A cast is answered before its function has chosen. If the line of the worker
// that is chosen is full then, or none is, the cast fails as one that was
// accepted does: it is counted, and told as charmer.request.failed.
//
// Threading: register_strategy from any thread. The functions run in the
// pool's queue manager: what they hold is used by that actor alone for each
// pool, but a function of several pools runs in several threads. Named as
// default_strategy they run in a thread of the pool's own, and one that blocks
// holds up the requests of its pool that wait, and nothing else; named by
// single requests only, they run in the scheduler's threads and must not block.
// The cost of a choice grows with the number of workers, as their list does.
//
//   charmer::register_strategy("oldest", [](const std::string&, auto& workers)
//   {
//     return workers.front();
//   });
//   charmer::call(self, pool, "add", args,
//                 {.strategy = charmer::custom_worker("oldest")});
#pragma once

#include "charmer/profiles/strategy.hpp"
#include "charmer/supervision/caf.hpp"

#include <functional>
#include <string>
#include <vector>

namespace charmer {

/// Chooses among `workers`, which is not empty.
using strategy_function = std::function<caf::actor(
    const std::string& pool, const std::vector<caf::actor>& workers)>;

/// Makes a function usable by name, in place of an earlier one of that name. An
/// empty one: see unregister_strategy.
void register_strategy(const std::string& name, strategy_function f);

/// Requests that name it are treated from now on as if it threw: by the
/// default, with an event. False: there is none of that name.
bool unregister_strategy(const std::string& name);

/// The function of custom_worker(name), by the hash in its value; null: nobody
/// registered it.
strategy_function find_strategy(std::uint64_t hash);

} // namespace charmer
