#include "charmer/wire/child_process.hpp"

#include "charmer/wire/spawner.hpp"

#include <signal.h>

namespace charmer::wire {

child_process::child_process(spawner& keeper, launched process)
    : keeper_(keeper), pid_(process.pid),
      pidfd_(std::make_shared<const unique_fd>(std::move(process.pidfd))) {}

child_process::~child_process() {
  if (!gone_)
    bury();
}

void child_process::signal(int number) {
  if (!gone_)
    keeper_.system().signal(pidfd_->get(), number);
}

void child_process::kill() {
  if (gone_)
    return;
  killed_ = true;
  keeper_.system().signal_group(pid_, SIGKILL);
}

std::optional<exit_status> child_process::collect() {
  auto& os = keeper_.system();
  if (gone_ || !os.ended(pidfd_->get()))
    return std::nullopt;
  os.signal_group(pid_, SIGKILL); // what it has started, and left behind
  gone_ = true;
  keeper_.forget(pid_);
  return os.reap(pidfd_->get());
}

void child_process::bury(buried done) {
  kill();
  gone_ = true;
  keeper_.bury(pid_, pidfd_, std::move(done));
}

} // namespace charmer::wire
