// Promises of the strategies, kept while many threads ask at once.
#include "bench.hpp"

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

struct silent {
  bool begun(std::uint64_t) const { return true; }
};

struct plain_numbers {
  using request = int;
  using worker = std::size_t; // its place among the others
  using cause = int;
  using evidence = silent;
};

using core_of_numbers = pool_core<plain_numbers>;

// Workers that answer on the thread that has something for them.
class crowd {
public:
  explicit crowd(std::uint32_t size)
      : core(limits(size), clock_type::now()), served(size), busy_(size) {
    for (std::uint32_t i = 0; i < size; ++i) {
      core_of_numbers::effects out;
      auto worker = core.add_worker({"worker-" + std::to_string(i + 1), i});
      core.worker_ready(worker, i, 1, nullptr, clock_type::now(), out);
    }
  }

  // From so many threads, each so often.
  void ask(int threads, int each, worker_strategy how) {
    std::vector<std::thread> all;
    for (int i = 0; i < threads; ++i)
      all.emplace_back([=, this] {
        for (int n = 0; n < each; ++n)
          ask_once(how);
      });
    for (auto& x : all)
      x.join();
  }

  core_of_numbers core;
  std::vector<std::atomic<int>> served; ///< by worker
  std::atomic<int> refused = 0;
  std::atomic<int> doubled = 0; ///< a worker was given out while it was busy

private:
  // Who holds a worker may have to wait for the processor, others queue then.
  static core_limits limits(std::uint32_t size) {
    core_limits result;
    result.size = size;
    result.queue_size = 1'000'000;
    return result;
  }

  void ask_once(worker_strategy how) {
    core_of_numbers::submission x;
    x.what = 0;
    x.how = how;
    x.deadline = x.queue_deadline = clock_type::now() + 60s;
    core_of_numbers::effects out;
    core.submit(std::move(x), clock_type::now(), out);
    refused += static_cast<int>(out.settlements.size());
    work(std::move(out));
  }

  // An answer may give its worker, or another one, more to do.
  void work(core_of_numbers::effects out) {
    while (!out.assignments.empty() || out.wake) {
      core_of_numbers::effects next;
      for (auto& x : out.assignments) {
        if (busy_[x.to].exchange(true))
          ++doubled;
        ++served[x.to];
        if (x.gate && x.gate->leave())
          core.sent(*x.gate, clock_type::now(), next);
      }
      for (auto& x : out.assignments) {
        busy_[x.to] = false;
        core.finish(x.lease, verdict::success, 1us, clock_type::now(), next);
      }
      if (out.wake)
        core.dispatch(100, clock_type::now(), next);
      out = std::move(next);
    }
  }

  std::vector<std::atomic<bool>> busy_;
};

constexpr int threads = 8;
constexpr int each = 6000;

} // namespace

TEST_CASE("next_worker is exact when 8 threads ask at once") {
  crowd c{6};
  c.ask(threads, each, next_worker);
  for (auto& x : c.served)
    CHECK(x == threads * each / 6);
  CHECK(c.doubled == 0);
  auto last = c.core.snapshot(clock_type::now());
  CHECK(last.next_worker == 0);
  CHECK(last.counts.replied == threads * each);
}

TEST_CASE("8 threads never get one worker, whatever its strategy") {
  for (auto how : {next_available_worker, available_worker, best_worker,
                   random_worker, hash_worker(7)}) {
    CAPTURE(static_cast<int>(how.kind));
    crowd c{3};
    c.ask(threads, each, how);
    CHECK(c.doubled == 0);
    auto sum = 0;
    for (auto& x : c.served)
      sum += x;
    CHECK(sum + c.refused == threads * each);
    CHECK(sum > 0);
    if (how.kind != choice::next_available_worker)
      CHECK(c.refused == 0);
    auto last = c.core.snapshot(clock_type::now());
    CHECK(last.counts.replied == static_cast<std::uint64_t>(sum));
    CHECK(last.counts.waiting + last.counts.running == 0);
  }
}
