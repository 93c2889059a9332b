// The soak: pools under a seeded mix of calls, streams, sessions and calls to
// the application, which work, fail, leak, hang, die and are cancelled, while
// workers are recycled all the time, pools change their size, and workers are
// killed at random. At the end the books balance, every call has had one
// outcome, and memory, descriptors and processes are where they were.
//
// Two pools are left in peace: of one the workers are recycled, by age,
// requests and hand, and no call fails nor is a worker ever missing; of the
// other they are not, and hold in the end what they held.
//
//   build/tests/charmer_soak                           20 s, as the tests do
//   build/tests/charmer_soak --time 10m --seed 7       by hand
//   … --python python3.9 --python python3.12           one after the other
//
// A seed repeats the calls and the kills, not the moments at which the system
// answers them.
#include "load.hpp"
#include "vitals.hpp"

#include "charmer/profiles/units.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <caf/io/all.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <list>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

#include <signal.h>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

struct conditions {
  double seconds = 20;
  std::uint64_t seed = std::random_device{}();
  std::string python;
};

// Processes with this in their environment are not killed.
constexpr auto protection = "CHARMER_SOAK_GENTLE";

// -- pools --------------------------------------------------------------------

charmer::pool_settings pool(const conditions& x, const std::string& name) {
  charmer::pool_settings result;
  result.name = name;
  result.adapter = "soaked:Soaked";
  result.python = x.python;
  result.python_path = {CHARMER_SOAK_ADAPTERS};
  result.size = 2;
  result.cancel_grace = 100ms;
  result.worker_shutdown = 1s;
  result.lifecycle_check = 100ms;
  // Deaths are part of it: none of them is to degrade the pool.
  result.intensity = 1'000'000;
  result.restart_backoff = {.minimum = 1ms, .maximum = 20ms};
  return result;
}

// Old after a second or 50 requests; too large; and with threads.
charmer::settings pools(const conditions& x) {
  charmer::settings result;
  auto worn = pool(x, "worn");
  worn.ttl = 1s;
  worn.max_requests = 50;
  auto leaky = pool(x, "leaky");
  leaky.memory_limit = 40 << 20;
  auto threads = pool(x, "threads");
  threads.profile = "thread";
  threads.threads_per_worker = 4;
  threads.ttl = 1s;
  auto calm = pool(x, "calm");
  calm.ttl = 1s;
  calm.max_requests = 500;
  auto steady = pool(x, "steady");
  steady.size = 1;
  steady.profile = "thread";
  steady.threads_per_worker = 4;
  for (auto* gentle : {&calm, &steady}) {
    gentle->env[protection] = "1";
    gentle->queue_timeout = 60s;
    gentle->health_interval = charmer::infinite; // its questions count, too
  }
  result.pools = {worn, leaky, threads, calm, steady};
  return result;
}

// -- what happens -------------------------------------------------------------

// How often workers were recycled, by reason.
class recycled {
public:
  void add(const charmer::event& x) {
    if (x.name != "charmer.worker.recycled")
      return;
    auto reason = x.details.at("reason"); // a JSON text: "\"ttl\""
    std::erase(reason, '"');
    std::lock_guard guard{mutex_};
    ++by_reason_[reason];
  }

  std::map<std::string, std::uint64_t> by_reason() const {
    std::lock_guard guard{mutex_};
    return by_reason_;
  }

private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> by_reason_;
};

// Kills a worker now and then.
class assassin {
public:
  explicit assassin(std::uint64_t seed)
      : thread_([this, seed] { run(seed); }) {}

