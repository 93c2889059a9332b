// The limits of workers in real processes: noticed when they are passed, kept
// to a few at once, and without anybody noticing a replacement.
#include "pool_fixture.hpp"
#include "scratch_file.hpp"

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

using namespace charmer_tests;

namespace {

pool_settings crowd(std::uint32_t size) {
  auto x = shop(size);
  x.adapter = "crowd:Crowd";
  return x;
}

pool_settings teller(const scratch_file& mood, std::uint32_t size) {
  auto x = shop(size);
  x.adapter = "teller:Teller";
  x.adapter_options = R"({"mood": ")" + mood.path + "\"}";
  return x;
}

nlohmann::json value_of(const event& x, const std::string& key) {
  return nlohmann::json::parse(x.details.at(key));
}

bool by_reason(const event& x, const std::string& reason) {
  return x.name == "charmer.worker.recycled" && value_of(x, "reason") == reason;
}

std::uint64_t recycled(pool_fixture& f, const std::string& reason) {
  auto all = f.app->lifecycle().total.recycled;
  auto i = all.find(reason);
  return i == all.end() ? 0 : i->second;
}

std::size_t ready(const pool_stats& x) {
  return static_cast<std::size_t>(
      std::count_if(x.workers.begin(), x.workers.end(),
                    [](auto& w) { return w.state == worker_state::ready; }));
}

// The living processes that are workers; each was created by some thread.
std::vector<pid_t> processes() {
  std::vector<pid_t> result;
  std::error_code gone;
  for (auto& task :
       std::filesystem::directory_iterator{"/proc/self/task", gone}) {
    std::ifstream file{task.path() / "children"};
    for (pid_t pid; file >> pid;) {
      std::ifstream in{"/proc/" + std::to_string(pid) + "/cmdline"};
      std::string line;
      std::getline(in, line);
      if (line.find("--worker") != std::string::npos)
        result.push_back(pid);
    }
  }
  return result;
}

// Callers that each have one call after the other; what came of them, and how
// long the slowest has taken.
class steady_callers {
public:
  steady_callers(pool_fixture& f, int count, std::string command,
                 arguments args)
      : command_(std::move(command)), args_(std::move(args)) {
    for (int i = 0; i < count; ++i)
      threads_.emplace_back([&] { work(f); });
  }

  ~steady_callers() { stop(); }

  void stop() {
    over_ = true;
    for (auto& x : threads_)
      if (x.joinable())
        x.join();
  }

  timespan longest() {
    std::lock_guard guard{mutex_};
    return longest_;
  }

  std::vector<std::string> failures() {
    std::lock_guard guard{mutex_};
    return failures_;
  }

  std::atomic<std::uint64_t> answered = 0;

private:
  void work(pool_fixture& f) {
    caf::scoped_actor self{f.sys};
    while (!over_) {
      auto begin = std::chrono::steady_clock::now();
      charmer::call(self, f.pool, command_, args_, {.timeout = limit})
          .receive([&](const reply&) { ++answered; },
                   [&](caf::error& e) {
                     std::lock_guard guard{mutex_};
                     failures_.push_back(describe(e));
                   });
      std::lock_guard guard{mutex_};
      longest_ = std::max<timespan>(longest_,
                                    std::chrono::steady_clock::now() - begin);
    }
  }

  const std::string command_;
  const arguments args_;
  std::mutex mutex_;
  timespan longest_{0};
  std::vector<std::string> failures_;
  std::atomic<bool> over_ = false;
  std::vector<std::thread> threads_;
};

} // namespace

TEST_CASE("a worker that has answered max_requests is noticed at once, however "
          "rarely anybody looks") {
  auto x = shop(1);
  x.max_requests = 50;
  pool_fixture f{x};
  auto end = std::chrono::steady_clock::now() + limit;
  while (recycled(f, "max_requests") < 3
         && std::chrono::steady_clock::now() < end)
    CHECK(!f.call("add", {{"a", 1}, {"b", 1}}).why);
  CHECK(f.events.wait_for([](auto& e) { return by_reason(e, "max_requests"); },
                          3));
  for (auto& e : f.events.all())
    if (by_reason(e, "max_requests")) {
      CHECK(value_of(e, "request_count") >= 45);
      CHECK(value_of(e, "request_count") < 1000);
    }
}

TEST_CASE("a worker that is too old is noticed soon, however rarely anybody "
          "looks") {
  auto x = shop(2);
  x.ttl = 500ms;
  pool_fixture f{x};
  REQUIRE(f.events.wait_for([](auto& e) { return by_reason(e, "ttl"); }, 2));
  for (auto& e : f.events.all())
    if (by_reason(e, "ttl")) {
      CHECK(value_of(e, "uptime_seconds") >= 0.45);
      CHECK(value_of(e, "uptime_seconds") < 5);
    }
  CHECK(recycled(f, "ttl") >= 2);
}

