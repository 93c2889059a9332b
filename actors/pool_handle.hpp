// What an application holds of a pool.
//
// The handle stays valid whatever happens to the actors of the pool; once the
// pool was stopped every request gets `shutting_down`.
//
// Threading: a value; copies may be used from any thread.
#pragma once

#include "charmer/supervision/caf.hpp"

#include <string>
#include <utility>

namespace charmer {

class pool_handle {
public:
  pool_handle() = default;

  pool_handle(std::string name, caf::actor door)
      : name_(std::move(name)), door_(std::move(door)) {
    // nop
  }

  const std::string& name() const noexcept { return name_; }

  /// The pool's address: takes requests from actors of this and other nodes.
  const caf::actor& door() const noexcept { return door_; }

  explicit operator bool() const noexcept { return static_cast<bool>(door_); }

private:
  std::string name_;
  caf::actor door_;
};

} // namespace charmer
