// The thread profile: several requests of one Python process at once.
#include "pool_fixture.hpp"

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

// So many calls of the same command at once, and what came of them.
std::vector<outcome> call_all(pool_fixture& f, int count,
                              const std::string& command, arguments args = {},
                              call_options options = {}) {
  std::mutex mutex;
  std::vector<outcome> result;
  for (int i = 0; i < count; ++i)
    f.self->spawn<caf::monitored>([&](caf::event_based_actor* self) {
      charmer::call(self, f.pool, command, args, options)
          .then(
              [&](const reply& x) {
                std::lock_guard guard{mutex};
                result.push_back({x, {}});
              },
              [&](caf::error& e) {
                std::lock_guard guard{mutex};
                result.push_back({{}, std::move(e)});
              });
    });
  for (int i = 0; i < count; ++i)
    f.self->receive([](const caf::down_msg&) {},
                    caf::after(limit) >> [] { FAIL("a caller still waits"); });
  return result;
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

TEST_CASE("libraries of a thread worker may use as many threads as it has") {
  pool_fixture f{crew(1, 3)};
  CHECK(f.call("limits").json().at(0) == "3");
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
