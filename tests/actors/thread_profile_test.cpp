// The thread profile: several requests of one Python process at once.
#include "concurrent_calls.hpp"
#include "scratch_file.hpp"

#include <set>

using namespace charmer_tests;

namespace {

pool_settings crew(std::uint32_t size = 1, std::uint32_t threads = 4) {
  auto x = shop(size);
  x.profile = "thread";
  x.adapter = "crew:Crew";
  x.threads_per_worker = threads;
  return x;
}

} // namespace

TEST_CASE("four calls of one worker with four threads run at once") {
  pool_fixture f{crew()};
  std::set<std::string> threads;
  for (auto& x : call_all(f, 4, "meet")) {
    REQUIRE_MESSAGE(!x.why, describe(x.why));
    threads.insert(x.json().get<std::string>());
  }
  CHECK(threads.size() == 4);
  CHECK(f.stats().workers.size() == 1);
}

TEST_CASE("so they do where collections of the application's decide") {
  auto x = crew();
  x.idle_workers_impl = "fifo_workers";
  pool_fixture f{x};
  for (auto& y : call_all(f, 4, "meet"))
    CHECK_MESSAGE(!y.why, describe(y.why));
}

TEST_CASE("calls of one key run one after the other, in order, whatever dies") {
  pool_fixture f{crew(2)};
  call_options options{
      .timeout = limit, .queue_timeout = limit, .strategy = hash_worker("key")};
  auto ask = [&](const std::string& what, arguments args = {}) {
    return charmer::call(f.self, f.pool, what, std::move(args), options);
  };
  std::vector<decltype(ask("alone"))> before;
  std::vector<decltype(ask("alone"))> after;
  for (int i = 0; i < 40; ++i)
    before.push_back(ask("alone", {{"number", i}}));
  auto death = ask("die");
  for (int i = 40; i < 80; ++i)
    after.push_back(ask("alone", {{"number", i}}));
  auto receive = [](auto& x, int last) {
    x.receive(
        [&](const reply& y) {
          auto served = y.json().template get<std::vector<int>>();
          CHECK(std::is_sorted(served.begin(), served.end()));
          CHECK(served.back() == last);
          CHECK(served.size() == static_cast<std::size_t>(last % 40) + 1);
        },
        [](caf::error& e) { FAIL_CHECK(describe(e)); });
  };
  for (int i = 0; i < 40; ++i)
    receive(before[static_cast<std::size_t>(i)], i);
  death.receive([](const reply&) { FAIL("it lives"); },
                [](caf::error& e) { CHECK(e == pool_errc::worker_died); });
  for (int i = 40; i < 80; ++i)
    receive(after[static_cast<std::size_t>(i - 40)], i);
}

TEST_CASE("never more at once than there are threads") {
  pool_fixture f{crew(1, 2)};
  std::atomic<bool> over = false;
  auto end = std::chrono::steady_clock::now() + 300ms;
  for (int i = 0; i < 20; ++i)
    cast(f.pool, command("sleep", {{"seconds", 0.02}}));
  while (std::chrono::steady_clock::now() < end) {
    auto stats = f.stats();
    for (auto& w : stats.workers)
      over = over || w.running > 2;
    CHECK(stats.counts.balanced());
  }
  CHECK(!over);
  CHECK(f.eventually([](auto& x) { return x.counts.replied == 20; }));
}

