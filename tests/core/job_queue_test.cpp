#include "charmer/supervision/job_queue.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <future>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

constexpr auto limit = 30s;

struct job {
  std::function<void()> run; ///< empty: its thread ends
};

// Threads that run jobs; ends them all.
class crew {
public:
  crew(std::size_t size, std::size_t cores) : jobs(cores), ends_(size) {
    for (std::size_t i = 0; i < size; ++i)
      threads_.emplace_back([this] {
        jobs.enter();
        for (auto next = jobs.take(); next->run; next = jobs.take())
          next->run();
        jobs.leave();
      });
  }

  ~crew() { finish(); }

  /// What the jobs of a test use is still there: none runs any more.
  void finish() {
    if (threads_.empty())
      return;
    for (auto& end : ends_)
      jobs.put(&end);
    for (auto& thread : threads_)
      thread.join();
    threads_.clear();
  }

  charmer::job_queue<job> jobs;

private:
  std::vector<job> ends_;
  std::vector<std::thread> threads_;
};

bool in_time(std::promise<void>& x) {
  return x.get_future().wait_for(limit) == std::future_status::ready;
}

} // namespace

TEST_CASE("what a job alone makes ready runs next on the same thread") {
  crew threads{2, 2};
  std::promise<bool> same;
  std::thread::id first_thread;
  job second{
      [&] { same.set_value(std::this_thread::get_id() == first_thread); }};
  job first{[&] {
    first_thread = std::this_thread::get_id();
    threads.jobs.put_next(&second);
  }};
  threads.jobs.put(&first);
  auto result = same.get_future();
  REQUIRE(result.wait_for(limit) == std::future_status::ready);
  CHECK(result.get());
  threads.finish();
}

TEST_CASE("what else it makes ready runs on other threads meanwhile") {
  crew threads{2, 2};
  std::promise<void> ran;
  std::promise<void> ended;
  auto meanwhile = false;
  job second{[&] { ran.set_value(); }};
  job third{[] {}};
  job first{[&] {
    threads.jobs.put_next(&second);
    threads.jobs.put_next(&third);
    meanwhile = in_time(ran);
    ended.set_value();
  }};
  threads.jobs.put(&first);
  REQUIRE(in_time(ended));
  CHECK(meanwhile);
  threads.finish();
}

TEST_CASE("a job does not stay behind one that takes long") {
  crew threads{2, 2};
  std::promise<void> ran;
  std::promise<void> ended;
  auto meanwhile = false;
  job second{[&] { ran.set_value(); }};
  job first{[&] {
    threads.jobs.put_next(&second);
    meanwhile = in_time(ran);
    ended.set_value();
  }};
  threads.jobs.put(&first);
  REQUIRE(in_time(ended));
  CHECK(meanwhile);
  threads.finish();
}

TEST_CASE("jobs that block for good leave the others the reserve") {
  crew threads{4, 1};
  std::promise<void> release;
  auto released = release.get_future().share();
  std::vector<job> blocked(3, job{[&] { released.wait(); }});
  for (auto& x : blocked)
    threads.jobs.put(&x);
  std::promise<void> ran;
  job last{[&] { ran.set_value(); }};
  threads.jobs.put(&last);
  CHECK(in_time(ran));
  release.set_value();
  threads.finish();
}

TEST_CASE("who comes back from blocking is one of the reserve again") {
  crew threads{3, 1};
  struct round {
    std::promise<void> release;
    std::promise<void> ran;
    std::promise<void> after;
    job blocking{
        [released = release.get_future().share()] { released.wait(); }};
    job other{[this] { ran.set_value(); }};
    job last{[this] { after.set_value(); }};
  };
  std::deque<round> rounds;
  for (int i = 0; i < 20; ++i) {
    auto& x = rounds.emplace_back();
    threads.jobs.put(&x.blocking);
    threads.jobs.put(&x.other);
    REQUIRE(in_time(x.ran));
    x.release.set_value();
    threads.jobs.put(&x.last);
    REQUIRE(in_time(x.after));
  }
  threads.finish();
}

TEST_CASE("two jobs that always call each other keep nobody waiting") {
  crew threads{1, 1};
  std::atomic<bool> going_on = true;
  std::promise<void> ended;
  job ping;
  job pong;
  ping.run = [&] {
    if (going_on)
      threads.jobs.put_next(&pong);
    else
      ended.set_value();
  };
  pong.run = [&] { threads.jobs.put_next(&ping); };
  std::promise<void> ran;
  job other{[&] { ran.set_value(); }};
  threads.jobs.put(&ping);
  threads.jobs.put(&other);
  CHECK(in_time(ran));
  going_on = false;
  CHECK(in_time(ended));
  threads.finish();
}

TEST_CASE("every job runs exactly once, whoever puts it where") {
  constexpr std::size_t chains = 8;
  constexpr int steps = 20'000;
  for (std::size_t cores : {1u, 2u, 4u}) {
    CAPTURE(cores);
    crew threads{4, cores};
    std::atomic<std::size_t> left = chains;
    std::promise<void> all;
    std::vector<job> jobs(chains);
    std::vector<int> runs(chains, 0);
    for (std::size_t i = 0; i < chains; ++i)
      jobs[i].run = [&, i] {
        if (++runs[i] == steps) {
          if (--left == 0)
            all.set_value();
        } else if (runs[i] % 7 == 0) {
          threads.jobs.put(&jobs[i]);
        } else {
          threads.jobs.put_next(&jobs[i]);
        }
      };
    for (auto& x : jobs)
      threads.jobs.put(&x);
    REQUIRE(in_time(all));
    threads.finish();
    for (auto n : runs)
      CHECK(n == steps);
  }
}

TEST_CASE("what is left when no thread is can be had back") {
  charmer::job_queue<job> queue{2};
  job a;
  job b;
  queue.put(&a);
  queue.put(&b);
  std::vector<job*> left;
  queue.drain([&](job* x) { left.push_back(x); });
  CHECK(left == std::vector<job*>{&a, &b});
}
