// Faults that are injected into real workers: each request has one outcome in
// bounded time, the others do not notice, and the pool is whole again.
#include "pool_fixture.hpp"
#include "pool_parts.hpp"
#include "real_system.hpp"
#include "scratch_file.hpp"

#include "charmer/profiles/process_profile.hpp"
#include "charmer/profiles/python_command.hpp"
#include "charmer/wire/spawner.hpp"

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
  explicit calls(pool_fixture& f)
      : f_(f), outcomes_(std::make_shared<outcomes>()) {}

  void make(const std::string& command, arguments args = {},
            call_options options = {}) {
    ++made_;
    f_.self->spawn<caf::monitored>([pool = f_.pool, into = outcomes_, command,
                                    args,
                                    options](caf::event_based_actor* self) {
      charmer::call(self, pool, command, args, options)
          .then(
              [into](const reply& x) {
                into->add({x, {}});
              },
              [into](caf::error& e) {
                into->add({{}, std::move(e)});
              });
    });
  }

  std::vector<outcome> all() {
    for (; made_ > 0; --made_)
      f_.self->receive([](const caf::down_msg&) {},
                       caf::after(limit) >>
                           [] { FAIL("a caller still waits"); });
    return outcomes_->take();
  }

private:
  // Of the callers: a test that fails is gone before they are answered.
  class outcomes {
  public:
    void add(outcome x) {
      std::lock_guard guard{mutex_};
      all_.push_back(std::move(x));
    }

    std::vector<outcome> take() {
      std::lock_guard guard{mutex_};
      return std::exchange(all_, {});
    }

  private:
    std::mutex mutex_;
    std::vector<outcome> all_;
  };

  pool_fixture& f_;
  int made_ = 0;
  std::shared_ptr<outcomes> outcomes_;
};

// Takes note of who has died only after a while.
class slow_undertaker : public real_system {
public:
  wire::exit_status reap(int pidfd) override {
    std::this_thread::sleep_for(300ms);
    auto result = real_system::reap(pidfd);
    buried = true;
    return result;
  }

  std::atomic<bool> buried = false;
};

// Workers whose processes are buried late.
struct slow_burial {
  explicit slow_burial(timespan worker_shutdown) {
    register_profile("slow burial",
                     std::make_shared<process_profile>(from, python_command));
    pool.profile = "slow burial";
    pool.worker_shutdown = worker_shutdown;
  }

  ~slow_burial() { register_profile("slow burial", nullptr); }

  slow_undertaker os;
  wire::spawner from{os};
  pool_settings pool = faulty();
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
  auto workers = *f.app->metadata();
  REQUIRE(workers.size() == 4);
  for (auto& x : workers)
    kill(static_cast<pid_t>(x.pid), SIGKILL);
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

TEST_CASE("a stop without a limit ends a process in the middle of a request") {
  auto x = faulty();
  x.worker_shutdown = 10min;
  pool_fixture f{x};
  auto pid = pid_of_one(f);
  calls open{f};
  scratch_file begun;
  open.make("begin", {{"file", begun.path}, {"seconds", 60}});
  REQUIRE(begun.wait_for(1));
  CHECK(!f.app->stop_pool("default", 0s));
  CHECK(kill(pid, 0) != 0);
  CHECK(open.all().at(0).why == pool_errc::shutting_down);
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

TEST_CASE("a stop waits until the process that it killed is buried: whoever "
          "tells of it must find the actor system still there") {
  slow_burial workers{100ms};
  pool_fixture f{workers.pool};
  CHECK_FALSE(f.call("linger").why);
  CHECK(!f.app->stop_pool("default", limit));
  CHECK(workers.os.buried);
}

TEST_CASE("workers that a killed supervisor left are replaced also if they are "
          "buried when its successor has looked for vacancies") {
  slow_burial workers{100ms};
  pool_fixture f{workers.pool};
  auto before = incarnations(f.stats());
  pool_parts{f}.kill_part("workers", 1);
  CHECK(f.eventually(
      [&](auto& x) { return whole(x) && incarnations(x) != before; }));
  CHECK(workers.os.buried);
}

TEST_CASE(
    "so does the end of an actor system, for a pool that has no runtime") {
  slow_burial workers{0s};
  {
    config cfg;
    caf::actor_system sys{cfg};
    caf::scoped_actor self{sys};
    auto child = make_pool_child(sys, workers.pool);
    REQUIRE(child);
    auto top = start_supervisor(sys, {.children = {child->spec}});
    REQUIRE(top);
    auto ready = false;
    charmer::call(self, child->handle, "pid")
        .receive([&](const reply&) { ready = true; }, [](caf::error&) {});
    CHECK(ready);
    ask_to_stop(self->address(), *top);
    self->wait_for(*top);
  }
  CHECK(workers.os.buried);
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
