// Faults that are injected into real workers: each request has one outcome in
// bounded time, the others do not notice, and the pool is whole again.
#include "pool_fixture.hpp"
#include "scratch_file.hpp"

#include <caf/io/all.hpp>

#include <chrono>
#include <filesystem>
#include <thread>

#include <cstdlib>
#include <unistd.h>

using namespace charmer_tests;

namespace {

pool_settings faulty(std::uint32_t size = 1) {
  auto x = shop(size);
  x.adapter = "faulty:Faulty";
  return x;
}

bool whole(const pool_stats& x) {
  auto ready = std::count_if(x.workers.begin(), x.workers.end(), [](auto& w) {
    return w.state == worker_state::ready;
  });
  return x.workers.size() == x.size && static_cast<std::size_t>(ready) == x.size
         && x.counts.running == 0 && x.counts.balanced();
}

// Calls whose outcomes are awaited later.
class calls {
public:
  explicit calls(pool_fixture& f) : f_(f) {}

  void make(const std::string& command, arguments args = {},
            call_options options = {}) {
    ++made_;
    f_.self->spawn<caf::monitored>(
        [this, command, args, options](caf::event_based_actor* self) {
          charmer::call(self, f_.pool, command, args, options)
              .then(
                  [this](const reply& x) {
                    add({x, {}});
                  },
                  [this](caf::error& e) {
                    add({{}, std::move(e)});
                  });
        });
  }

  std::vector<outcome> all() {
    for (; made_ > 0; --made_)
      f_.self->receive([](const caf::down_msg&) {},
                       caf::after(limit) >>
                           [] { FAIL("a caller still waits"); });
    std::lock_guard guard{mutex_};
    return std::exchange(outcomes_, {});
  }

private:
  void add(outcome x) {
    std::lock_guard guard{mutex_};
    outcomes_.push_back(std::move(x));
  }

  pool_fixture& f_;
  int made_ = 0;
  std::mutex mutex_;
  std::vector<outcome> outcomes_;
};

pid_t pid_of_one(pool_fixture& f) {
  return f.call("pid").json().get<pid_t>();
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
      .count();
}

} // namespace

// -- death --------------------------------------------------------------------

TEST_CASE("killed after half a request was written: it never began, and is "
          "sent to another") {
  pool_fixture f{faulty()};
  auto victim = pid_of_one(f);
  kill(victim, SIGSTOP); // reads nothing: the pipe fills
  calls open{f};
  open.make("size", payload::raw(std::string(8 << 20, 'x')),
            {.idempotent = idempotence::no});
  CHECK(f.eventually([](auto& x) { return x.workers.at(0).running == 1; }));
  kill(victim, SIGKILL);
  auto out = open.all();
  REQUIRE_MESSAGE(!out.at(0).why, describe(out[0].why));
  CHECK(out[0].json().at(0) != victim);
  CHECK(out[0].json().at(1) == 8 << 20);
  CHECK(f.stats().counts.requeued == 1);
  CHECK(f.stats().counts.retried == 0);
  CHECK(f.eventually(whole));
}

TEST_CASE("an end with status 0 in a request is a death as any other") {
  pool_fixture f{faulty()};
  auto out = f.call("exit");
  CHECK(out.why == pool_errc::worker_died);
  CHECK(out.what().exit_code == 0);
  CHECK(f.eventually(whole));
}

TEST_CASE("all workers killed at once: each caller is told, and all are back") {
  pool_fixture f{faulty(4)};
  calls open{f};
  scratch_file begun;
  for (int i = 0; i < 4; ++i)
    open.make("begin", {{"file", begun.path}, {"seconds", 60}});
  REQUIRE(begun.wait_for(4));
  for (auto& x : f.events.all())
    if (x.name == "charmer.worker.ready")
      kill(std::stoi(x.details.at("pid")), SIGKILL);
  for (auto& x : open.all())
    CHECK_MESSAGE(x.why == pool_errc::worker_died, describe(x.why));
  CHECK(f.eventually(whole));
  CHECK_FALSE(f.call("pid").why);
}

TEST_CASE("killed while the pool drains: its caller is told, and the stop "
          "ends") {
  pool_fixture f{faulty()};
  auto victim = pid_of_one(f);
  calls open{f};
  scratch_file begun;
  open.make("begin", {{"file", begun.path}, {"seconds", 60}});
  REQUIRE(begun.wait_for(1));
  auto begin = std::chrono::steady_clock::now();
  std::thread stopping{[&] { f.app->stop_pool("default", 30s); }};
  CHECK(f.eventually([](auto& x) { return x.draining; }));
  kill(victim, SIGKILL);
  auto out = open.all();
  stopping.join();
  CHECK(out.at(0).why);
  CHECK(seconds_since(begin) < 20);
}

// -- wedge --------------------------------------------------------------------

TEST_CASE("a worker that is stopped in a request is replaced at its deadline") {
  auto x = faulty();
  x.cancel_grace = 100ms;
  pool_fixture f{x};
  auto victim = pid_of_one(f);
  kill(victim, SIGSTOP);
  auto begin = std::chrono::steady_clock::now();
  auto out = f.call("sleep", {{"seconds", 0}}, {.timeout = 300ms});
  CHECK(out.why == pool_errc::exec_timeout);
  CHECK(!out.what().begun);
  CHECK(seconds_since(begin) < 5);
  CHECK(f.eventually(
      [&](auto& s) { return whole(s) && s.workers[0].incarnation > 1; }));
  CHECK(pid_of_one(f) != victim);
}

TEST_CASE(
    "a process that hangs as it ends is killed, and the stop is bounded") {
  auto x = faulty();
  x.worker_shutdown = 500ms;
  pool_fixture f{x};
  auto pid = pid_of_one(f);
  CHECK_FALSE(f.call("linger").why);
  auto begin = std::chrono::steady_clock::now();
  CHECK(!f.app->stop());
  CHECK(seconds_since(begin) < 10);
  CHECK(kill(pid, 0) != 0);
}

// -- flow ---------------------------------------------------------------------

TEST_CASE("payloads above the pipe's size go both ways at once") {
  auto x = faulty();
  x.profile = "thread";
  x.threads_per_worker = 4;
  pool_fixture f{x};
  std::string data(6 << 20, 'x');
  calls open{f};
  for (int i = 0; i < 12; ++i)
    open.make("echo", payload::raw(data));
  for (auto& x : open.all()) {
    REQUIRE_MESSAGE(!x.why, describe(x.why));
    CHECK(x.value.text() == data);
  }
  CHECK(f.stats().workers.at(0).incarnation == 1);
}

// -- resources ----------------------------------------------------------------

TEST_CASE("who runs out of memory or descriptors is told, and serves on") {
  pool_fixture f{faulty()};
  auto pid = pid_of_one(f);
  auto memory = f.call("exhaust_memory");
  CHECK(memory.why == pool_errc::python_exception);
  CHECK(memory.what().type == "MemoryError");
  auto descriptors = f.call("exhaust_descriptors");
  CHECK(descriptors.why == pool_errc::python_exception);
  CHECK(descriptors.what().text.find("Too many open files")
        != std::string::npos);
  CHECK(pid_of_one(f) == pid);
}

// -- supervision --------------------------------------------------------------

TEST_CASE("deadlines, backoff and ages know nothing of the wall clock") {
  config cfg;
  caf::actor_system sys{cfg};
  using now = decltype(sys.clock().now());
  CHECK(std::is_same_v<now, std::chrono::steady_clock::time_point>);
}