TEST_CASE(
    "libraries may use as many threads as a worker has, unless the pool's "
    "env says otherwise") {
  auto limits = [](const std::string& usual, const std::string& own) {
    auto result = nlohmann::json::object();
    for (auto name : {"OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                      "OMP_NUM_THREADS", "NUMEXPR_NUM_THREADS"})
      result[name] = usual;
    result["VECLIB_MAXIMUM_THREADS"] = own;
    return result;
  };
  auto x = crew(1, 3);
  CHECK(pool_fixture{x}.call("limits").json() == limits("3", "3"));
  x.env = {{"VECLIB_MAXIMUM_THREADS", "7"}};
  CHECK(pool_fixture{x}.call("limits").json() == limits("3", "7"));
  x.profile = "process";
  CHECK(pool_fixture{x}.call("limits").json() == limits("1", "7"));
}

TEST_CASE("four calls that wait take as long as one") {
  pool_fixture f{crew()};
  call_all(f, 4, "sleep", {{"seconds", 0}}); // every thread has begun once
  auto before = std::chrono::steady_clock::now();
  for (auto& x : call_all(f, 4, "sleep", {{"seconds", 0.5}}))
    CHECK(x.json() == 0.5);
  CHECK(std::chrono::steady_clock::now() - before < 1s);
}

TEST_CASE(
    "the load of a worker is what its threads run, at most its capacity") {
  pool_fixture f{crew(1, 2)};
  auto metadata = [&] { return f.app->metadata()->at(0); };
  auto idle = metadata();
  CHECK(idle.profile == "thread");
  CHECK(idle.capacity == 2);
  CHECK(idle.load == 0);
  CHECK(idle.pid > 0);
  CHECK(!idle.interpreter.empty());
  CHECK(!idle.python_version.empty());
  for (int i = 0; i < 6; ++i)
    cast(f.pool, command("sleep", {{"seconds", 0.05}}));
  std::uint32_t most = 0;
  while (f.stats().counts.replied < 6) {
    auto load = metadata().load;
    most = std::max(most, load);
    CHECK(load <= 2);
  }
  CHECK(most == 2);
  CHECK(f.eventually([&](auto&) { return metadata().load == 0; }));
  auto json = nlohmann::json::parse(to_json(metadata()));
  CHECK(json["capacity"] == 2);
  CHECK(json["gil_enabled"].is_boolean());
}

TEST_CASE(
    "the safety checker warns of what runs twice at once, or forbids it") {
  auto x = crew();
  x.safety = "warn";
  auto twice = [](const event& e) {
    return e.name == "charmer.worker.log"
           && e.text.find("ran twice at the same time") != std::string::npos;
  };
  {
    pool_fixture f{x};
    for (auto& y : call_all(f, 4, "meet_politely"))
      CHECK(!y.why);
    for (auto& y : call_all(f, 4, "meet"))
      CHECK_MESSAGE(!y.why, describe(y.why));
    CHECK(f.events.wait_for(twice));
    for (auto& e : f.events.all())
      if (twice(e))
        CHECK(e.text.find("meet_politely") == std::string::npos);
  }
  x.safety = "strict";
  pool_fixture f{x};
  auto failures = 0;
  for (auto& y : call_all(f, 4, "meet"))
    if (y.why) {
      ++failures;
      CHECK(describe(y.why).find("ThreadSafetyError") != std::string::npos);
    }
  CHECK(failures > 0);
}

TEST_CASE("an adapter that does not say that it is thread-safe is refused") {
  auto x = crew();
  x.adapter = "crew:Careless";
  pool_fixture f{x, false};
  auto err = f.app->await_ready(limit);
  CHECK(err == pool_errc::start_failed);
  CHECK(describe(err).find("ThreadSafeAdapter") != std::string::npos);
}

TEST_CASE("an exception in one thread is that call's own") {
  pool_fixture f{crew()};
  auto all = call_all(f, 8, "fail", {{"text", "mine"}});
  for (auto& x : all)
    CHECK(x.why == pool_errc::python_exception);
  CHECK(f.call("sleep", {{"seconds", 0}}).json() == 0);
  CHECK(f.stats().workers.at(0).incarnation == 1);
}

TEST_CASE("the death of the process ends what had begun, in every thread") {
  pool_fixture f{crew()};
  std::mutex mutex;
  int died = 0;
  for (int i = 0; i < 3; ++i)
    f.self->spawn<caf::monitored>([&](caf::event_based_actor* self) {
      charmer::call(self, f.pool, "sleep", {{"seconds", 30}})
          .then([](const reply&) {},
                [&](caf::error& e) {
                  std::lock_guard guard{mutex};
                  died += e == pool_errc::worker_died;
                });
    });
  CHECK(f.eventually([](auto& x) { return x.counts.running == 3; }));
  CHECK(f.call("die").why == pool_errc::worker_died);
  for (int i = 0; i < 3; ++i)
    f.self->receive([](const caf::down_msg&) {},
                    caf::after(limit) >> [] { FAIL("a caller still waits"); });
  CHECK(died == 3);
  CHECK(f.eventually([](auto& x) {
    return x.counts.running == 0 && x.workers.size() == 1
           && x.workers[0].state == worker_state::ready;
  }));
}

TEST_CASE("one thread is cancelled while the others go on") {
  auto x = crew();
  x.cancel_grace = 20s;
  pool_fixture f{x};
  f.self->spawn<caf::monitored>([&](caf::event_based_actor* self) {
    charmer::call(self, f.pool, "sleep", {{"seconds", 1}})
        .then([](const reply&) {}, [](caf::error& e) { FAIL(describe(e)); });
  });
  auto out = f.call("wait_for_cancel", {}, {.timeout = 100ms});
  CHECK(out.why == pool_errc::exec_timeout);
  f.self->receive([](const caf::down_msg&) {},
                  caf::after(limit) >>
                      [] { FAIL("the other one still waits"); });
  CHECK(f.eventually([](auto& s) { return s.counts.replied == 1; }));
  CHECK(f.stats().workers.at(0).incarnation == 1);
}
