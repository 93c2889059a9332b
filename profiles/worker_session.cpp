#include "charmer/profiles/worker_session.hpp"

#include "charmer/supervision/errors.hpp"

namespace charmer {

failure worker_session::blank_failure() const {
  return {.pool = what_.settings->name,
          .worker = what_.worker,
          .incarnation = what_.incarnation};
}

void worker_session::started(caf::expected<child_ptr> child,
                             const std::function<void()>& tell) {
  child_ptr orphan;
  {
    std::lock_guard guard{mutex_};
    launched_ = true;
    if (!abandoned_) {
      if (child)
        child_ = std::move(*child);
      else
        start_error_ = std::move(child.error());
      tell();
      return;
    }
    if (child)
      orphan = std::move(*child);
  }
  bury(std::move(orphan));
}

wire::child_process* worker_session::child() {
  std::lock_guard guard{mutex_};
  return child_.get();
}

caf::error worker_session::start_error() {
  std::lock_guard guard{mutex_};
  return start_error_;
}

void worker_session::plan_end() {
  std::lock_guard guard{mutex_};
  planned_ = true;
}

bool worker_session::planned() {
  std::lock_guard guard{mutex_};
  return planned_;
}

void worker_session::tell_died(worker_death how) {
  {
    std::lock_guard guard{mutex_};
    if (std::exchange(told_, true))
      return;
    how.planned = planned_;
  }
  what_.host->died(std::move(how));
}

bool worker_session::told() {
  std::lock_guard guard{mutex_};
  return told_;
}

void worker_session::abandoned(const caf::error& why,
                               std::function<void()> buried) {
  child_ptr child;
  {
    std::lock_guard guard{mutex_};
    abandoned_ = true;
    ended_by_ = why;
    buried_ = std::move(buried);
    if (!launched_)
      return;
    child = std::move(child_);
  }
  bury(std::move(child));
}

void worker_session::bury(child_ptr child) {
  if (child)
    child->bury([self = shared_from_this()](wire::exit_status status) {
      self->at_rest(status);
    });
  else
    at_rest({});
}

void worker_session::at_rest(wire::exit_status status) {
  std::function<void()> tell;
  {
    std::lock_guard guard{mutex_};
    status_ = status;
    tell = std::exchange(buried_, nullptr);
  }
  if (tell)
    tell();
}

void worker_session::tell_buried() {
  auto what = blank_failure();
  {
    std::lock_guard guard{mutex_};
    what.exit_code = status_.code;
    what.signal = status_.signal;
    what.text =
        "its actor was ended from outside: " + describe_reason(ended_by_);
  }
  tell_died({.reason = make_error(pool_errc::worker_died, std::move(what)),
             .killed = true});
}

} // namespace charmer
