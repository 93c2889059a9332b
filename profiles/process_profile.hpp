// The profiles "process" and "thread": each worker is one Python process.
//
// "process" is the default, and the one for code that must be able to crash, to
// leak and to be killed: single-threaded, capacity 1; others of its requests
// may lie in its pipe (prefetch).
//
// "thread": threads_per_worker requests run at once in the threads of one
// process; each reply comes as soon as it is there. The adapter has to declare
// itself thread-safe (charmer.ThreadSafeAdapter in Python), or the worker does
// not start. What ends the process ends all of its requests.
//
// Threading: as worker_profile. Errors: what `host->died` is told.
#pragma once

#include "charmer/profiles/worker_profile.hpp"

#include <functional>

namespace charmer {

namespace wire {

class spawner;
struct command_line;

} // namespace wire

class process_profile : public worker_profile {
public:
  /// Makes the command line of one worker, on the spawner's thread.
  using command_maker = std::function<caf::expected<wire::command_line>(
      const pool_settings& pool, const std::string& worker)>;

  /// Starts Python workers from the spawner's thread of this process.
  process_profile();

  /// Starts what `command` says, from that spawner, which must outlive it.
  process_profile(wire::spawner& from, command_maker command);

  caf::expected<caf::actor> start_worker(caf::actor_system& sys,
                                         worker_start what) override;

  std::uint32_t get_capacity(const pool_settings& x) const override;

  std::uint64_t get_memory(const worker_info& x) const override;

  /// The built-in command `health_check`, which asks the adapter, too.
  std::optional<health_question>
  health_check(const worker_view& x) const override;

private:
  wire::spawner& spawner_;
  command_maker command_;
};

} // namespace charmer
