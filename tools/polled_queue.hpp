// What actors have for the main thread, which waits in poll().
//
// Threading: thread-safe.
#pragma once

#include "charmer/wire/unique_fd.hpp"

#include <mutex>
#include <utility>
#include <vector>

#include <sys/eventfd.h>

namespace charmer::tools {

template <class T>
class polled_queue {
public:
  polled_queue() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    // nop
  }

  /// Readable while something waits.
  int fd() const noexcept { return fd_.get(); }

  void put(T x) {
    std::lock_guard guard{mutex_};
    waiting_.push_back(std::move(x));
    if (waiting_.size() == 1)
      eventfd_write(fd_.get(), 1);
  }

  /// All that waits.
  std::vector<T> take() {
    std::lock_guard guard{mutex_};
    if (!waiting_.empty()) {
      eventfd_t count;
      eventfd_read(fd_.get(), &count);
    }
    return std::exchange(waiting_, {});
  }

private:
  wire::unique_fd fd_;
  std::mutex mutex_;
  std::vector<T> waiting_;
};

} // namespace charmer::tools
