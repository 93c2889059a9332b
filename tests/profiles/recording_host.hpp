// A worker_host that writes down what it is told, and waits for it.
#pragma once

#include "charmer/profiles/worker_profile.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace charmer {

class recording_host : public worker_host {
public:
  void ready(worker_info info) override {
    std::lock_guard guard{mutex_};
    info_ = std::move(info);
    ++times_ready_;
    changed_.notify_all();
  }

  timespan retiring() override {
    std::lock_guard guard{mutex_};
    ++times_retiring_;
    changed_.notify_all();
    return times_retiring_ == 1 ? time_to_retire.load() : timespan{0};
  }

  /// What the worker is told when it is asked to end, for the first time.
  std::atomic<timespan> time_to_retire = timespan{0};

  void died(worker_death how) override {
    std::lock_guard guard{mutex_};
    death_ = std::move(how);
    ++times_died_;
    changed_.notify_all();
  }

  void left_behind() override {
    std::lock_guard guard{mutex_};
    ++times_left_behind_;
    changed_.notify_all();
  }

  void returned() override {
    std::lock_guard guard{mutex_};
    ++times_returned_;
    changed_.notify_all();
  }

  /// Left to the test to answer.
  void ask(host_question what) override {
    std::lock_guard guard{mutex_};
    questions_.push_back(std::move(what));
    changed_.notify_all();
  }

  void tell(event what) override {
    std::lock_guard guard{mutex_};
    events_.push_back(std::move(what));
    changed_.notify_all();
  }

  /// Waits until the worker is ready; nothing if that takes too long.
  std::optional<worker_info> await_ready() {
    wait([this] { return info_ || death_; });
    return info_;
  }

  /// Waits until the worker has died.
  std::optional<worker_death> await_death() {
    wait([this] { return death_.has_value(); });
    return death_;
  }

  /// Waits until an event of that name and text was told.
  bool await_event(const std::string& name, const std::string& text) {
    return wait([&] {
      for (auto& x : events_)
        if (x.name == name && x.text.find(text) != std::string::npos)
          return true;
      return false;
    });
  }

  /// Waits for the question of that number in order, counted from 1.
  std::optional<host_question> await_question(std::size_t count = 1) {
    wait([&] { return questions_.size() >= count || death_; });
    std::lock_guard guard{mutex_};
    if (questions_.size() < count)
      return std::nullopt;
    return questions_[count - 1];
  }

  bool has_question(std::size_t count) {
    std::lock_guard guard{mutex_};
    return questions_.size() >= count;
  }

  std::vector<event> events() {
    std::lock_guard guard{mutex_};
    return events_;
  }

  int times_ready() {
    std::lock_guard guard{mutex_};
    return times_ready_;
  }

  int times_retiring() {
    std::lock_guard guard{mutex_};
    return times_retiring_;
  }

  int times_died() {
    std::lock_guard guard{mutex_};
    return times_died_;
  }

  int times_left_behind() {
    std::lock_guard guard{mutex_};
    return times_left_behind_;
  }

  /// Waits until the worker that was left behind has ended after all.
  bool await_return() {
    return wait([this] { return times_returned_ != 0; });
  }

private:
  bool wait(const std::function<bool()>& condition) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, std::chrono::seconds(20), condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<worker_info> info_;
  std::optional<worker_death> death_;
  std::vector<event> events_;
  std::vector<host_question> questions_;
  int times_ready_ = 0;
  int times_retiring_ = 0;
  int times_died_ = 0;
  int times_left_behind_ = 0;
  int times_returned_ = 0;
};

} // namespace charmer
