// What the commands of a runtime's pools can call, and how that is done.
// Private to this room.
//
// Threading: thread-safe.
#pragma once

#include "charmer/actors/host_functions.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

namespace charmer {

/// Where an answer goes: to the worker that asked.
struct host_asker {
  caf::actor worker;
  std::uint64_t number = 0;
  std::stop_token ended; ///< it does not want an answer any more

  void answer(caf::expected<payload> x) const;
};

class function_registry {
public:
  using target = std::variant<host_function, caf::actor>;

  /// In place of an earlier one of that name; an empty one, too: then there is
  /// none of that name any more.
  void add(const std::string& name, target x);

  /// False: there is none of that name.
  bool remove(const std::string& name);

  void clear();

  /// Has a call answered: by what is registered here, else by what is
  /// registered for the process, else by an error that names all of it.
  void ask(caf::actor_system& sys, host_call x, host_asker from) const;

  /// What is registered for the process.
  static function_registry& of_process();

private:
  std::optional<target> find(const std::string& name) const;
  std::string names() const;

  mutable std::mutex mutex_;
  std::map<std::string, target> targets_;
};

namespace detail {

/// Marks this thread as running a function on behalf of this call, so that
/// what it calls is known to be within it, and ends with it.
class on_behalf_of {
public:
  on_behalf_of(caf::actor_system& sys, const host_call& x,
               std::stop_token ended);
  ~on_behalf_of();

  on_behalf_of(const on_behalf_of&) = delete;
  on_behalf_of& operator=(const on_behalf_of&) = delete;

  const host_call& call() const noexcept { return call_; }
  const std::stop_token& ended() const noexcept { return ended_; }

  /// For how much longer its answer is waited for.
  timespan time_left() const;

private:
  caf::actor_system& system_;
  const host_call& call_;
  const std::stop_token ended_;
  const time_point began_;
};

} // namespace detail

} // namespace charmer
