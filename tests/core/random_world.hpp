// A core and everybody around it, who do something at random: callers, workers,
// supervisor, task monitor, and a queue manager with strategies and collections
// of the application's, which choose any of those there are.
//
// Nobody looks without being asked to: `wake` is the only thing that makes the
// queue manager look, `tick_at` the only thing that makes time pass for the
// core_. So a wake-up that is lost shows, as something that never ends. What
// happens is told to the model, which judges it.
#pragma once

#include "random_model.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>

namespace charmer_tests {

using namespace std::chrono_literals;

/// Half of what is with a worker has begun.
struct parity {
  bool begun(std::uint64_t lease) const { return (lease >> 24) % 2 == 0; }
};

struct numbers {
  using request = int;
  using worker = std::uint64_t; // the incarnation
  using cause = int;
  using evidence = parity;
};

class random_world {
public:
  using core_type = pool_core<numbers>;
  using effects = core_type::effects;

  /// @param threads the most that a worker can run at once
  random_world(std::uint64_t seed, const core_limits& limits,
               std::uint32_t threads)
      : random_(seed), limits_(limits), threads_(threads), core_(limits, now_),
        model_(limits.prefetch != 0s,
               limits.affinity != session_affinity::prefer, limits.size) {
    core_.declare("short", false);
    core_.declare("long", false);
  }

  void step() {
    auto x = roll(100);
    if (x < 32)
      submit();
    else if (x < 62)
      answer();
    else if (x < 63)
      answer_in_part();
    else if (x < 67)
      kill_one();
    else if (x < 70)
      deliver();
    else if (x < 76)
      fill();
    else if (x < 80)
      stop_leftovers();
    else if (x < 86)
      look();
    else if (x < 91)
      give_back();
    else if (x < 94)
      cancel();
    else if (x < 97)
      pass();
    else if (x < 98)
      recycle();
    else
      seldom();
  }

  /// What must be true between two steps.
  void check() {
    model_.check(core_.snapshot(now_));
    check_sleep();
  }

  /// Lets everything come to its end.
  void finish() {
    resize(limits_.size);
    for (int i = 0; i < 20'000 && !at_rest(); ++i) {
      fill();
      deliver();
      answer();
      give_back();
      stop_leftovers();
      look();
      kill_one();
      pass();
    }
  }

  bool at_rest() const {
    auto counts = core_.snapshot(now_).counts;
    return model_.at_rest() && in_flight_.empty() && doomed_.empty()
           && counts.running + counts.waiting == 0
           && model_.posts().size() == limits_.size
           && core_.vacancies(99).empty();
  }

  pool_snapshot snapshot() const { return core_.snapshot(now_); }

  const random_model& model() const { return model_; }

private:
  std::uint64_t roll(std::uint64_t n) { return random_() % n; }

  template <class Map>
  auto any_of(const Map& xs) {
    auto i = xs.begin();
    std::advance(i, static_cast<long>(roll(xs.size())));
    return *i;
  }

  template <class F>
  auto with(F f) {
    effects out;
    if constexpr (std::is_void_v<decltype(f(out))>) {
      f(out);
      carry_out(out);
    } else {
      auto result = f(out);
      carry_out(out);
      return result;
    }
  }

  // -- what the core asks for -------------------------------------------------

  void carry_out(effects& out) {
    for (auto x : out.discarded)
      model_.discarded(x, now_);
    for (auto& x : out.settlements)
      model_.settled(x.who, x.code, now_);
    for (auto& x : out.grants)
      model_.granted(x.who, x.incarnation, now_);
    std::vector<send_gate*> gates;
    std::vector<std::uint64_t> bounced;
    for (auto& x : out.assignments) {
      if (x.gate)
        gates.push_back(x.gate);
      if (model_.posts().count(x.to) != 0) {
        model_.assigned(x.what, x.lease, x.to, now_);
      } else { // a worker that is held died, and the core does not know yet
        REQUIRE(model_[x.what].within >= 0);
        bounced.push_back(x.lease);
      }
    }
    for (auto& x : out.expulsions)
      doom(x);
    for (auto& [x, incarnation] : out.dismissals)
      doom(x);
    woken_ = woken_ || out.wake;
    if (out.tick_at)
      tick_ = out.tick_at;
    for (auto gate : gates)
      if (roll(8) != 0) // the others stay in flight for a while
        sent(*gate);
      else
        in_flight_.push_back(gate);
    for (auto lease : bounced)
      with([&](auto& o) { core_.bounced(lease, roll(2) == 0, now_, o); });
    if (roll(2) == 0)
      look();
  }

  void sent(send_gate& gate) {
    if (gate.leave())
      with([&](auto& o) { core_.sent(gate, now_, o); });
  }

  void deliver() {
    while (!in_flight_.empty()) {
      auto gate = in_flight_.back();
      in_flight_.pop_back();
      sent(*gate);
    }
  }

  void doom(std::uint64_t worker) {
    model_.closed(worker);
    doomed_.push_back(worker);
  }

  // -- callers ----------------------------------------------------------------

  void submit();
  worker_strategy some_strategy(asked& r);
  static request_key name_of(int request);
  // One that is held, or was not long ago.
  std::optional<int> some_lease() { return model_.lease(roll(8)); }
  void give_back();
  void cancel();
  void caller_dies();

  // -- workers ----------------------------------------------------------------

  void answer();
  void answer_in_part();
  void kill(std::uint64_t worker);
  void kill_one();
  void hire(const core_type::vacancy& place);
  void fill();
  void recycle();
  void stop_leftovers();
  void exhaust();

  // -- the queue manager ------------------------------------------------------

  void look();
  void check_sleep();
  void decide();
  void serve();
  void catch_up();
  void take_stock();
  void note(const std::vector<movement>& changes);
  void kill_queue_manager();

  // -- the task monitor -------------------------------------------------------

  void pass() {
    now_ += std::chrono::milliseconds(roll(20));
    if (!tick_ || now_ < *tick_)
      return;
    tick_.reset();
    with([&](auto& o) { core_.expire(now_, o); });
  }

  void kill_task_monitor() {
    tick_.reset();
    with([&](auto& o) { core_.rearm(o); });
  }

  // -- the pool ---------------------------------------------------------------

  void resize(std::uint32_t size) {
    model_.resized(size);
    with([&](auto& o) { core_.resize(size, now_, o); });
  }

  void seldom() {
    auto x = roll(80);
    if (x < 8)
      caller_dies();
    else if (x < 18)
      resize(static_cast<std::uint32_t>(roll(9)));
    else if (x < 22)
      kill_queue_manager();
    else if (x < 26)
      kill_task_monitor();
    else if (x < 28)
      with([&](auto& o) { core_.degrade(1, now_, o); });
    else if (x < 30)
      exhaust();
  }

  std::mt19937_64 random_;
  core_type::time_point now_{1000s};
  core_limits limits_;
  std::uint32_t threads_;
  core_type core_;
  random_model model_;
  char callers_[4] = {};
  std::vector<send_gate*> in_flight_;
  std::vector<std::uint64_t> doomed_;
  bool woken_ = false;
  bool looking_ = false;
  std::optional<core_type::time_point> tick_;
  std::set<std::uint64_t> waiting_; // as a managed pool tells it
  std::set<std::uint64_t> idle_;
};

} // namespace charmer_tests

#include "random_callers.hpp"
#include "random_queue_manager.hpp"
#include "random_workers.hpp"
