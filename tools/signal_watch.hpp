// SIGINT and SIGTERM as something that can be waited for together with pipes.
//
// The first one is only told; from then on both have their usual effect, so
// that a second Ctrl-C ends the command at once, whatever it is doing. Workers
// do not see them: they have a process group of their own.
//
// Threading: construct it before any other thread is started, because threads
// inherit what is blocked; used by the main thread only.
//
//   signal_watch signals;
//   pollfd x{signals.fd(), POLLIN, 0};
//   if (poll(&x, 1, -1) > 0 && signals.take()) stop();
#pragma once

#include "charmer/wire/unique_fd.hpp"

#include <csignal>

namespace charmer::tools {

class signal_watch {
public:
  signal_watch();

  /// Readable when a signal has come.
  int fd() const noexcept { return fd_.get(); }

  /// Looks whether one has come. Does not block.
  bool take();

  /// The signal that has come, or 0.
  int taken() const noexcept { return taken_; }

  /// Lets signals have their usual effect.
  void release();

private:
  sigset_t set_;
  wire::unique_fd fd_;
  int taken_ = 0;
};

} // namespace charmer::tools
