// An actor system with pools in it, for as long as one subcommand runs.
//
// Threading: belongs to the main thread, which blocks in start and stop; a
// signal interrupts start.
//
//   application app{out, signals};
//   if (auto status = app.start(settings); status != exit_status::ok)
//     return status; // it has been said why
//   … app.pools() …
#pragma once

#include "charmer/actors/config.hpp"
#include "charmer/actors/runtime.hpp"
#include "charmer/tools/console.hpp"
#include "charmer/tools/exit_status.hpp"
#include "charmer/tools/options.hpp"
#include "charmer/tools/signal_watch.hpp"

#include <memory>
#include <optional>

namespace charmer::tools {

/// The settings that the command line asks for, valid.
caf::expected<settings> load(const pool_choice& x);

/// Those of the one pool that is to be called, and of no other.
caf::expected<settings> load_one(const pool_choice& x);

class application {
public:
  application(console& out, signal_watch& signals, reports told = {});

  /// Stops the pools.
  ~application();

  /// Starts pools and waits until each has a worker that is ready.
  caf::error start(settings x);

  /// As above; says what went wrong, or that a signal came.
  exit_status start_or_complain(settings x);

  caf::actor_system& system() noexcept { return system_; }

  /// REQUIRES: start has succeeded.
  runtime& pools() noexcept { return *runtime_; }

  /// Prints the supervision tree, if that was asked for, then stops the pools
  /// in order. From here on a signal ends the command at once.
  void stop();

private:
  struct config : charmer::config {
    config();
  };

  caf::error await_ready();
  void print_tree();

  console& out_;
  signal_watch& signals_;
  reports told_;
  std::vector<std::string> names_; // of the pools
  config config_;
  caf::actor_system system_;
  std::optional<runtime> runtime_;
};

} // namespace charmer::tools
