// private: What must outlive the actor of a worker: its process, and the one
// word to the pool that it has died.
//
// The actor may be killed at any moment, also while its process is being
// started on the spawner's thread. Whoever is last sees to it that the process
// is killed and buried before the pool hears of the death, and that it hears of
// it exactly once.
//
// Threading: every function from any thread; `tell_died` and `tell_buried` call
// the pool, and so only while the actor system lives.
#pragma once

#include "charmer/profiles/worker_profile.hpp"
#include "charmer/wire/child_process.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace charmer {

class worker_session : public std::enable_shared_from_this<worker_session> {
public:
  using child_ptr = std::unique_ptr<wire::child_process>;

  explicit worker_session(worker_start what) : what_(std::move(what)) {}

  const pool_settings& settings() const { return *what_.settings; }
  const std::string& worker() const { return what_.worker; }
  std::uint64_t incarnation() const { return what_.incarnation; }
  worker_host& host() const { return *what_.host; }

  /// A failure with the names of this worker filled in.
  failure blank_failure() const;

  /// The spawner's result, of which `tell` tells the actor; it cannot end
  /// meanwhile, nor can its system. Nobody is told if it has ended: the process
  /// is dealt with.
  void started(caf::expected<child_ptr> child,
               const std::function<void()>& tell);

  /// The process, null if it could not be started (then `start_error` says why)
  /// or has not been yet. Only for the actor.
  wire::child_process* child();
  caf::error start_error();

  /// From now on the end of this worker is a planned one.
  void plan_end();
  bool planned();

  /// The actor collected the process and tells the pool, once. Whether that was
  /// planned is known here.
  void tell_died(worker_death how);

  /// Whether the pool has heard of the death.
  bool told();

  /// The actor has ended without telling of the death: the process is killed,
  /// and buried on the spawner's thread, where `buried` is called. The actor
  /// system may have ended by then, unless it waits for an actor that is told
  /// by `buried` and then calls `tell_buried`.
  void abandoned(const caf::error& why, std::function<void()> buried);

  /// The pool hears of the death, and how it was if that is known.
  void tell_buried();

private:
  void bury(child_ptr child);
  void at_rest(wire::exit_status status);

  const worker_start what_;
  std::mutex mutex_;
  child_ptr child_;
  caf::error start_error_;
  caf::error ended_by_; // why the actor ended
  std::function<void()> buried_;
  wire::exit_status status_;
  bool abandoned_ = false;
  bool launched_ = false; // the spawner has answered
  bool planned_ = false;
  bool told_ = false;
};

} // namespace charmer
