#include "charmer/supervision/event_queue.hpp"

#include <utility>

namespace charmer {

event_queue::pushed event_queue::push(entry x) {
  std::lock_guard guard{mutex_};
  if (closed_)
    return pushed::dropped;
  if (entries_.size() >= capacity_) {
    ++dropped_;
    return std::exchange(full_, true) ? pushed::dropped : pushed::overflowed;
  }
  entries_.push_back(std::move(x));
  return std::exchange(awake_, true) ? pushed::queued : pushed::wake;
}

std::optional<event_queue::entry> event_queue::pop() {
  std::lock_guard guard{mutex_};
  if (entries_.empty()) {
    awake_ = false;
    full_ = false;
    return std::nullopt;
  }
  auto result = std::move(entries_.front());
  entries_.pop_front();
  ++delivered_;
  return result;
}

void event_queue::set_capacity(std::size_t capacity) {
  std::lock_guard guard{mutex_};
  capacity_ = capacity;
}

void event_queue::close() {
  std::deque<entry> dropped;
  std::lock_guard guard{mutex_};
  closed_ = true;
  dropped_ += entries_.size();
  dropped.swap(entries_); // released without the lock
}

std::uint64_t event_queue::delivered() const {
  std::lock_guard guard{mutex_};
  return delivered_;
}

std::uint64_t event_queue::dropped() const {
  std::lock_guard guard{mutex_};
  return dropped_;
}

std::uint64_t event_queue::waiting() const {
  std::lock_guard guard{mutex_};
  return entries_.size();
}

} // namespace charmer
