#include "charmer/profiles/worker_session.hpp"

#include "charmer/supervision/errors.hpp"

namespace charmer {

failure worker_session::blank_failure() const {
  return {.pool = what_.settings->name,
          .worker = what_.worker,
          .incarnation = what_.incarnation};
}

bool worker_session::started(caf::expected<child_ptr> child) {
  child_ptr orphan;
  {
    std::lock_guard guard{mutex_};
    launched_ = true;
    if (!abandoned_) {
      if (child)
        child_ = std::move(*child);
      else
        start_error_ = std::move(child.error());
      return true;
    }
    if (child)
      orphan = std::move(*child);
  }
  bury(std::move(orphan));
  return false;
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

void worker_session::tell_died(caf::error reason) {
  bool planned;
  {
    std::lock_guard guard{mutex_};
    if (std::exchange(told_, true))
      return;
    planned = planned_;
  }
  what_.host->died({std::move(reason), planned});
}

void worker_session::abandoned(const caf::error& why) {
  child_ptr child;
  {
    std::lock_guard guard{mutex_};
    abandoned_ = true;
    ended_by_ = why;
    if (told_ || !launched_)
      return;
    child = std::move(child_);
  }
  bury(std::move(child));
}

void worker_session::bury(child_ptr child) {
  auto tell = [self = shared_from_this()](wire::exit_status status) {
    auto what = self->blank_failure();
    what.exit_code = status.code;
    what.signal = status.signal;
    what.text =
        "its actor was ended from outside: " + describe_reason(self->ended_by_);
    self->tell_died(make_error(pool_errc::worker_died, std::move(what)));
  };
  if (child)
    child->bury(tell);
  else
    tell({});
}

} // namespace charmer
