// Workers that are replaced before they become a burden, while the pool works.
#include "pool_fixture.hpp"
#include "scratch_file.hpp"

#include "charmer/actors/health_record.hpp"
#include "charmer/actors/recycling.hpp"

#include <set>
#include <thread>

using namespace charmer_tests;

namespace {

pool_settings teller(const scratch_file& mood, std::uint32_t size = 1) {
  auto x = shop(size);
  x.adapter = "teller:Teller";
  x.adapter_options = R"({"mood": ")" + mood.path + "\"}";
  return x;
}

std::size_t ready(const pool_stats& x) {
  return static_cast<std::size_t>(
      std::count_if(x.workers.begin(), x.workers.end(),
                    [](auto& w) { return w.state == worker_state::ready; }));
}

bool whole(const pool_stats& x) {
  return x.workers.size() == x.size && ready(x) == x.size
         && x.counts.balanced();
}

nlohmann::json value_of(const event& x, const std::string& key) {
  return nlohmann::json::parse(x.details.at(key));
}

// Calls until it is told to stop; counts what came of it.
class load {
public:
  load(pool_fixture& f, int callers) {
    for (int i = 0; i < callers; ++i)
      threads_.emplace_back([&] { work(f); });
  }

  ~load() { stop(); }

  void stop() {
    over_ = true;
    for (auto& x : threads_)
      if (x.joinable())
        x.join();
  }

  std::atomic<int> answered = 0;
  std::mutex mutex;
  std::vector<std::string> failures;

private:
  void work(pool_fixture& f) {
    caf::scoped_actor self{f.sys};
    while (!over_)
      charmer::call(self, f.pool, "sleep", {{"seconds", 0.001}},
                    {.timeout = limit})
          .receive([&](const reply&) { ++answered; },
                   [&](caf::error& e) {
                     std::lock_guard guard{mutex};
                     failures.push_back(describe(e));
                   });
  }

  std::atomic<bool> over_ = false;
  std::vector<std::thread> threads_;
};

bool by_reason(const event& x, const std::string& reason) {
  return x.name == "charmer.worker.recycled" && value_of(x, "reason") == reason;
}

} // namespace

TEST_CASE("a worker is recycled by hand, and its successor has its name") {
  pool_fixture f{shop(2)};
  auto before = f.app->metadata();
  REQUIRE(before);
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  CHECK(f.eventually(whole));
  auto after = f.app->metadata();
  REQUIRE(after);
  std::set<std::int64_t> pids;
  for (auto* all : {&*before, &*after})
    for (auto& x : *all)
      pids.insert(x.pid);
  CHECK(pids.size() == 3);
  REQUIRE(f.events.wait_for("charmer.worker.recycled"));
  for (auto& x : f.events.all()) {
    if (x.name != "charmer.worker.recycled")
      continue;
    CHECK(value_of(x, "count") == 1);
    CHECK(value_of(x, "worker_id") == "worker-1");
    CHECK(value_of(x, "pool") == "default");
    CHECK(value_of(x, "reason") == "manual");
    CHECK(value_of(x, "request_count") == 0);
    CHECK(value_of(x, "uptime_seconds") > 0);
    CHECK(value_of(x, "memory") > 1'000'000);
  }
  CHECK(f.app->lifecycle().total.recycled.at("manual") == 1);
}

TEST_CASE("who is not there cannot be recycled") {
  pool_fixture f{shop(1)};
  CHECK(f.app->recycle_worker("other", "worker-1") == pool_errc::no_such_pool);
  CHECK(f.app->recycle_worker("default", "worker-2")
        == pool_errc::no_available_worker);
}

TEST_CASE("recycling finishes what the worker has begun") {
  pool_fixture f{shop(1)};
  auto pid = f.call("pid").json();
  auto running = charmer::call(f.self, f.pool, "sleep", {{"seconds", 0.3}});
  CHECK(f.eventually([](auto& x) { return x.counts.running == 1; }));
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  running.receive([](const reply& x) { CHECK(x.json() == 0.3); },
                  [](caf::error& e) { FAIL(describe(e)); });
  CHECK(f.call("pid").json() != pid);
  CHECK(f.eventually(whole));
}

