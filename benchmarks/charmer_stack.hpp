// charmer as an application uses it: an actor system, a runtime and a pool, by
// default of Python processes whose commands are those of commands.py.
//
// Threading: one thread. Errors: std::runtime_error.
#pragma once

#include "cores.hpp"

#include "charmer/charmer.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace bench {

class charmer_stack {
public:
  /// Returns when every worker is ready.
  charmer_stack(const std::string& python, std::uint32_t workers);

  /// Any pool.
  explicit charmer_stack(charmer::pool_settings pool);

  /// With one worker, which moves to its core.
  charmer_stack(const std::string& python, const on_host_core* place);

  ~charmer_stack();

  caf::actor_system& system();

  const charmer::pool_handle& pool() const;

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

/// Settings of a pool of Python processes with the commands of commands.py.
charmer::pool_settings python_workers(const std::string& python,
                                      std::uint32_t size);

/// Settings of a pool of native workers: each is `behavior` in an actor.
charmer::pool_settings
native_workers(caf::behavior (*behavior)(caf::event_based_actor*),
               std::uint32_t size);

/// Ends the program's measuring: a call that fails has no time.
[[noreturn]] void call_failed(const caf::error& x);

} // namespace bench
