// A runtime with one pool of native workers that do what a test tells them.
//
// A worker gets a job, runs it in a thread of its own, and answers with its
// actor's id, so that a test sees who worked. Jobs that are to take long wait
// at a gate that the test opens: nothing sleeps.
#pragma once

#include "pool_fixture.hpp"

#include "charmer/profiles/native_profile.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>

namespace charmer_tests {

/// Holds up whoever comes to it until it is opened.
class gate {
public:
  void pass() {
    std::unique_lock guard{mutex_};
    ++arrived_;
    ++inside_;
    most_ = std::max(most_, inside_);
    changed_.notify_all();
    changed_.wait_for(guard, limit, [&] { return open_ || permits_ != 0; });
    if (!open_ && permits_ != 0)
      --permits_;
    --inside_;
  }

  /// Waits until so many have come, gone ones included.
  bool wait_for(std::size_t count) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, limit, [&] { return arrived_ >= count; });
  }

  /// Lets so many pass.
  void let(std::size_t count) {
    std::lock_guard guard{mutex_};
    permits_ += count;
    changed_.notify_all();
  }

  /// Lets everybody pass from now on.
  void open() {
    std::lock_guard guard{mutex_};
    open_ = true;
    changed_.notify_all();
  }

  std::size_t arrived() {
    std::lock_guard guard{mutex_};
    return arrived_;
  }

  /// The most that were there at once.
  std::size_t most() {
    std::lock_guard guard{mutex_};
    return most_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  std::size_t permits_ = 0;
  std::size_t arrived_ = 0;
  std::size_t inside_ = 0;
  std::size_t most_ = 0;
};

struct job {
  std::function<void(caf::event_based_actor*)> run;
};

} // namespace charmer_tests

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(charmer_tests::job)

namespace charmer_tests {

/// Settings of a pool of workers that do jobs.
inline pool_settings lab(std::uint32_t size = 6) {
  static const auto registered = [] {
    register_native("lab", [](caf::actor_system& sys) {
      return sys.spawn<caf::detached>(
          [](caf::event_based_actor* self) -> caf::behavior {
            replace_default_handlers(self);
            return {[=](job& x) {
              x.run(self);
              return std::uint64_t{self->id()};
            }};
          });
    });
    return true;
  }();
  static_cast<void>(registered);
  pool_settings x;
  x.profile = "native";
  x.adapter = "lab";
  x.size = size;
  x.restart_backoff.minimum = 10ms;
  return x;
}

/// A job that says nothing of the worker.
inline caf::message work(std::function<void()> f = [] {}) {
  return caf::make_message(
      job{[f = std::move(f)](caf::event_based_actor*) { f(); }});
}

/// A job that waits at a gate.
inline caf::message wait_at(gate& where) {
  return work([&] { where.pass(); });
}

/// A job after which the worker dies.
inline caf::message suicide() {
  return caf::make_message(job{[](caf::event_based_actor* self) {
    self->quit(caf::sec::runtime_error);
  }});
}

struct worked {
  std::uint64_t who = 0; ///< the worker's actor; 0: there was an error
  caf::error why;

  explicit operator bool() const { return who != 0; }
};

/// What jobs use must outlive the system, for some of them are left behind.
struct gates {
  gate door;
  gate other;
};

class native_fixture : public gates, public pool_fixture {
public:
  explicit native_fixture(pool_settings x = lab(), bool wait = true)
      : pool_fixture(std::move(x), wait) {
    // nop
  }

  ~native_fixture() {
    door.open();
    other.open();
  }

  /// Sends a job; `answer` collects what becomes of it.
  auto ask(caf::message what, call_options options = {}) {
    return self->request(pool.actor(), caf::infinite, std::move(options),
                         std::move(what));
  }

  using asked = decltype(std::declval<caf::scoped_actor&>()->request(
      std::declval<const caf::actor&>(), caf::infinite,
      std::declval<call_options>(), std::declval<caf::message>()));

  worked answer(asked& x) {
    worked result;
    x.receive([&](std::uint64_t who) { result.who = who; },
              [&](caf::error& e) { result.why = std::move(e); });
    return result;
  }

  worked call(caf::message what = work(), call_options options = {}) {
    auto x = ask(std::move(what), std::move(options));
    return answer(x);
  }

  /// Sends a job; returns why it was not accepted.
  caf::error cast(caf::message what, call_options options = {}) {
    caf::error result;
    charmer::cast(self, pool, std::move(what), std::move(options))
        .receive([] {}, [&](caf::error& e) { result = std::move(e); });
    return result;
  }

  /// Occupies so many workers, each with a job that waits at `door`.
  void occupy(std::size_t count, call_options options = {}) {
    auto before = door.arrived();
    for (std::size_t i = 0; i < count; ++i)
      REQUIRE(!cast(wait_at(door), options));
    REQUIRE(door.wait_for(before + count));
  }

  pool_status status() {
    pool_status result;
    self->request(pool.actor(), caf::infinite, status_atom_v)
        .receive([&](const pool_status& x) { result = x; },
                 [](caf::error&) { FAIL("no status"); });
    return result;
  }

  /// The statistics, once the status is so.
  bool comes_to(std::uint64_t idle, std::uint64_t busy, std::uint64_t queued) {
    return eventually([&](const pool_stats&) {
      auto x = status();
      return x.idle_workers == idle && x.busy_workers == busy
             && x.queued_tasks == queued;
    });
  }
};

} // namespace charmer_tests