TEST_CASE("a successor that does not start leaves the old one serving") {
  scratch_file mood;
  pool_fixture f{teller(mood)};
  auto pid = f.call("pid").json();
  mood.write("will not start");
  auto err = f.app->recycle_worker("default", "worker-1");
  CHECK(err == pool_errc::start_failed);
  CHECK(describe(err).find("not today") != std::string::npos);
  CHECK(f.events.wait_for("charmer.worker.recycle_failed"));
  CHECK(f.call("pid").json() == pid);
  CHECK(f.app->lifecycle().total.recycled.empty());
  mood.write("");
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  CHECK(f.call("pid").json() != pid);
}

TEST_CASE("under load no call fails and no worker is missing while they are "
          "recycled") {
  auto x = shop(3);
  x.ttl = 1s;
  x.max_requests = 50;
  x.lifecycle_check = 20ms;
  x.max_surge = 2;
  pool_fixture f{x};
  std::size_t fewest = 100;
  {
    load calls{f, 6};
    auto recycled = [&] {
      std::uint64_t sum = 0;
      for (auto& [reason, count] : f.app->lifecycle().total.recycled)
        sum += count;
      return sum;
    };
    auto end = std::chrono::steady_clock::now() + limit;
    while (recycled() < 12 && std::chrono::steady_clock::now() < end) {
      auto stats = *f.app->stats();
      fewest = std::min(fewest, ready(stats));
      CHECK(stats.counts.balanced());
    }
    CHECK(recycled() >= 12);
    calls.stop();
    CHECK(calls.answered > 500);
    CHECK(calls.failures == std::vector<std::string>{});
  }
  CHECK(fewest == 3);
  CHECK(f.app->lifecycle().total.recycled.count("max_requests") == 1);
}

TEST_CASE("age alone recycles a pool that has nothing to do") {
  auto x = shop(2);
  x.ttl = 300ms;
  x.lifecycle_check = 20ms;
  x.max_surge = 1;
  pool_fixture f{x};
  CHECK(f.events.wait_for([](auto& e) { return by_reason(e, "ttl"); }, 2));
  // Starting successors may be seen besides at any time.
  CHECK(f.eventually([](auto& s) { return ready(s) == 2; }));
}

TEST_CASE("recycling, killing and replacing at once leave as many as there "
          "shall be") {
  auto x = shop(4);
  x.intensity = 1000;
  pool_fixture f{x};
  load calls{f, 4};
  std::thread recycling{[&] {
    for (int i = 0; i < 12; ++i)
      f.app->recycle_worker("default", "worker-" + std::to_string(i % 4 + 1));
  }};
  for (int i = 0; i < 12; ++i) {
    auto all = f.app->metadata();
    if (all && !all->empty())
      kill(static_cast<pid_t>(
               all->at(static_cast<std::size_t>(i) % all->size()).pid),
           SIGKILL);
    f.self->receive(caf::after(20ms) >> [] {});
  }
  recycling.join();
  calls.stop();
  CHECK(f.eventually(whole));
  CHECK(f.stats().workers.size() == 4);
}

TEST_CASE("a worker that says again and again that it is ill is replaced") {
  scratch_file mood;
  auto x = teller(mood);
  x.health_interval = 20ms;
  x.health_failures = 3;
  pool_fixture f{x};
  auto pid = f.call("pid").json();
  mood.write("ill");
  auto failed = [](const event& e) {
    return e.name == "charmer.worker.health_check_failed";
  };
  CHECK(f.events.wait_for(failed, 3));
  CHECK(f.events.wait_for([](auto& e) { return by_reason(e, "health"); }));
  mood.write("");
  CHECK(f.call("pid").json() != pid);
  CHECK(f.eventually(whole));
  for (auto& e : f.events.all())
    if (failed(e)) {
      CHECK(value_of(e, "count") == 1);
      CHECK(value_of(e, "worker_id") == "worker-1");
      CHECK(value_of(e, "pool") == "default");
      CHECK(!value_of(e, "reason").get<std::string>().empty());
    }
}

TEST_CASE("a successor that does not start is tried again, at growing "
          "intervals") {
  scratch_file mood;
  auto x = teller(mood);
  x.ttl = 100ms;
  x.lifecycle_check = 20ms;
  x.restart_backoff = {.minimum = 100ms, .maximum = 10s, .jitter = 0};
  pool_fixture f{x};
  mood.write("will not start");
  auto failed = [](const event& e) {
    return e.name == "charmer.worker.recycle_failed"
           && value_of(e, "reason") == "ttl";
  };
  auto begin = std::chrono::steady_clock::now();
  CHECK(f.events.wait_for(failed, 4));
  // 100 + 200 + 400 ms between the four of them
  CHECK(std::chrono::steady_clock::now() - begin > 700ms);
  CHECK(!f.call("pid").why); // the old one serves on
  mood.write("");
  CHECK(f.events.wait_for([](auto& e) { return by_reason(e, "ttl"); }));
  CHECK(f.eventually([&](auto& s) { return s.counts.failed == 0; }));
}