TEST_CASE("nobody waits longer because workers are recycled") {
  constexpr auto service = 100ms;
  auto slowest = [&](timespan ttl, std::uint64_t replaced) {
    auto x = crowd(3);
    // A call that had to wait for a start would show.
    x.adapter_options = R"({"start_seconds": 1})";
    x.ttl = ttl;
    x.max_surge = 3;
    pool_fixture f{x};
    std::size_t fewest = 100;
    steady_callers calls{f, 3, "sleep", {{"seconds", 0.1}}};
    auto end = std::chrono::steady_clock::now() + limit;
    while ((recycled(f, "ttl") < replaced || calls.answered < 60)
           && std::chrono::steady_clock::now() < end) {
      fewest = std::min(fewest, ready(f.stats()));
      f.self->receive(caf::after(2ms) >> [] {});
    }
    calls.stop();
    CHECK(recycled(f, "ttl") >= replaced);
    CHECK(calls.failures() == std::vector<std::string>{});
    CHECK(fewest == 3);
    return calls.longest();
  };
  auto undisturbed = slowest(infinite, 0);
  auto disturbed = slowest(300ms, 12);
  CAPTURE(undisturbed.count());
  CAPTURE(disturbed.count());
  // One service time, and what starting processes takes from two cores.
  CHECK(disturbed <= undisturbed + service + 700ms);
}

TEST_CASE("what makes all workers ill replaces a few at once") {
  scratch_file mood;
  auto x = teller(mood, 8);
  x.health_interval = 20ms;
  x.health_timeout = 10s;
  x.health_failures = 2;
  x.max_surge = 2;
  pool_fixture f{x};
  std::atomic<int> starting = 0;
  std::atomic<int> most = 0;
  f.app->observe([&](const event& e) {
    if (e.name == "charmer.worker.spawned")
      most = std::max<int>(most, ++starting);
    else if (e.name == "charmer.worker.ready")
      --starting;
  });
  mood.write("ill");
  CHECK(f.eventually([&](auto&) { return recycled(f, "health") >= 10; }));
  mood.write("");
  CHECK(f.eventually(
      [](auto& s) { return s.workers.size() == 8 && ready(s) == 8; }));
  CHECK(!f.app->stop());
  CHECK(most <= 2);
}

TEST_CASE("one whose health check hangs counts as recycled because of it") {
  scratch_file mood;
  auto x = teller(mood, 1);
  x.health_interval = 20ms;
  x.health_timeout = 50ms;
  x.cancel_grace = 100ms;
  pool_fixture f{x};
  mood.write("hangs");
  CHECK(f.events.wait_for("charmer.worker.health_check_failed"));
  mood.write("");
  CHECK(f.events.wait_for([](auto& e) { return by_reason(e, "health"); }));
  CHECK(recycled(f, "health") >= 1);
  CHECK(f.eventually(
      [](auto& s) { return s.workers.size() == 1 && ready(s) == 1; }));
}

TEST_CASE("limits, illness, failed starts, kills and changes of size at once "
          "leave as many as there shall be") {
  auto seed = std::random_device{}();
  CAPTURE(seed);
  std::minstd_rand random{seed};
  scratch_file mood;
  auto x = teller(mood, 4);
  x.ttl = 300ms;
  x.health_interval = 30ms;
  x.health_failures = 1;
  x.max_surge = 2;
  x.intensity = 1'000'000;
  x.restart_backoff = {.minimum = 1ms, .maximum = 20ms};
  pool_fixture f{x};
  steady_callers calls{f, 3, "works", {{"seconds", 0.002}}};
  std::atomic<bool> over = false;
  std::thread by_hand{[&] {
    std::minstd_rand dice{seed + 1};
    while (!over) {
      auto all = f.app->workers();
      if (all && !all->empty())
        f.app->recycle_worker("default", (*all)[dice() % all->size()].worker);
    }
  }};
  int kills = 0;
  auto end = std::chrono::steady_clock::now() + 2 * limit;
  auto enough = [&] {
    return kills >= 10 && recycled(f, "manual") >= 3 && recycled(f, "ttl") >= 3
           && recycled(f, "health") >= 1;
  };
  while (!enough() && std::chrono::steady_clock::now() < end) {
    switch (random() % 8) {
      case 0:
        mood.write("ill");
        break;
      case 1:
        mood.write("will not start");
        break;
      case 2:
        f.app->resize("default", 3 + random() % 3);
        break;
      case 3:
        // Whichever: one that starts, that serves or that retires.
        if (auto all = processes(); !all.empty())
          kills += kill(all[random() % all.size()], SIGKILL) == 0;
        break;
      case 4:
        mood.write("");
        break;
      default: // as it is: whatever makes them ill needs time to be noticed
        break;
    }
    auto pause = std::chrono::milliseconds(random() % 100);
    f.self->receive(caf::after(pause) >> [] {});
    CHECK(f.stats().counts.balanced());
  }
  CAPTURE(kills);
  CAPTURE(recycled(f, "manual"));
  CAPTURE(recycled(f, "ttl"));
  CAPTURE(recycled(f, "health"));
  CHECK(enough());
  mood.write("");
  over = true;
  by_hand.join();
  calls.stop();
  CHECK(f.app->resize("default", 4));
  // Besides those that are being replaced because of their age.
  CHECK(f.eventually([](auto& s) {
    return ready(s) == 4 && processes().size() == s.workers.size();
  }));
}
