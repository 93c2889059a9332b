// Many threads against one core: callers, workers that answer, die and hang,
// cancellation, expiry, degradation. Afterwards every request has had exactly
// one outcome and the books say the same.
//
// Repeat a run with CHARMER_SEED=n.
#include "charmer/actors/pool_core.hpp"

#include "../seed_of_run.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <random>
#include <set>
#include <thread>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

struct seen_begun {
  std::atomic<std::uint64_t> bits{0};

  bool begun(std::uint64_t lease) const { return lease % 2 == 0; }
};

struct plain {
  using request = int;
  using worker = std::uint64_t; // the incarnation
  using cause = std::string;
  using evidence = seen_begun;
};

using core_type = pool_core<plain>;
using clock_type = std::chrono::steady_clock;

// Carries out what the core asks for, on the thread that asked.
class arena {
public:
  explicit arena(std::size_t requests, core_limits limits)
      : core(limits, clock_type::now()), outcomes_(requests) {}

  void carry_out(core_type::effects& out) {
    for (auto& x : out.settlements)
      settle(x.who);
    std::vector<send_gate*> gates;
    {
      std::lock_guard guard{mutex_};
      for (auto& x : out.assignments) {
        inbox_.push_back({x.to, x.lease});
        if (x.gate)
          gates.push_back(x.gate);
      }
      for (auto& x : out.expulsions)
        doomed_.push_back(x);
    }
    for (auto gate : gates)
      if (gate->leave())
        with([&](auto& o) { core.sent(*gate, clock_type::now(), o); });
    if (out.wake)
      with([&](auto& o) { core.dispatch(16, clock_type::now(), o); });
  }

  template <class F>
  void with(F f) {
    core_type::effects out;
    f(out);
    carry_out(out);
  }

  void settle(int who) { ++outcomes_[static_cast<std::size_t>(who)]; }

  std::uint64_t hire(bool with_evidence) {
    auto incarnation = hire_seat();
    with([&](auto& o) {
      core.worker_ready(incarnation, incarnation, 1,
                        with_evidence ? std::make_shared<seen_begun>()
                                      : nullptr,
                        clock_type::now(), o);
    });
    std::lock_guard guard{mutex_};
    alive_.push_back(incarnation);
    return incarnation;
  }

  std::uint64_t hire_seat() {
    auto seat = static_cast<std::uint32_t>(++hired_) % 8;
    return core.add_worker({"w" + std::to_string(seat), seat});
  }

  // One step of some worker: answer, bounce, or forget about it.
  void work(std::mt19937_64& random) {
    std::pair<std::uint64_t, std::uint64_t> task;
    bool lives;
    {
      std::lock_guard guard{mutex_};
      if (inbox_.empty())
        return;
      auto i = random() % inbox_.size();
      std::swap(inbox_[i], inbox_.front());
      task = inbox_.front();
      inbox_.pop_front();
      lives =
          std::find(alive_.begin(), alive_.end(), task.first) != alive_.end();
    }
    if (!lives) {
      with([&](auto& o) {
        core.bounced(task.second, true, clock_type::now(), o);
      });
      return;
    }
    if (random() % 50 == 0)
      return; // hangs
    with([&](auto& o) {
      if (auto who = core.finish(task.second,
                                 random() % 4 != 0 ? verdict::success
                                                   : verdict::failure,
                                 1us, clock_type::now(), o))
        settle(*who);
    });
  }

  void kill_one(std::mt19937_64& random) {
    std::uint64_t victim = 0;
    {
      std::lock_guard guard{mutex_};
      if (!doomed_.empty()) {
        victim = doomed_.front();
        doomed_.pop_front();
      } else if (random() % 4 == 0 && !alive_.empty()) {
        victim = alive_[random() % alive_.size()];
      }
      if (victim == 0 || std::erase(alive_, victim) == 0)
        return;
    }
    with([&](auto& o) {
      core.worker_died(victim, "killed", clock_type::now(), o);
    });
    hire(random() % 2 == 0);
  }

  bool each_once(int submitted) const {
    for (int i = 0; i < submitted; ++i)
      if (outcomes_[static_cast<std::size_t>(i)] != 1)
        return false;
    return true;
  }

  core_type core;

private:
  std::vector<std::atomic<int>> outcomes_;
  std::mutex mutex_;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> inbox_;
  std::deque<std::uint64_t> doomed_;
  std::vector<std::uint64_t> alive_;
  std::atomic<int> hired_ = 0;
};

} // namespace

TEST_CASE("whatever happens, every request has exactly one outcome") {
  auto seed = seed_of_run();
  CAPTURE(seed);
  constexpr int callers = 4;
  constexpr int each = 20'000;
  core_limits limits;
  limits.size = 8;
  limits.queue_size = 200;
  limits.prefetch = 1ms;
  limits.cancel_grace = 1ms;
  arena a{callers * each, limits};
  a.core.declare("short", false);
  a.core.declare("twice", true);
  std::mt19937_64 setup{seed};
  for (int i = 0; i < 8; ++i)
    a.hire(i % 2 == 0);
  std::atomic<int> next = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i)
    threads.emplace_back([&, i] {
      std::mt19937_64 random{seed + static_cast<std::uint64_t>(i) + 1};
      for (int n = 0; n < each; ++n) {
        auto now = clock_type::now();
        core_type::submission x;
        x.what = next++;
        x.caller = &threads + random() % 3;
        x.key = {1, static_cast<std::uint64_t>(x.what) + 1};
        x.bytes = random() % 100;
        x.deadline = now + std::chrono::microseconds(random() % 20'000);
        x.queue_deadline = now + std::chrono::microseconds(random() % 9'000);
        x.command = random() % 3 == 0 ? "twice" : "short";
        auto key = x.key;
        a.with([&](auto& o) { a.core.submit(std::move(x), now, o); });
        if (random() % 8 == 0) {
          key.number -= random() % 4;
          a.with([&](auto& o) { a.core.cancel(key, clock_type::now(), o); });
        }
        a.work(random);
        if (n % 200 == 0) // the thread below may hardly get a turn
          a.kill_one(random);
      }
    });
  std::atomic<bool> balanced = true;
  std::thread chaos{[&] {
    std::mt19937_64 random{seed};
    while (!stop) {
      a.kill_one(random);
      a.with([&](auto& o) { a.core.expire(clock_type::now(), o); });
      balanced =
          balanced && a.core.snapshot(clock_type::now()).counts.balanced();
      if (random() % 100 == 0)
        a.with([&](auto& o) { a.core.degrade("test", clock_type::now(), o); });
      std::this_thread::yield();
    }
  }};
  for (auto& t : threads)
    t.join();
  stop = true;
  chaos.join();
  // Who has died without an answer is not settled: these callers count too.
  a.with([&](auto& o) { a.core.close(clock_type::now(), o); });
  CHECK(balanced);
  auto books = a.core.snapshot(clock_type::now()).counts;
  CHECK(books.balanced());
  CHECK(books.waiting == 0);
  CHECK(books.running == 0);
  CHECK(a.each_once(next));
  CHECK(books.accepted + books.refused == callers * each);
  CHECK(books.retried > 0);
  CHECK(books.requeued > 0);
}