TEST_CASE("a worker that has grown is recycled, and its event says how large "
          "it was") {
  auto x = shop(1);
  x.memory_limit = 200 << 20;
  x.lifecycle_check = 20ms;
  pool_fixture f{x};
  auto small = f.call("pid").json();
  CHECK(!f.call("grow", {{"bytes", 300 << 20}}).why);
  CHECK(f.events.wait_for([](auto& e) { return by_reason(e, "memory"); }));
  for (auto& e : f.events.all())
    if (by_reason(e, "memory"))
      CHECK(value_of(e, "memory") > 180 << 20); // less its spread
  CHECK(f.eventually(whole));
  CHECK(f.call("pid").json() != small);
  CHECK(f.app->lifecycle().total.recycled.at("memory") == 1);
}

TEST_CASE("a stop while a successor starts is no failure of it") {
  auto x = shop(1);
  x.adapter = "slow_start";
  x.ttl = 50ms;
  x.lifecycle_check = 20ms;
  pool_fixture f{x};
  REQUIRE(f.events.wait_for("charmer.worker.spawned", 2));
  CHECK(!f.app->stop());
  for (auto& e : f.events.all())
    CHECK(e.name != "charmer.worker.recycle_failed");
}

TEST_CASE("one whose health check hangs is replaced") {
  scratch_file mood;
  auto x = teller(mood);
  x.health_interval = 20ms;
  x.health_timeout = 50ms;
  x.cancel_grace = 20ms;
  pool_fixture f{x};
  auto pid = f.call("pid").json();
  mood.write("hangs");
  CHECK(f.events.wait_for("charmer.worker.health_check_failed"));
  for (auto& e : f.events.all())
    if (e.name == "charmer.worker.health_check_failed") {
      CHECK(e.text.find('\n') == std::string::npos);
      CHECK(e.text.find("exec_timeout") != std::string::npos);
    }
  mood.write("");
  CHECK(f.events.wait_for("charmer.worker.ready"));
  CHECK(f.eventually(whole));
  CHECK(f.call("pid").json() != pid);
}

TEST_CASE(
    "one whose health check takes longer than health_timeout is replaced") {
  scratch_file mood;
  auto x = teller(mood);
  x.health_interval = 20ms;
  x.health_timeout = 200ms;
  x.cancel_grace = limit;
  pool_fixture f{x};
  mood.write("slow");
  CHECK(f.events.wait_for("charmer.worker.health_check_failed"));
  CHECK(f.events.wait_for([](auto& e) { return by_reason(e, "health"); }));
  mood.write("");
}

TEST_CASE("one whose health check ends as if it was cancelled is replaced") {
  scratch_file mood;
  auto x = teller(mood);
  x.health_interval = 20ms;
  x.health_failures = 1;
  pool_fixture f{x};
  auto pid = f.call("pid").json();
  mood.write("cancels");
  CHECK(f.events.wait_for([](auto& e) { return by_reason(e, "health"); }));
  mood.write("");
  CHECK(f.eventually([&](auto&) { return f.call("pid").json() != pid; }));
}

TEST_CASE("a worker that is stopped while it is idle is found and replaced") {
  auto x = shop(1);
  x.health_interval = 20ms;
  x.health_timeout = 100ms;
  x.cancel_grace = 20ms;
  pool_fixture f{x};
  auto pid = f.app->metadata()->at(0).pid;
  kill(static_cast<pid_t>(pid), SIGSTOP);
  CHECK(f.events.wait_for("charmer.worker.health_check_failed"));
  CHECK(f.eventually([&](auto&) {
    auto now = f.app->metadata();
    return now && now->size() == 1 && now->at(0).pid != pid;
  }));
}

