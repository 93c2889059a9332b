// The native profile: each worker is a CAF actor in this process.
//
// Any behaviour will do: it is registered in code under a name, and the
// settings of a pool name it as their `adapter`. It need not know that it is in
// a pool. In front of it stands an actor without a mailbox, which costs no hop:
// it keeps what only pools say (cancel, expel) away from the behaviour.
//
// A native worker cannot be interrupted: what blocks should be spawned
// detached, and one that hangs is left behind: also, after 100 ms, if it was
// killed, which it will hear of when it takes messages again. So is a blocking
// actor that does not handle exit messages itself, for CAF gives it none. A
// request that it had and has not looked at goes to another one.
//
// A worker that delegates a request is done with it as far as anybody can see,
// while its pool waits for the answer. If that does not come in time, the
// worker is replaced and its key (hash_worker) is free, though the one to which
// it delegated may still be working. A request that a worker delegates to
// itself and then ends looks as if it had not begun: other workers get it, and
// after poison_after of them (at least 3) that waited for nothing else it is
// answered worker_died or poisoned.
//
// Threading: as worker_profile; the functions here are thread-safe.
// Errors: start_failed if nothing is registered under that name, or if the
// function that spawns it throws.
//
//   charmer::register_native("adder", [](caf::actor_system& sys) {
//     return caf::actor{sys.spawn([](caf::event_based_actor*) -> caf::behavior
//     {
//       return {[](int a, int b) { return a + b; }};
//     })};
//   });
//   pool_settings{.name = "sums", .profile = "native", .adapter = "adder"}
#pragma once

#include "charmer/profiles/worker_profile.hpp"

#include <functional>
#include <set>
#include <string>

namespace charmer {

/// What a typed actor accepts and answers, as CAF writes it down.
using message_interface = std::set<std::string>;

template <class Worker>
message_interface interface_of(const caf::actor_system& sys) {
  return sys.message_types<Worker>();
}

/// Gives one, which needs an actor system to be written down.
using interface_source =
    std::function<message_interface(const caf::actor_system&)>;

/// Spawns one worker.
using native_spawner = std::function<caf::actor(caf::actor_system&)>;

/// Makes a behaviour usable by name, in place of an earlier one of that name.
/// Without a function there is none of that name any more; so too below.
void register_native(const std::string& name, native_spawner spawn);

/// The same for a behaviour of which the interface is known.
void register_native(const std::string& name, native_spawner spawn,
                     interface_source accepts);

/// Makes a typed actor usable by name: pools of it have typed handles.
template <class Worker>
void register_native(const std::string& name,
                     std::function<Worker(caf::actor_system&)> spawn) {
  if (!spawn) {
    register_native(name, native_spawner{});
    return;
  }
  register_native(
      name,
      [spawn = std::move(spawn)](caf::actor_system& sys) {
        return caf::actor_cast<caf::actor>(spawn(sys));
      },
      interface_of<Worker>);
}

/// Of what is registered by that name; empty: it is not known, or not typed.
message_interface native_interface(const caf::actor_system& sys,
                                   const std::string& name);

class native_profile : public worker_profile {
public:
  /// Whether the adapter is registered.
  std::vector<settings_error> check(const pool_settings& x) const override;

  caf::expected<caf::actor> start_worker(caf::actor_system& sys,
                                         worker_start what) override;

  void execute_request(const caf::strong_actor_ptr& worker,
                       caf::strong_actor_ptr from, caf::message_id id,
                       caf::message request, actor_runner* context) override;

  bool is_gone(const caf::strong_actor_ptr& worker) const override;
  bool may_have_begun(const caf::strong_actor_ptr& worker) const override;

  /// False: a behaviour knows nothing of the pool it works for.
  bool can_cancel(const pool_settings& x) const override;

  std::uint32_t get_capacity(const pool_settings& x) const override;
};

} // namespace charmer
