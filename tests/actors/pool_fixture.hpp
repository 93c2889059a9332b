// A runtime with one pool of Python workers, and callers of it.
#pragma once

#include "charmer/charmer.hpp"
#include "charmer/supervision/event_hub.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <csignal>

namespace charmer_tests {

using namespace charmer;
using namespace std::chrono_literals;

/// Every wait of these tests ends, with a failure, after this.
inline constexpr timespan limit = 60s;

/// Remembers events and waits for them.
class recorder {
public:
  void add(const event& x) {
    std::lock_guard guard{mutex_};
    events_.push_back(x);
    changed_.notify_all();
  }

  bool wait_for(const std::function<bool(const event&)>& wanted,
                std::size_t count = 1) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, limit, [&] {
      return static_cast<std::size_t>(
                 std::count_if(events_.begin(), events_.end(), wanted))
             >= count;
    });
  }

  bool wait_for(const std::string& name, std::size_t count = 1) {
    return wait_for([&](const event& x) { return x.name == name; }, count);
  }

  std::vector<event> all() {
    std::lock_guard guard{mutex_};
    return events_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<event> events_;
};

inline pool_settings shop(std::uint32_t size = 2) {
  pool_settings x;
  x.size = size;
  x.adapter = "shop:Shop";
  x.python_path = {CHARMER_TEST_DATA "/adapters"};
  x.restart_backoff.minimum = 10ms;
  return x;
}

struct outcome {
  reply value;
  caf::error why;

  nlohmann::json json() const { return value.json(); }
  failure what() const { return failure_of(why); }
};

class pool_fixture {
public:
  explicit pool_fixture(pool_settings x = shop(), bool wait = true)
      : sys(cfg), self(sys) {
    settings all;
    all.pools = {std::move(x)};
    auto started = start(sys, std::move(all));
    REQUIRE_MESSAGE(started,
                    describe(started ? caf::error{} : started.error()));
    app.emplace(std::move(*started));
    app->observe([this](const event& e) { events.add(e); });
    pool = *app->pool();
    if (wait) {
      auto err = app->await_all(limit);
      REQUIRE_MESSAGE(!err, describe(err));
    }
  }

  outcome call(std::string command, arguments args = {},
               call_options options = {}) {
    outcome result;
    charmer::call(self, pool, std::move(command), std::move(args),
                  std::move(options))
        .receive([&](const reply& x) { result.value = x; },
                 [&](caf::error& e) { result.why = std::move(e); });
    return result;
  }

  pool_stats stats() { return *app->stats(); }

  /// Polls until `wanted` holds of the statistics.
  bool eventually(const std::function<bool(const pool_stats&)>& wanted) {
    auto end = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < end) {
      if (wanted(stats()))
        return true;
      self->receive(caf::after(5ms) >> [] {});
    }
    return false;
  }

  recorder events;
  config cfg;
  caf::actor_system sys;
  caf::scoped_actor self;
  std::optional<runtime> app;
  pool_handle pool;
};

} // namespace charmer_tests
