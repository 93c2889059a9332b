#include "charmer/tools/signal_watch.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

namespace charmer::tools {

signal_watch::signal_watch() {
  sigemptyset(&set_);
  sigaddset(&set_, SIGINT);
  sigaddset(&set_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  fd_ = wire::unique_fd{signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK)};
  // A reader that went away is told by write().
  std::signal(SIGPIPE, SIG_IGN);
}

bool signal_watch::take() {
  signalfd_siginfo info;
  if (taken_ == 0 && ::read(fd_.get(), &info, sizeof(info)) == sizeof(info)) {
    taken_ = static_cast<int>(info.ssi_signo);
    release();
  }
  return taken_ != 0;
}

void signal_watch::release() {
  pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
}

} // namespace charmer::tools
