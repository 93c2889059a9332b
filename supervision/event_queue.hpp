// The events that wait for one handler: bounded, with counters.
//
// Threading: thread-safe. Many push, the host of the handler pops.
#pragma once

#include "charmer/supervision/event.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

namespace charmer {

class event_queue {
public:
  /// An event on its way. Whoever holds the last copy of `pending` is the
  /// last handler that had to deal with it; its deleter tells who waits.
  struct entry {
    std::shared_ptr<const event> what;
    std::shared_ptr<const void> pending;
  };

  enum class pushed : std::uint8_t {
    queued,     ///< the host knows already that something waits
    wake,       ///< the host has to be woken
    overflowed, ///< dropped, the first one since the queue was full
    dropped,    ///< dropped
  };

  explicit event_queue(std::size_t capacity) : capacity_(capacity) {}

  pushed push(entry x);

  /// The next one. Nothing: the next push says `wake`.
  std::optional<entry> pop();

  /// What waits stays, even if it is more.
  void set_capacity(std::size_t capacity);

  /// Drops what waits and whatever comes.
  void close();

  std::uint64_t delivered() const;
  std::uint64_t dropped() const;
  std::uint64_t waiting() const;

private:
  mutable std::mutex mutex_;
  std::size_t capacity_;
  std::deque<entry> entries_;
  bool awake_ = false;
  bool full_ = false;
  bool closed_ = false;
  std::uint64_t delivered_ = 0;
  std::uint64_t dropped_ = 0;
};

} // namespace charmer