TEST_CASE("a busy worker is not unhealthy") {
  scratch_file mood;
  auto x = teller(mood);
  x.health_interval = 10ms;
  x.health_timeout = 50ms;
  x.health_failures = 1;
  pool_fixture f{x};
  auto pid = f.call("pid").json();
  auto busy = charmer::call(f.self, f.pool, "works", {{"seconds", 1}});
  CHECK(f.eventually([](auto& s) { return s.counts.running == 1; }));
  mood.write("ill"); // which nobody asks it now
  caf::scoped_actor clock{f.sys};
  clock->receive(caf::after(300ms) >> [] {});
  mood.write("");
  busy.receive([](const reply&) {}, [](caf::error& e) { FAIL(describe(e)); });
  CHECK(f.call("pid").json() == pid);
  for (auto& e : f.events.all())
    CHECK(e.name != "charmer.worker.health_check_failed");
}

TEST_CASE("one that is never idle is asked all the same while it has room") {
  scratch_file mood;
  auto x = teller(mood);
  x.profile = "thread";
  x.threads_per_worker = 2;
  x.health_interval = 20ms;
  x.health_failures = 2;
  pool_fixture f{x};
  auto busy = charmer::call(f.self, f.pool, "works", {{"seconds", 600}});
  CHECK(f.eventually([](auto& s) { return s.counts.running == 1; }));
  mood.write("ill");
  CHECK(f.events.wait_for([](auto& e) { return by_reason(e, "health"); }));
  mood.write("");
  busy.cancel();
}

TEST_CASE("the lifecycle statistics count workers, requests and what is near") {
  auto x = shop(2);
  x.max_requests = 12; // from 11 on they are worn
  x.ttl = 4s;
  pool_fixture f{x};
  for (int i = 0; i < 20; ++i)
    f.call("add", {{"a", 1}, {"b", 1}}, {.strategy = next_worker});
  auto stats = f.app->lifecycle();
  CHECK(stats.total.workers == 2);
  CHECK(stats.total.requests == 20);
  CHECK(stats.total.near_max_requests == 2);
  CHECK(stats.total.near_ttl == 0);
  CHECK(stats.pools.at("default").workers == 2);
  // Both at once only if they were ready at once.
  CHECK(f.eventually(
      [&](auto&) { return f.app->lifecycle().total.near_ttl >= 1; }));
  auto json = nlohmann::json::parse(to_json(stats));
  CHECK(json["pools"]["default"]["near_max_requests"] == 2);
}

TEST_CASE("heartbeats tell how far each worker is, to those who ask") {
  auto x = shop(1);
  x.heartbeat = 20ms;
  pool_fixture f{x};
  auto beats = std::make_shared<recorder>();
  f.app->observe(
      [beats](const event& e) { beats->add(e); },
      {.name = "charmer.worker.heartbeat", .at_least = severity::trace});
  f.call("add", {{"a", 1}, {"b", 1}});
  CHECK(beats->wait_for(
      [](const event& e) { return value_of(e, "finished") == 1; }));
  auto sleeping = charmer::call(f.self, f.pool, "sleep", {{"seconds", 0.3}});
  CHECK(beats->wait_for([](const event& e) {
    return value_of(e, "load") == 1 && value_of(e, "silent_seconds") > 0.05
           && value_of(e, "command") == "sleep";
  }));
  sleeping.receive([](const reply&) {}, [](caf::error&) { FAIL("failed"); });
  CHECK(!f.events.all().empty());
  for (auto& e : f.events.all()) // who did not ask is not told
    CHECK(e.name != "charmer.worker.heartbeat");
}

TEST_CASE("health is asked after at intervals, sooner after a bad answer") {
  pool_settings x;
  x.health_interval = 5min;
  x.health_timeout = 10s;
  x.health_failures = 3;
  time_point now{};
  health_record r{now};
  CHECK(!r.due(x, now + 299s));
  CHECK(r.due(x, now += 300s));
  r.ask(now);
  CHECK(!r.due(x, now + 1h)); // it has not answered yet
  CHECK(!r.bad_answer(x));
  CHECK(!r.due(x, now + 9s));
  CHECK(r.due(x, now += 10s));
  r.ask(now);
  r.no_answer(); // it was busy: that says nothing
  CHECK(r.failures() == 1);
  r.good_answer();
  CHECK(r.failures() == 0);
  CHECK(!r.due(x, now + 10s));
  CHECK(!r.bad_answer(x));
  CHECK(!r.bad_answer(x));
  CHECK(r.bad_answer(x));
  health_record early{now, 1};
  CHECK(!early.due(x, now + 269s));
  CHECK(early.due(x, now + 270s)); // not all of a pool at once
  x.health_interval = infinite;
  CHECK(!r.due(x, now + 100h));
}