  ~assassin() {
    {
      std::lock_guard guard{mutex_};
      over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  std::uint64_t kills() const { return kills_; }

private:
  void run(std::uint64_t seed) {
    std::mt19937_64 random{seed};
    for (;;) {
      auto pause = std::chrono::milliseconds(random() % 2000);
      std::unique_lock guard{mutex_};
      if (changed_.wait_for(guard, pause, [this] { return over_; }))
        return;
      auto victims = soak::workers_without(protection);
      if (!victims.empty()
          && ::kill(victims[random() % victims.size()], SIGKILL) == 0)
        ++kills_;
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::atomic<std::uint64_t> kills_ = 0;
  std::thread thread_;
};

// Somebody who recycles workers of one pool and changes the size of another,
// all the time.
class administrator {
public:
  explicit administrator(charmer::runtime& app)
      : app_(app), thread_([this] { run(); }) {}

  ~administrator() {
    over_ = true;
    thread_.join();
    app_.resize("worn", 2);
  }

private:
  void run() {
    for (std::uint32_t i = 0; !over_; ++i) {
      auto all = app_.workers("calm");
      if (all && !all->empty())
        app_.recycle_worker("calm", (*all)[i % all->size()].worker);
      app_.resize("worn", 1 + i % 3);
      std::this_thread::sleep_for(200ms);
    }
  }

  charmer::runtime& app_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

// -- the verdict --------------------------------------------------------------

class verdict {
public:
  void check(bool holds, const std::string& what) {
    std::cout << (holds ? "  ok    " : "  WRONG ") << what << std::endl;
    good_ = good_ && holds;
  }

  bool good() const { return good_; }

private:
  bool good_ = true;
};

void check_books(verdict& all, const charmer::pool_stats& stats,
                 const soak::tally& seen) {
  auto& x = stats.counts;
  auto number = [](std::uint64_t n) { return std::to_string(n); };
  all.check(x.balanced() && x.waiting == 0 && x.running == 0,
            stats.pool + ": accepted " + number(x.accepted) + " = replied "
                + number(x.replied) + " + failed " + number(x.failed)
                + " + cancelled " + number(x.cancelled));
  all.check(seen.made == x.accepted + x.refused,
            stats.pool + ": " + number(seen.made)
                + " calls were made, and that many were accepted or refused");
  all.check(seen.outcomes() == seen.made && seen.replies == x.replied,
            stats.pool + ": " + number(seen.outcomes())
                + " outcomes, as many replies as in the books");
  all.check(seen.surprises == 0,
            stats.pool + ": " + number(seen.surprises) + " surprises");
  for (auto& text : seen.first_surprises())
    std::cout << "          " << text << '\n';
}

void check_vitals(verdict& all, const soak::vitals& before,
                  const soak::vitals& after) {
  std::cout << "  before: " << to_string(before) << '\n'
            << "  after:  " << to_string(after) << '\n';
  all.check(after.descriptors <= before.descriptors, "descriptors");
  all.check(after.workers <= before.workers, "processes");
  all.check(after.zombies == 0, "no zombies");
  // A tenth and some: what the allocator keeps in pieces.
  all.check(after.memory <= before.memory + before.memory / 10 + (4 << 20),
            "memory");
}

// What a worker that was neither recycled nor killed held then and holds now.
void check_worker(verdict& all, const soak::vitals& before,
                  const soak::vitals& after) {
  std::cout << "  steady, before: " << to_string(before) << '\n'
            << "  steady, after:  " << to_string(after) << '\n';
  all.check(before.memory != 0, "steady: the worker was looked at");
  all.check(after.descriptors <= before.descriptors, "steady: descriptors");
  all.check(after.memory <= before.memory + before.memory / 10 + (4 << 20),
            "steady: memory");
}

std::size_t ready(const charmer::pool_stats& x) {
  std::size_t result = 0;
  for (auto& worker : x.workers)
    result += worker.state == charmer::worker_state::ready;
  return result;
}

bool whole(const charmer::pool_stats& x) {
  return ready(x) == x.size && x.counts.running == 0 && x.counts.waiting == 0;
}

// -- a run --------------------------------------------------------------------

class run {
public:
  run(caf::actor_system& sys, charmer::runtime& app, const conditions& x)
      : sys_(sys), app_(app), x_(x) {
    app_.observe([to = recycled_](const charmer::event& e) { to->add(e); });
  }

  bool go() {
    verdict all;
    auto warm_up = std::min(x_.seconds * 0.3, 30.0);
    std::cout << "warm-up" << std::endl;
    all.check(loaded(warm_up, x_.seed), "the warm-up ended");
    auto before = soak::usual(3);
    auto steady = steady_worker();
    auto steady_before = soak::look_at(steady);
    std::cout << "soak" << std::endl;
    all.check(loaded(x_.seconds - warm_up, x_.seed + 1000), "the soak ended");
    auto after = soak::usual(3);
    // What is only late has time to go.
    soak::eventually(30, [&] {
      if (after.descriptors <= before.descriptors
          && after.workers <= before.workers)
        return true;
      after = soak::usual(2);
      return false;
    });
    for (std::size_t i = 0; i < names_.size(); ++i)
      check_books(all, *app_.stats(names_[i]), totals_[i]);
    check_vitals(all, before, after);
    check_worker(all, steady_before, soak::look_at(steady));
    all.check(steady == steady_worker(), "steady: the same worker");
    all.check(fewest_calm_ == 2, "calm: never less than "
                                     + std::to_string(fewest_calm_)
                                     + " of 2 workers were ready");
    for (auto reason : {"ttl", "max_requests", "memory", "manual"})
      all.check(recycled_->by_reason().count(reason) != 0,
                std::string{"workers were recycled because of "} + reason);
    return all.good();
  }

private:
  // Calls and kills for so long. Whether everything had its outcome and the
  // pools are whole again.
  bool loaded(double seconds, std::uint64_t seed) {
    std::list<soak::load> loads;
    for (std::size_t i = 0; i < names_.size(); ++i)
      loads.emplace_back(sys_, *app_.pool(names_[i]),
                         i < first_gentle ? soak::manners::rough
                                          : soak::manners::gentle,
                         seed + 100 * i, 4, 3, totals_[i]);
    {
      assassin killer{seed};
      administrator somebody{app_};
      auto begin = clock_type::now();
      auto told = begin;
      auto end = begin + std::chrono::duration<double>(seconds);
      for (auto now = begin; now < end; now = clock_type::now()) {
        std::this_thread::sleep_for(5ms);
        fewest_calm_ = std::min(fewest_calm_, ready(*app_.stats("calm")));
        if (now - told < std::chrono::duration<double>(seconds / 10))
          continue;
        told = now;
        tell(std::chrono::duration<double>(now - begin).count(),
             killer.kills());
      }
    }
    auto good = true;
    for (auto& x : loads)
      good = x.stop(90) && good;
    return good && soak::eventually(60, [this] { return all_whole(); });
  }

  pid_t steady_worker() {
    auto all = app_.metadata("steady");
    return all && all->size() == 1 ? static_cast<pid_t>(all->at(0).pid) : 0;
  }

  bool all_whole() {
    for (auto& name : names_)
      if (!whole(*app_.stats(name)))
        return false;
    return true;
  }

  void tell(double seconds, std::uint64_t kills) {
    std::uint64_t replies = 0;
    std::uint64_t errors = 0;
    for (auto& x : totals_) {
      replies += x.replies;
      errors += x.errors;
    }
    std::printf("  %5.0f s: %llu replies, %llu errors, %llu kills", seconds,
                static_cast<unsigned long long>(replies),
                static_cast<unsigned long long>(errors),
                static_cast<unsigned long long>(kills));
    for (auto& [reason, count] : recycled_->by_reason())
      std::printf(", %llu %s", static_cast<unsigned long long>(count),
                  reason.c_str());
    std::printf("; %s\n", to_string(soak::look()).c_str());
    std::fflush(stdout);
  }

  caf::actor_system& sys_;
  charmer::runtime& app_;
  const conditions& x_;
  // Events come until the runtime has ended.
  std::shared_ptr<recycled> recycled_ = std::make_shared<recycled>();
  static constexpr std::size_t first_gentle = 3;
  std::vector<std::string> names_{"worn", "leaky", "threads", "calm", "steady"};
  std::array<soak::tally, 5> totals_;
  std::size_t fewest_calm_ = 2;
};

struct with_pipes : charmer::config {
  with_pipes() { load<caf::io::middleman>(); }
};

int soak_for(const conditions& x) {
  std::cout << "seed " << x.seed << std::endl;
  auto good = false;
  {
    with_pipes config;
    caf::actor_system sys{config};
    auto app = charmer::start(sys, pools(x));
    if (!app) {
      std::cerr << charmer::describe(app.error()) << '\n';
      return 2;
    }
    if (auto err = app->await_all(60s)) {
      std::cerr << charmer::describe(err) << '\n';
      return 2;
    }
    app->register_function("twice", [](const charmer::host_call& call) {
      return call.json().at("x").get<int>() * 2;
    });
    run all{sys, *app, x};
    good = all.go();
    app->stop();
  }
  verdict end;
  end.check(soak::eventually(10, [] { return soak::workers().empty(); }),
            "no worker is left");
  good = good && end.good();
  std::cout << (good ? "sound" : "UNSOUND") << ", seed " << x.seed << std::endl;
  return good ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  conditions x;
  CLI::App app{"Pools under everything at once, for long."};
  app.add_option_function<std::string>(
         "--time",
         [&](const std::string& text) {
           auto time = charmer::parse_duration(text);
           if (!time || *time < 5s)
             throw CLI::ValidationError{"a time of 5s or more"};
           x.seconds = std::chrono::duration<double>(*time).count();
         },
         "how long: 20s if not said")
      ->type_name("DURATION");
  app.add_option("--seed", x.seed, "which calls and kills");
  std::vector<std::string> pythons;
  app.add_option("--python", pythons, "the interpreter; several in turn");
  CLI11_PARSE(app, argc, argv);
  if (pythons.empty())
    pythons.emplace_back();
  auto result = 0;
  for (auto& python : pythons) {
    x.python = python;
    result = std::max(result, soak_for(x));
  }
  return result;
}
