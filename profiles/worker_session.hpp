// private: What must outlive the actor of a worker: its process, and the one
// word to the pool that it has died.
//
// The actor may be killed at any moment, also while its process is being
// started on the spawner's thread. Whoever is last sees to it that the process
// is killed and buried before the pool hears of the death, and that it hears of
// it exactly once.
//
// Threading: every function from any thread.
#pragma once

#include "charmer/profiles/worker_profile.hpp"
#include "charmer/wire/child_process.hpp"

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

  /// The spawner's result. False: nobody wants it any more, and it has been
  /// dealt with.
  bool started(caf::expected<child_ptr> child);

  /// The process, null if it could not be started (then `start_error` says why)
  /// or has not been yet. Only for the actor.
  wire::child_process* child();
  caf::error start_error();

  /// From now on the end of this worker is a planned one.
  void plan_end();
  bool planned();

  /// The actor collected the process and tells the pool.
  void tell_died(caf::error reason);

  /// The actor has ended. If it told of the death before, nothing happens;
  /// otherwise the process is killed, and the pool hears when it is dead.
  void abandoned(const caf::error& why);

private:
  void bury(child_ptr child);

  const worker_start what_;
  std::mutex mutex_;
  child_ptr child_;
  caf::error start_error_;
  caf::error ended_by_; // why the actor ended
  bool abandoned_ = false;
  bool launched_ = false; // the spawner has answered
  bool planned_ = false;
  bool told_ = false;
};

} // namespace charmer
