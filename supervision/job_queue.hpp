// The queue behind the threads of a scheduler: one for all of them, of which no
// more are awake than the machine can run.
//
// An actor that sends a message usually has nothing more to do until it is
// answered. To wake a thread for the receiver costs some 5 µs of a core, only
// to find that the sender's own thread is free a moment later. So
// - a job that a running job makes ready, while nothing else is waiting, is
//   left to the same thread;
// - a thread is woken only while fewer are awake than there are cores.
//
// The threads beyond that are the reserve: for jobs that block, or compute for
// long. While jobs are waiting, one thread of the reserve keeps watch. If for
// `patience` none was taken, it takes the next one itself. While nothing
// happens, all threads sleep. Jobs are taken in the order in which they came.
//
// Threading: all members may be called from any thread. Errors: none.
// Templated, so that it can be tested without actors and under ThreadSanitizer.
//
//   job_queue<task> queue{std::thread::hardware_concurrency()};
//   queue.enter();                        // in each thread
//   while (auto job = queue.take())
//     job->run();                         // calls queue.put_next(…)
//   queue.leave();
#pragma once

#include "charmer/supervision/brief_lock.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace charmer {

template <class Job>
class job_queue {
public:
  /// How long a job may wait while all threads that are awake are busy and
  /// others sleep, at least; at most twice as long.
  static constexpr std::chrono::microseconds patience{500};

  /// `cores`: how many threads may be awake unless jobs are kept waiting.
  explicit job_queue(std::size_t cores)
      : cores_(std::max<std::size_t>(cores, 1)) {
    // nop
  }

  job_queue(const job_queue&) = delete;
  job_queue& operator=(const job_queue&) = delete;

  /// The calling thread is going to take jobs, until it says `leave`.
  void enter() {
    auto guard = brief_lock(mutex_);
    ++awake_;
  }

  void leave() {
    auto guard = brief_lock(mutex_);
    --awake_;
    wake_if(!jobs_.empty() && rouse(), guard);
  }

  /// A job for whichever thread is free first.
  void put(Job* job) {
    auto guard = brief_lock(mutex_);
    jobs_.push_back(job);
    waiting_.store(jobs_.size(), std::memory_order_relaxed);
    wake_if(rouse(), guard);
  }

  /// A job that the calling thread's own job has made ready.
  void put_next(Job* job) {
    auto guard = brief_lock(mutex_);
    jobs_.push_back(job);
    waiting_.store(jobs_.size(), std::memory_order_relaxed);
    wake_if(jobs_.size() == 1 ? call_watch() : rouse(), guard);
  }

  /// The next job. Blocks until there is one.
  Job* take() {
    linger();
    auto guard = brief_lock(mutex_);
    while (jobs_.empty() || awake_ > cores_)
      if (sleep(guard) == woken::by_impatience)
        break;
    auto job = jobs_.front();
    jobs_.pop_front();
    waiting_.store(jobs_.size(), std::memory_order_relaxed);
    ++taken_;
    wake_if(!jobs_.empty() && rouse(), guard);
    return job;
  }

  /// Calls `f` with every job that is left. For the end, when no thread is.
  template <class F>
  void drain(F f) {
    for (auto job : std::exchange(jobs_, {}))
      f(job);
  }

private:
  enum class woken { by_call, by_impatience, by_nothing };

  // To fall asleep and to be woken costs more than to look a few times whether
  // the next job comes at once.
  void linger() const {
    for (int i = 0; i < 8 && waiting_.load(std::memory_order_relaxed) == 0; ++i)
      std::this_thread::yield();
  }

  // Wakes a thread up while fewer are awake than there are cores; else somebody
  // is to see that the jobs are taken.
  // True: a thread has to be woken.
  bool rouse() {
    if (asleep_ == 0 || awake_ >= cores_)
      return call_watch();
    --asleep_;
    ++awake_;
    ++calls_;
    return true;
  }

  bool call_watch() {
    if (asleep_ == 0 || watched_)
      return false;
    watched_ = true;
    watch_called_ = true;
    return true;
  }

  // Without the lock, which the other thread needs first of all.
  void wake_if(bool needed, std::unique_lock<std::mutex>& guard) {
    guard.unlock();
    if (needed)
      wake_.notify_one();
  }

  woken sleep(std::unique_lock<std::mutex>& guard) {
    --awake_;
    ++asleep_;
    if (!jobs_.empty())
      call_watch(); // this thread hears it first
    while (true) {
      wake_.wait(guard, [this] { return calls_ > 0 || watch_called_; });
      if (calls_ > 0) {
        --calls_;
        return woken::by_call;
      }
      watch_called_ = false;
      if (auto how = watch(guard); how != woken::by_nothing)
        return how;
    }
  }

  // Looks again and again whether jobs are taken, until nothing happens any
  // more.
  woken watch(std::unique_lock<std::mutex>& guard) {
    auto how = woken::by_nothing;
    for (auto going_on = true; going_on;) {
      auto seen = taken_;
      if (wake_.wait_for(guard, patience, [this] { return calls_ > 0; })) {
        --calls_;
        how = woken::by_call;
        break;
      }
      going_on = taken_ != seen;
    }
    watched_ = false;
    if (how == woken::by_nothing && !jobs_.empty()) {
      --asleep_;
      ++awake_;
      how = woken::by_impatience;
    }
    return how;
  }

  const std::size_t cores_;
  std::mutex mutex_;
  std::condition_variable wake_;
  // All that follows is shared, under mutex_.
  std::deque<Job*> jobs_;
  std::atomic<std::size_t> waiting_{0}; // how many: read without, too
  std::uint64_t taken_ = 0;
  std::size_t awake_ = 0;  // threads that run a job, or were called to
  std::size_t asleep_ = 0; // the others, and the one that watches
  std::size_t calls_ = 0;  // that no thread has heard yet
  bool watched_ = false;   // somebody watches, or was called to
  bool watch_called_ = false;
};

} // namespace charmer
