// Row 13: a million calls, while workers are recycled after 1,000 requests each
// and one is killed every second: none is lost, none has two outcomes, none
// fails (the command is idempotent), and descriptors and memory stay.
//
// It is run once, however many rounds there are: it is about what adds up. With
// --quick it is 200,000 calls.

#include "charmer_stack.hpp"
#include "rows.hpp"

#include "vitals.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>

#include <signal.h>

namespace bench {

namespace {

constexpr std::size_t callers = 4;
constexpr std::size_t in_flight = 32;

// Shared by all callers.
struct account {
  explicit account(std::uint64_t calls)
      : left(static_cast<std::int64_t>(calls)) {}

  std::atomic<std::int64_t> left;
  std::atomic<std::uint64_t> replies = 0;
  std::atomic<std::uint64_t> wrong = 0; ///< failed, or not what was asked
  std::atomic<std::uint64_t> twice = 0; ///< had two outcomes
};

void call_on(caf::event_based_actor* self, const charmer::pool_handle& pool,
             account& all) {
  auto n = --all.left;
  if (n < 0)
    return;
  auto had_one = std::make_shared<bool>(false);
  auto done = [=, &all](bool good) {
    if (std::exchange(*had_one, true))
      ++all.twice;
    ++(good ? all.replies : all.wrong);
    call_on(self, pool, all);
  };
  charmer::call(self, pool, "add", {{"a", n}, {"b", 1}})
      .then(
          [=](const charmer::reply& x) {
            done(x.text() == std::to_string(n + 1));
          },
          [=](const caf::error&) { done(false); });
}

// Makes so many calls, and returns when all have their outcome.
void make_calls(charmer_stack& stack, account& all) {
  std::vector<caf::actor> actors;
  for (std::size_t i = 0; i < callers; ++i)
    actors.push_back(stack.system().spawn([&](caf::event_based_actor* self) {
      for (std::size_t n = 0; n < in_flight; ++n)
        call_on(self, stack.pool(), all);
    }));
  caf::scoped_actor self{stack.system()};
  self->wait_for(actors);
}

// Kills a worker every second, for as long as it lives.
class killer {
public:
  killer() : thread_([this] { run(); }) {}

  ~killer() {
    {
      std::lock_guard guard{mutex_};
      over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

private:
  void run() {
    std::mt19937_64 random{13};
    std::unique_lock guard{mutex_};
    while (!changed_.wait_for(guard, std::chrono::seconds(1),
                              [this] { return over_; }))
      if (auto victims = soak::workers(); !victims.empty())
        ::kill(victims[random() % victims.size()], SIGKILL);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

struct outcome_of_all {
  double lost = 0;
  double failed = 0;
  double twice = 0;
  double descriptors_before = 0;
  double descriptors_after = 0;
  double memory_before = 0; ///< MiB
  double memory_after = 0;
};

charmer::pool_settings recycled_workers(const std::string& python) {
  auto x = python_workers(python, 2);
  x.idempotent = {"add"};
  x.poison_after = 1000;
  x.max_requests = 1000;
  x.lifecycle_check = std::chrono::milliseconds(10);
  x.intensity = 1'000'000;
  x.restart_backoff = {.minimum = std::chrono::milliseconds(1)};
  return x;
}

double mebibytes(std::uint64_t x) {
  return static_cast<double>(x) / (1 << 20);
}

outcome_of_all million(const conditions& x) {
  auto calls = static_cast<std::uint64_t>(x.time.count()) * 1000;
  charmer_stack stack{recycled_workers(x.python)};
  killer one_a_second;
  // As many before: memory that is used again and again is had by then.
  account warm_up{calls};
  make_calls(stack, warm_up);
  auto before = soak::usual(2);
  account all{calls};
  make_calls(stack, all);
  auto after = soak::usual(2);
  auto outcomes = all.replies + all.wrong;
  return {static_cast<double>(calls) - static_cast<double>(outcomes),
          static_cast<double>(all.wrong),
          static_cast<double>(all.twice),
          static_cast<double>(before.descriptors),
          static_cast<double>(after.descriptors),
          mebibytes(before.memory),
          mebibytes(after.memory)};
}

} // namespace

std::vector<result> a_million_calls(const conditions& x) {
  outcome_of_all all;
  auto figures =
      measure({{"lost",
                [&] {
                  all = million(x);
                  return all.lost;
                }},
               {"failed", [&] { return all.failed; }},
               {"answered twice", [&] { return all.twice; }},
               {"one", [] { return 1.0; }},
               {"descriptors before", [&] { return all.descriptors_before; }},
               {"descriptors after", [&] { return all.descriptors_after; }},
               {"MiB before", [&] { return all.memory_before; }},
               {"MiB after", [&] { return all.memory_after; }}},
              1);
  std::vector<result> results;
  for (auto what : {"lost", "failed", "answered twice"})
    results.push_back(
        compare({13, "calls of a million", what, "one", none(), {}}, figures));
  results.push_back(compare({13,
                             "descriptors of the host",
                             "descriptors after",
                             "descriptors before",
                             at_most(1),
                             {}},
                            figures));
  results.push_back(compare({13,
                             "resident memory of the host",
                             "MiB after",
                             "MiB before",
                             at_most(1.02),
                             {}},
                            figures));
  return results;
}

} // namespace bench
