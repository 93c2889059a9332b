// Workers that die, hang, or never start: every request has its outcome, and
// the pool is whole again.
#include "pool_fixture.hpp"
#include "processes.hpp"
#include "scratch_file.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include <cstdlib>
#include <unistd.h>

using namespace charmer_tests;

namespace {

using counts = std::map<std::string, std::uint64_t>;

bool whole(const pool_stats& x) {
  auto ready = std::count_if(x.workers.begin(), x.workers.end(), [](auto& w) {
    return w.state == worker_state::ready;
  });
  return x.workers.size() == x.size && static_cast<std::size_t>(ready) == x.size
         && x.counts.balanced();
}

std::size_t descriptors() {
  std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

} // namespace

TEST_CASE("the caller of a command that dies hears how, and nobody else") {
  pool_fixture f;
  for (std::string how : {"exit", "segfault", "kill"}) {
    auto out = f.call("die", {{"how", how}});
    CHECK(out.why == pool_errc::worker_died);
    auto what = out.what();
    CHECK(what.begun);
    CHECK(what.command == "die");
    CHECK(what.exit_code == (how == "exit" ? 3 : -1));
    CHECK(what.signal
          == (how == "kill"       ? SIGKILL
              : how == "segfault" ? SIGSEGV
                                  : 0));
    CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
  }
  CHECK(f.eventually(whole));
  CHECK(f.events.wait_for("charmer.supervisor.child_terminated", 3));
}

TEST_CASE("the event of a death tells how it was, what was running, and what "
          "the worker said last") {
  pool_fixture f{shop(1)};
  auto pid = f.call("pid").json();
  f.call("print", {{"text", "last words"}});
  std::string how;
  auto exit_code = nlohmann::json();
  auto signal = nlohmann::json();
  SUBCASE("it exits") {
    how = "exit";
    exit_code = 3;
  }
  SUBCASE("it is killed") {
    how = "kill";
    signal = SIGKILL;
  }
  SUBCASE("it breaks") {
    how = "segfault";
    signal = SIGSEGV;
  }
  // The first occupies the worker; of those who wait nothing is told.
  scratch_file begun;
  caf::scoped_actor a{f.sys};
  caf::scoped_actor b{f.sys};
  caf::scoped_actor c{f.sys};
  auto first = charmer::call(a, f.pool, "patient",
                             {{"seconds", 0.2}, {"marker", begun.path}});
  REQUIRE(begun.wait_for(1));
  auto fatal = charmer::call(b, f.pool, "die", {{"how", how}});
  auto waits = charmer::call(c, f.pool, "add", {{"a", 1}, {"b", 1}});
  first.receive([](const reply&) {}, [](caf::error&) {});
  caf::error why;
  fatal.receive([](const reply&) {}, [&](caf::error& e) { why = e; });
  CHECK(why == pool_errc::worker_died);
  auto served = false;
  waits.receive([&](const reply&) { served = true; }, [](caf::error&) {});
  CHECK(served);
  auto is_end = [](const event& x) {
    return x.name == "charmer.supervisor.child_terminated"
           && x.child == "worker-1";
  };
  REQUIRE(f.events.wait_for(is_end));
  auto all = f.events.all();
  CHECK(std::count_if(all.begin(), all.end(), is_end) == 1);
  auto e = *std::find_if(all.begin(), all.end(), is_end);
  auto detail = [&](const char* key) {
    auto i = e.details.find(key);
    return i != e.details.end() ? nlohmann::json::parse(i->second)
                                : nlohmann::json();
  };
  CHECK(e.level == severity::error);
  CHECK(e.path == "root/pool default/workers");
  CHECK(e.reason == pool_errc::worker_died);
  CHECK(e.uptime > 200ms);
  CHECK(detail("pid") == pid);
  CHECK(detail("exit_code") == exit_code);
  CHECK(detail("signal") == signal);
  CHECK(detail("incarnation") == 1);
  auto running = detail("requests");
  REQUIRE(running.size() == 1);
  CHECK(running[0].at("command") == "die");
  CHECK(running[0].at("id") > 0);
  CHECK(e.details.at("stderr").find("last words") != std::string::npos);
}

TEST_CASE("an idle worker that is killed is replaced") {
  pool_fixture f;
  auto victim = f.call("pid").json().get<int>();
  kill(victim, SIGKILL);
  CHECK(f.events.wait_for("charmer.worker.ready", 3));
  CHECK(f.eventually(whole));
  CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
}

TEST_CASE("an idempotent request survives its worker") {
  pool_fixture f{shop(1)};
  auto pid = f.call("pid").json().get<int>();
  outcome out;
  scratch_file begun;
  std::thread killer{[&] {
    if (begun.wait_for(1))
      kill(pid, SIGKILL);
  }};
  charmer::call(f.self, f.pool, "patient",
                {{"seconds", 0.3}, {"marker", begun.path}})
      .receive([&](const reply& x) { out.value = x; },
               [&](caf::error& e) { out.why = std::move(e); });
  killer.join();
  CHECK_MESSAGE(!out.why, describe(out.why));
  CHECK(f.stats().counts.retried == 1);
}

TEST_CASE("a request that kills every worker is poisoned after three") {
  auto x = shop(1);
  x.intensity = 10;
  pool_fixture f{x};
  auto out = f.call("poison");
  CHECK(out.why == pool_errc::poisoned);
  CHECK(f.events.wait_for("charmer.request.quarantined"));
  CHECK(out.what().exit_code == 1);
  CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
}

TEST_CASE("a command that hangs is cancelled and its worker replaced") {
  auto x = shop(1);
  x.cancel_grace = 50ms;
  pool_fixture f{x};
  auto out = f.call("sleep", {{"seconds", 600}}, {.timeout = 200ms});
  CHECK(out.why == pool_errc::exec_timeout);
  CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
  CHECK(f.stats().counts.expelled == 1);
  CHECK(f.eventually(whole));
}

TEST_CASE("who looks after a pool is told that a worker was ended because it "
          "hung, and what hung") {
  auto x = shop(1);
  x.cancel_grace = 50ms;
  pool_fixture f{x};
  auto out = f.call("sleep", {{"seconds", 600}}, {.timeout = 200ms});
  CHECK(out.why == pool_errc::exec_timeout);
  REQUIRE(f.events.wait_for("charmer.worker.terminated"));
  for (auto& e : f.events.all())
    if (e.name == "charmer.worker.terminated") {
      CHECK(e.level == severity::warning);
      CHECK(e.text
            == "worker-1 was ended by force: its request (command sleep) did "
               "not stop");
      CHECK(e.details.at("cause") == "\"hang\"");
      CHECK(e.details.at("command") == "\"sleep\"");
    }
  CHECK(f.app->lifecycle().total.recycled == counts{{"hang", 1}});
}

TEST_CASE("what is told of a worker that hangs says where, and not where "
          "another one was") {
  auto x = shop(1);
  x.cancel_grace = 50ms;
  pool_fixture f{x};
  auto polite = f.call("wait_for_cancel", {}, {.timeout = 20ms});
  CHECK(polite.what().traceback.find("in wait_for_cancel")
        != std::string::npos);
  f.self->receive(caf::after(300ms) >> [] {}); // that has passed
  auto hangs = charmer::call(f.self, f.pool, "sleep", {{"seconds", 600}},
                             {.timeout = limit});
  CHECK(f.eventually([](auto& s) { return s.counts.running == 1; }));
  f.self->receive(caf::after(100ms) >> [] {}); // it has begun by now
  hangs.cancel();
  hangs.receive([](const reply&) {}, [](caf::error&) {});
  REQUIRE(f.events.wait_for("charmer.worker.terminated"));
  for (auto& e : f.events.all())
    if (e.name == "charmer.worker.terminated") {
      auto where = failure_of(e.reason).traceback;
      CHECK_MESSAGE(where.find("in sleep") != std::string::npos, where);
      CHECK_MESSAGE(where.find("in wait_for_cancel") == std::string::npos,
                    where);
    }
}

TEST_CASE("the error of a command that hangs says where it hangs") {
  auto x = shop(1);
  x.cancel_grace = 50ms;
  pool_fixture f{x};
  auto before = std::chrono::steady_clock::now();
  auto out = f.call("sleep", {{"seconds", 600}}, {.timeout = 200ms});
  auto took = std::chrono::steady_clock::now() - before;
  CHECK(out.why == pool_errc::exec_timeout);
  CAPTURE(out.what().traceback);
  CHECK(out.what().traceback.find("shop.py\", line") != std::string::npos);
  CHECK(out.what().traceback.find("in sleep") != std::string::npos);
  CHECK(took < 300ms); // 200 + 50 and the 50 that it may be late
  // Whoever looks after the worker is told, too.
  auto says_where = [](const std::string& name) {
    return [name](const event& e) {
      auto said = e.details.find("traceback");
      return e.name == name && said != e.details.end()
             && said->second.find("in sleep") != std::string::npos;
    };
  };
  CHECK(f.events.wait_for(says_where("charmer.supervisor.child_terminated")));
  CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
}

TEST_CASE(
    "a command that hangs in C and keeps the GIL says where, at the latest "
    "when its worker is killed") {
  for (auto profile : {"process", "thread"}) {
    CAPTURE(profile);
    auto x = shop(1);
    x.profile = profile;
    // With threads the error is to come before the worker is ended.
    x.cancel_grace = x.profile == "thread" ? 500ms : 50ms;
    x.adapter = "shop:OpenAllDay";
    pool_fixture f{x};
    auto out = f.call("hold_the_gil", {}, {.timeout = 200ms});
    CHECK(out.why == pool_errc::exec_timeout);
    auto said = out.what().traceback;
    if (x.profile == "process")
      CHECK(said.find("in hold_the_gil") != std::string::npos);
    else
      CHECK(out.what().text.find("did not say where it is")
            != std::string::npos);
    CHECK(f.events.wait_for([](const event& e) {
      auto said = e.details.find("traceback");
      return e.name == "charmer.supervisor.child_terminated"
             && said != e.details.end()
             && said->second.find("in hold_the_gil") != std::string::npos;
    }));
    CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
  }
}

TEST_CASE("where a command hangs is told also if it has left a line without an "
          "end, as a progress bar does") {
  std::string bar; // longer than a line may be
  for (int i = 0; i < 100; ++i)
    bar += "\r" + std::to_string(i) + "%|###                        |";
  for (auto profile : {"process", "thread"}) {
    CAPTURE(profile);
    auto x = shop(1);
    x.profile = profile;
    x.cancel_grace = 50ms;
    x.adapter = "shop:OpenAllDay";
    pool_fixture f{x};
    auto out = f.call("sleep_after", {{"said", bar}, {"seconds", 600}},
                      {.timeout = 200ms});
    CHECK(out.why == pool_errc::exec_timeout);
    CHECK_MESSAGE(out.what().traceback.find("in sleep_after")
                      != std::string::npos,
                  out.what().traceback);
    f.call("add", {{"a", 1}, {"b", 1}}); // its successor is there
    // Asked by the last signal.
    f.call("hold_the_gil", {{"said", bar}}, {.timeout = 200ms});
    CHECK(f.events.wait_for([](const event& e) {
      auto said = e.details.find("traceback");
      return e.name == "charmer.supervisor.child_terminated"
             && said != e.details.end()
             && said->second.find("in hold_the_gil") != std::string::npos;
    }));
  }
}

TEST_CASE("the last lines on stderr are the user's, however often it was asked "
          "where its commands are") {
  for (auto profile : {"process", "thread"}) {
    CAPTURE(profile);
    auto x = shop(1);
    x.profile = profile;
    x.adapter = "shop:OpenAllDay";
    x.stderr_lines = 3;
    pool_fixture f{x};
    auto say = [&](const std::string& what) {
      f.call("sleep_after", {{"said", what}, {"seconds", 0}});
    };
    say("important\n");
    for (int i = 0; i < 3; ++i) {
      auto late = f.call("nap", {{"seconds", 600}}, {.timeout = 50ms});
      CHECK(!late.what().traceback.empty());
    }
    auto out = f.call("die_after", {{"said", "and the last\n"}});
    CHECK(out.why == pool_errc::worker_died);
    std::vector<std::string> expected{"important", "and the last"};
    CHECK(out.what().stderr_tail == expected);
  }
}

TEST_CASE("the error of a coroutine that waits for too long says where") {
  for (auto profile : {"process", "thread"}) {
    CAPTURE(profile);
    auto x = shop(1);
    x.profile = profile;
    x.adapter = "shop:OpenAllDay";
    pool_fixture f{x};
    auto out = f.call("nap", {{"seconds", 600}}, {.timeout = 200ms});
    CHECK(out.why == pool_errc::exec_timeout);
    auto said = out.what().traceback;
    CAPTURE(said);
    auto at = said.find("Coroutine of call");
    REQUIRE(at != std::string::npos);
    CHECK(said.find("shop.py\", line", at) != std::string::npos);
    CHECK(said.find("in nap", at) != std::string::npos);
    // It ended where it was cancelled, and its worker serves on.
    CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
    CHECK(f.stats().counts.expelled == 0);
  }
}

TEST_CASE("a worker that is stopped has no traceback, and its caller an error "
          "in time") {
  auto x = shop(1);
  x.cancel_grace = 50ms;
  pool_fixture f{x};
  auto pid = f.call("pid").json().get<pid_t>();
  f.events.wait_for("charmer.worker.ready");
  auto sleeping = charmer::call(f.self, f.pool, "sleep", {{"seconds", 600}},
                                {.timeout = 300ms});
  CHECK(f.eventually([](auto& s) { return s.counts.running == 1; }));
  f.self->receive(caf::after(50ms) >> [] {}); // it has begun by now
  kill(pid, SIGSTOP);
  caf::error why;
  sleeping.receive([](const reply&) {}, [&](caf::error& e) { why = e; });
  CHECK(why == pool_errc::exec_timeout);
  CHECK(failure_of(why).traceback.empty());
  CHECK(f.eventually(whole));
}

TEST_CASE("a command that asks whether it was cancelled keeps its worker") {
  auto x = shop(1);
  x.cancel_grace = 20s;
  pool_fixture f{x};
  auto before = f.call("pid").json();
  auto out = f.call("wait_for_cancel", {}, {.timeout = 200ms});
  CHECK(out.why == pool_errc::exec_timeout);
  CHECK(f.call("pid").json() == before);
  CHECK(f.stats().counts.stale == 1);
}

TEST_CASE("a call can be cancelled while it waits and while it runs") {
  auto x = shop(1);
  x.cancel_grace = 50ms;
  pool_fixture f{x};
  caf::scoped_actor a{f.sys};
  caf::scoped_actor b{f.sys};
  scratch_file begun;
  auto running = charmer::call(a, f.pool, "patient",
                               {{"seconds", 600}, {"marker", begun.path}});
  CHECK(begun.wait_for(1));
  auto waiting = charmer::call(b, f.pool, "add", {{"a", 1}, {"b", 1}});
  CHECK(f.eventually([](auto& s) { return s.counts.waiting == 1; }));
  caf::error first;
  caf::error second;
  waiting.cancel();
  waiting.receive([](const reply&) {}, [&](caf::error& e) { first = e; });
  running.cancel();
  running.receive([](const reply&) {}, [&](caf::error& e) { second = e; });
  CHECK(first == pool_errc::cancelled);
  CHECK(!failure_of(first).begun);
  CHECK(second == pool_errc::cancelled);
  CHECK(failure_of(second).begun);
  CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
  CHECK(f.stats().counts.cancelled == 2);
}

TEST_CASE("requests of a caller that is gone never run") {
  pool_fixture f{shop(1)};
  caf::scoped_actor busy{f.sys};
  auto first = charmer::call(busy, f.pool, "sleep", {{"seconds", 0.2}});
  {
    caf::scoped_actor gone{f.sys};
    charmer::call(gone, f.pool, "die", {{"how", "exit"}});
    CHECK(f.eventually([](auto& s) { return s.counts.waiting == 1; }));
  }
  CHECK(f.eventually([](auto& s) { return s.counts.cancelled == 1; }));
  caf::error why;
  first.receive([](const reply&) {}, [&](caf::error& e) { why = e; });
  CHECK(!why);
  CHECK(f.stats().counts.failed == 0);
}

TEST_CASE("no worker in time means wait_timeout, a full queue means so now") {
  auto x = shop(1);
  x.max_queue_size = 1;
  pool_fixture f{x};
  caf::scoped_actor a{f.sys};
  caf::scoped_actor b{f.sys};
  auto running = charmer::call(a, f.pool, "sleep", {{"seconds", 1}});
  CHECK(f.eventually([](auto& s) { return s.counts.running == 1; }));
  auto waiting = charmer::call(b, f.pool, "ping", {}, {.queue_timeout = 100ms});
  CHECK(f.eventually([](auto& s) { return s.counts.waiting == 1; }));
  CHECK(f.call("ping").why == pool_errc::queue_full);
  caf::error why;
  waiting.receive([](const reply&) {}, [&](caf::error& e) { why = e; });
  CHECK(why == pool_errc::wait_timeout);
  running.receive([](const reply&) {}, [](caf::error&) { FAIL("failed"); });
}

TEST_CASE("an adapter that does not import: one error with the traceback") {
  auto x = shop(2);
  x.adapter = "no_such_module:Shop";
  pool_fixture f{x, false};
  auto err = f.app->await_ready(limit);
  CHECK(err == pool_errc::start_failed);
  CHECK(failure_of(err).text.find("no_such_module") != std::string::npos);
  auto out = f.call("ping");
  CHECK(out.why == pool_errc::pool_degraded);
  CHECK(out.what().text.find("no_such_module") != std::string::npos);
  CHECK(f.events.wait_for("charmer.pool.degraded"));
}

TEST_CASE("a worker that is killed while it starts is started again") {
  auto x = shop(1);
  x.adapter = "slow_start";
  pool_fixture f{x, false};
  pid_t victim = 0;
  auto end = std::chrono::steady_clock::now() + limit;
  while (victim == 0 && std::chrono::steady_clock::now() < end)
    for (auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
      std::ifstream file{task.path() / "children"};
      for (pid_t pid; file >> pid;) {
        std::ifstream name{"/proc/" + std::to_string(pid) + "/cmdline"};
        std::string line;
        std::getline(name, line);
        if (line.find("--worker") != std::string::npos)
          victim = pid;
      }
    }
  REQUIRE(victim != 0);
  kill(victim, SIGKILL);
  CHECK(!f.app->await_ready(limit));
  CHECK(f.call("ping").json()["status"] == "pong");
}

TEST_CASE("workers that die at once degrade the pool, and it recovers") {
  auto x = shop(1);
  x.intensity = 2;
  x.restart_backoff = {.minimum = 10ms, .maximum = 50ms};
  pool_fixture f{x};
  for (int i = 0; i < 20; ++i)
    f.call("die", {{"how", "exit"}}, {.timeout = 10s});
  CHECK(f.events.wait_for("charmer.pool.degraded"));
  CHECK(f.events.wait_for("charmer.pool.recovered"));
  CHECK(f.eventually(whole));
  CHECK(f.call("ping").json()["status"] == "pong");
}

TEST_CASE("a stopped pool leaves no process and no descriptor") {
  { pool_fixture f{shop(1)}; } // what is opened once and for all
  auto open = descriptors();
  auto before = child_processes().size();
  {
    pool_fixture f{shop(4)};
    CHECK(child_processes().size() == before + 4);
    f.call("die", {{"how", "exit"}});
    f.call("ping");
    CHECK(!f.app->stop());
    CHECK(child_processes().size() == before);
  }
  CHECK(descriptors() == open);
}
