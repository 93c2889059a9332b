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
               limits.affinity != session_affinity::prefer) {
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
           && counts.running + counts.waiting == 0 && core_.leftovers().empty()
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
      if (model_.posts().count(x.to) != 0)
        model_.assigned(x.what, x.lease, x.to, now_);
      else
        bounced.push_back(x.lease);
    }
    for (auto& x : out.expulsions)
      doom(x);
    for (auto& x : out.dismissals)
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
      with([&](auto& o) { core_.bounced(lease, now_, o); });
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

  void submit() {
    core_type::submission x;
    asked r;
    x.what = model_.next_number();
    x.caller = r.caller = &callers_[roll(4)];
    x.key = name_of(x.what);
    x.bytes = roll(100);
    x.deadline = r.deadline = now_ + std::chrono::milliseconds(1 + roll(400));
    x.queue_deadline = now_ + std::chrono::milliseconds(1 + roll(200));
    r.wait_until = std::min(x.deadline, x.queue_deadline);
    x.priority = static_cast<std::uint8_t>(roll(3));
    x.idempotent = r.idempotent = roll(2) == 0;
    x.stream = roll(10) == 0;
    r.is_short = roll(4) != 0;
    x.command = r.is_short ? "short" : "long";
    x.how = some_strategy(r);
    if (roll(12) == 0)
      x.lease = r.is_lease = true;
    else if (auto lease = some_lease(); lease && roll(6) == 0)
      x.within = name_of(r.within = *lease);
    if (r.within >= 0)
      r.key = 0;
    std::string session;
    if (r.within < 0 && !r.is_lease && x.how.kind == choice::unsaid
        && roll(2) == 0) {
      r.session = 1 + roll(6);
      session = "guest " + std::to_string(r.session);
      x.session = session;
    }
    model_.submitted(r);
    with([&](auto& o) { core_.submit(std::move(x), now_, o); });
  }

  worker_strategy some_strategy(asked& r) {
    switch (roll(10)) {
      case 0:
        return best_worker;
      case 1:
        return next_worker;
      case 2:
        return random_worker;
      case 3:
        return next_available_worker;
      case 4:
      case 5:
        r.key = 1 + roll(5);
        return hash_worker(r.key);
      case 6:
        return custom_worker("mine");
      default:
        return {};
    }
  }

  static request_key name_of(int request) {
    return {1, static_cast<std::uint64_t>(request) + 1};
  }

  // One that is held, or was not long ago.
  std::optional<int> some_lease() { return model_.lease(roll(8)); }

  void give_back() {
    auto lease = some_lease();
    if (!lease)
      return;
    auto owner = model_[*lease].caller;
    auto from = roll(4) == 0 ? &callers_[roll(4)] : owner;
    auto expected = model_.holds(*lease) && from == owner;
    if (expected)
      model_.may_end(*lease);
    auto done = with([&](auto& o) {
      return core_.give_back(name_of(*lease), from, now_, o);
    });
    REQUIRE(done == expected);
    REQUIRE((!done || !model_.holds(*lease)));
  }

  void cancel() {
    auto count = static_cast<std::uint64_t>(model_.next_number());
    if (count == 0)
      return;
    auto request =
        static_cast<int>(count - 1 - roll(std::min<std::uint64_t>(count, 50)));
    auto held = model_.holds(request);
    auto expected = held || model_[request].open();
    if (held)
      model_.may_end(request);
    auto done =
        with([&](auto& o) { return core_.cancel(name_of(request), now_, o); });
    REQUIRE(done == expected);
    REQUIRE(!model_[request].open());
    REQUIRE(!model_.holds(request));
  }

  void caller_dies() {
    auto who = &callers_[roll(4)];
    model_.caller_dies(who);
    with([&](auto& o) { core_.caller_died(who, now_, o); });
    for (auto& [lease, worker] : model_.held())
      REQUIRE(model_[lease].caller != who);
  }

  // -- workers ----------------------------------------------------------------

  void answer() {
    auto& open = model_.with_workers();
    if (open.empty())
      return;
    auto [lease, x] = any_of(open);
    auto how = roll(5) == 0 ? verdict::failure : verdict::success;
    auto took = model_[x.request].is_short ? 1us : 5ms;
    auto wanted = model_[x.request].open();
    model_.released(lease);
    effects out;
    auto who = core_.finish(lease, how, took, now_, out);
    REQUIRE(who.has_value() == wanted);
    if (who) {
      REQUIRE(*who == x.request);
      model_.outcome(*who);
    }
    carry_out(out);
    if (roll(20) == 0) // again
      with([&](auto& o) { CHECK(!core_.finish(lease, how, took, now_, o)); });
  }

  void answer_in_part() {
    auto& open = model_.with_workers();
    if (open.empty())
      return;
    auto [lease, x] = any_of(open);
    if (model_.posts().at(x.worker).tells && !parity{}.begun(lease))
      return;
    auto who = core_.part(lease);
    REQUIRE(who.has_value() == model_[x.request].open());
    if (who)
      model_.parted(*who);
  }

  // Nothing of what it had runs any more. What reached a native worker's
  // mailbox too late comes back before the news of its death.
  void kill(std::uint64_t worker) {
    auto i = model_.posts().find(worker);
    if (i == model_.posts().end())
      return;
    auto tells = i->second.tells;
    std::set<std::uint64_t> begun;
    std::vector<std::uint64_t> bounced;
    for (auto& [lease, x] : model_.with_workers())
      if (x.worker == worker) {
        if (tells ? parity{}.begun(lease)
                  : model_[x.request].parted || roll(2) == 0)
          begun.insert(lease);
        else if (!tells)
          bounced.push_back(lease);
      }
    model_.died(worker, begun);
    for (auto lease : bounced)
      with([&](auto& o) { core_.bounced(lease, now_, o); });
    with([&](auto& o) { core_.worker_died(worker, 9, now_, o); });
  }

  void kill_one() {
    if (!doomed_.empty()) {
      auto worker = doomed_.back();
      doomed_.pop_back();
      kill(worker);
    } else if (!model_.posts().empty() && roll(4) == 0) {
      kill(any_of(model_.posts()).first);
    }
  }

  void hire(const core_type::vacancy& place) {
    auto worker = core_.add_worker(place);
    if (roll(10) == 0) {
      with([&](auto& o) { core_.worker_died(worker, 1, now_, o); });
      return;
    }
    auto capacity = 1 + static_cast<std::uint32_t>(roll(threads_));
    auto proof = roll(2) == 0 ? std::make_shared<parity>() : nullptr;
    auto wanted = place.seat == no_index || place.seat < core_.size();
    model_.hired(worker, {place.worker, place.seat, capacity, proof != nullptr,
                          !wanted});
    with([&](auto& o) {
      core_.worker_ready(worker, worker, capacity, std::move(proof), now_, o);
    });
  }

  void fill() {
    for (auto& place : core_.vacancies(4))
      hire(place);
  }

  // A second incarnation takes over.
  void recycle() {
    if (model_.posts().empty())
      return;
    auto worker = any_of(model_.posts()).second;
    core_type::vacancy place{worker.name, worker.seat};
    if (place.seat == no_index)
      return;
    std::vector<std::uint64_t> before;
    for (auto& [other, p] : model_.posts())
      if (p.seat == place.seat)
        before.push_back(other);
    hire(place);
    for (auto x : before) {
      model_.closed(x);
      with([&](auto& o) { core_.worker_retiring(x, now_, o); });
    }
  }

  void stop_leftovers() {
    auto names = core_.leftovers();
    std::vector<std::uint64_t> victims;
    for (auto& [worker, p] : model_.posts())
      if (p.tasks + p.held == 0
          && std::find(names.begin(), names.end(), p.name) != names.end())
        victims.push_back(worker);
    for (auto x : victims)
      kill(x);
  }

  // -- the queue manager ------------------------------------------------------

  // One message at a time, as actors do.
  void look() {
    if (looking_ || !std::exchange(woken_, false))
      return;
    looking_ = true;
    decide();
    if (limits_.managed)
      serve();
    else if (with([&](auto& o) { return core_.dispatch(8, now_, o); }))
      woken_ = true;
    looking_ = false;
  }

  // Whom nobody woke has nothing to do.
  void check_sleep() {
    if (woken_ || !limits_.managed)
      return;
    catch_up();
    REQUIRE((waiting_.empty() || idle_.empty()));
  }

  void decide() {
    auto members = core_.members();
    auto open = core_.undecided(3);
    woken_ = woken_ || open.size() == 3;
    for (auto& x : open)
      with([&](auto& o) {
        auto what = roll(4);
        if (what == 0)
          core_.decline(x.reference, now_, o);
        else if (what == 1 || members.empty())
          core_.decide(x.reference, 0, now_, o);
        else
          core_.decide(x.reference, members[roll(members.size())].incarnation,
                       now_, o);
      });
  }

  // Any that waits gets any that is idle.
  void serve() {
    catch_up();
    while (!waiting_.empty() && !idle_.empty()) {
      auto request = any_of(waiting_);
      auto worker = any_of(idle_);
      waiting_.erase(request);
      idle_.erase(worker);
      auto result =
          with([&](auto& o) { return core_.assign(request, worker, now_, o); });
      if (result == assignment_result::worker_busy)
        waiting_.insert(request);
      else if (result == assignment_result::request_gone)
        idle_.insert(worker);
    }
  }

  void catch_up() {
    if (auto changes = core_.movements())
      note(*changes);
    else
      take_stock();
  }

  void take_stock() {
    waiting_.clear();
    idle_.clear();
    note(core_.occupation());
  }

  void note(const std::vector<movement>& changes) {
    for (auto& x : changes)
      switch (x.what) {
        case movement::kind::request_waits:
          waiting_.insert(x.reference);
          break;
        case movement::kind::request_gone:
          waiting_.erase(x.reference);
          break;
        case movement::kind::worker_idle:
          idle_.insert(x.reference);
          break;
        default:
          idle_.erase(x.reference);
      }
  }

  // What it knew is gone; its successor looks at once.
  void kill_queue_manager() {
    take_stock();
    woken_ = true;
  }

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
