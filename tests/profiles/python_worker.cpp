#include "profiles/worker_fixture.hpp"

#include "charmer/supervision/errors.hpp"

#include <algorithm>
#include <vector>

#include <unistd.h>

#include <nlohmann/json.hpp>

using namespace charmer;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Memory of this process in bytes.
std::size_t resident() {
  std::ifstream file{"/proc/self/statm"};
  std::size_t total = 0;
  std::size_t pages = 0;
  file >> total >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

} // namespace

TEST_SUITE_BEGIN("python worker");

// -- calls --------------------------------------------------------------------

TEST_CASE_FIXTURE(worker_fixture, "a worker answers a call") {
  auto worker = start_ready();
  CHECK_EQ(call(worker, "add", R"({"a": 5, "b": 3})").json, "8");
  CHECK_EQ(call(worker, "echo", R"([{"x": [1, 1.5, null]}])").json,
           R"({"x":[1,1.5,null]})");
  stop(worker);
}

TEST_CASE_FIXTURE(worker_fixture, "what a ready worker says of itself") {
  auto worker = start_ready();
  auto info = *worker.host->await_ready();
  CHECK_EQ(call(worker, "pid").json, std::to_string(info.pid));
  CHECK(contains(info.python_version, "3."));
  CHECK_FALSE(info.interpreter.empty());
  CHECK(eventually([&] {
    return std::any_of(info.commands.begin(), info.commands.end(),
                       [](auto& x) { return x.name == "add"; });
  }));
  CHECK_GT(profile.get_memory(info), 1 << 20);
  CHECK_EQ(profile.get_capacity(settings), 1);
  CHECK_EQ(worker.host->times_ready(), 1);
  stop(worker);
}

TEST_CASE_FIXTURE(worker_fixture, "many calls may lie in the pipe") {
  auto worker = start_ready();
  constexpr int calls = 2000;
  auto [good, bad] = call_many(worker, "echo", R"(["x"])", calls);
  CHECK_EQ(good, calls);
  CHECK_EQ(bad, 0);
  stop(worker);
}

TEST_CASE_FIXTURE(worker_fixture,
                  "large payloads pass each other in both directions") {
  auto worker = start_ready();
  auto text = '"' + std::string(3 << 20, 'x') + '"';
  auto [good, bad] = call_many(worker, "echo", '[' + text + ']', 8);
  CHECK_EQ(good, 8);
  CHECK_EQ(call(worker, "echo", '[' + text + ']').json, text);
  stop(worker);
}

TEST_CASE_FIXTURE(worker_fixture, "an exception arrives with its traceback") {
  auto worker = start_ready();
  auto error = call(worker, "fail", R"(["no"])").error;
  CHECK(error == pool_errc::python_exception);
  auto what = failure_of(error);
  CHECK_EQ(what.type, "ValueError");
  CHECK_EQ(what.command, "fail");
  CHECK_EQ(what.worker, "worker-1");
  CHECK(contains(what.traceback, "in fail"));
  CHECK(contains(describe(error), "ValueError: no"));
  CHECK_EQ(call(worker, "add", "[1, 2]").json, "3");
  stop(worker);
}

TEST_CASE_FIXTURE(worker_fixture, "what does not fit is that call's error") {
  settings.max_frame_bytes = 100'000;
  auto worker = start_ready();
  CHECK(call(worker, "nothing").error == pool_errc::unknown_command);
  CHECK(call(worker, "add", "[1]").error == pool_errc::bad_payload);
  CHECK(call(worker, "add", "[1").error == pool_errc::bad_payload);
  auto large = R"([")" + std::string(100'000, 'x') + R"("])";
  CHECK(call(worker, "echo", large).error == pool_errc::frame_too_large);
  CHECK(call(worker, "many", "[200000]").error == pool_errc::frame_too_large);
  CHECK_EQ(call(worker, "add", "[1, 2]").json, "3");
  stop(worker);
}

TEST_CASE_FIXTURE(worker_fixture, "a frame of exactly the limit is taken in "
                                  "both directions, one byte more is not") {
  settings.max_frame_bytes = 100'000;
  auto worker = start_ready();
  // Grows by one byte a time until it is refused: with the very next size.
  auto first_refused = [&](const char* command, auto arguments) {
    for (std::size_t n = 99'900; n <= 100'000; ++n) {
      auto out = call(worker, command, arguments(n));
      if (out.error) {
        CHECK(out.error == pool_errc::frame_too_large);
        return failure_of(out.error).text;
      }
    }
    return std::string{"none"};
  };
  auto there = first_refused("length", [](std::size_t n) {
    return R"([")" + std::string(n, 'x') + R"("])";
  });
  CHECK(contains(there, " 100001 bytes"));
  auto back = first_refused(
      "many", [](std::size_t n) { return '[' + std::to_string(n) + ']'; });
  CHECK(contains(back, " 100001 bytes"));
  CHECK_EQ(call(worker, "add", "[1, 2]").json, "3");
  stop(worker);
}

TEST_CASE_FIXTURE(worker_fixture, "a cancelled call never begins, or is told") {
  auto worker = start_ready();
  auto& self = caller;
  auto send = [&](const char* command) {
    return self->request(worker.handle, 20s,
                         invocation{command, payload::json("[]"), {}});
  };
  auto running = send("wait_for_cancel");
  auto lying = send("pid");
  auto lease_of = [](auto& x) { return x.id().request_id().integer_value(); };
  auto evidence = worker.host->await_ready()->evidence;
  CHECK(eventually([&] { return evidence->begun(lease_of(running)); }));
  cast(worker.handle, cancel_atom_v, lease_of(lying));
  cast(worker.handle, cancel_atom_v, lease_of(running));
  std::move(running).receive(
      [](const reply& x) { CHECK_EQ(x.text(), R"("gave up")"); },
      [](caf::error& x) { CHECK_EQ(describe(x), ""); });
  std::move(lying).receive([](const reply&) { CHECK_MESSAGE(false, "it ran"); },
                           [](caf::error& x) {
                             CHECK(x == pool_errc::cancelled);
                             CHECK_FALSE(
                                 failure_of(x).begun); // it can be sent again
                           });
  CHECK_FALSE(evidence->begun(lease_of(lying)));
  stop(worker);
}

// -- surroundings -------------------------------------------------------------

TEST_CASE_FIXTURE(worker_fixture, "environment: the pool's wins, then the "
                                  "host's, then one thread for BLAS") {
  ::setenv("MKL_NUM_THREADS", "3", 1);
  ::setenv("OMP_NUM_THREADS", "3", 1);
  settings.env = {{"OMP_NUM_THREADS", "5"}, {"MY_OWN", "yes"}};
  settings.cwd = "/";
  auto worker = start_ready();
  auto get = [&](const char* name) {
    return call(worker, "environment", R"([")" + std::string{name} + R"("])")
        .json;
  };
  CHECK_EQ(get("OPENBLAS_NUM_THREADS"), R"("1")");
  CHECK_EQ(get("MKL_NUM_THREADS"), R"("3")");
  CHECK_EQ(get("OMP_NUM_THREADS"), R"("5")");
  CHECK_EQ(get("MY_OWN"), R"("yes")");
  CHECK_EQ(call(worker, "folder").json, R"("/")");
  stop(worker);
  ::unsetenv("MKL_NUM_THREADS");
  ::unsetenv("OMP_NUM_THREADS");
}

TEST_CASE_FIXTURE(worker_fixture, "a worker inherits nothing but its pipes, "
                                  "default signals and an empty mask") {
  auto leak = ::dup(2); // not close-on-exec
  auto worker = start_ready();
  auto seen = nlohmann::json::parse(call(worker, "surroundings").json);
  CHECK_EQ(seen["ignored"], "0000000000000000");
  // But what the worker itself blocks: a thread of its own waits for it.
  CHECK_EQ(seen["blocked"], "0000002000000000");
  for (auto& target : seen["descriptors"])
    CHECK_FALSE(contains(target.get<std::string>(), "eventpoll"));
  CHECK_LE(seen["descriptors"].size(), 10);
  CHECK_EQ(seen["group"], worker.host->await_ready()->pid);
  stop(worker);
  ::close(leak);
}

TEST_CASE_FIXTURE(worker_fixture, "lines on stderr and log records are told") {
  auto worker = start_ready();
  CHECK_EQ(call(worker, "flood", "[3]").json, "3");
  CHECK(worker.host->await_event("charmer.worker.stderr", "line 2"));
  CHECK_EQ(call(worker, "log", R"(["hello"])").json, "null");
  CHECK(worker.host->await_event("charmer.worker.log", "hello"));
  for (auto& x : worker.host->events())
    if (x.name == "charmer.worker.log")
      CHECK(x.level == severity::warning);
  stop(worker);
}

TEST_CASE_FIXTURE(worker_fixture, "a flood on stderr is limited and counted") {
  auto worker = start_ready();
  CHECK_EQ(call(worker, "flood", "[100000]").json, "100000");
  CHECK_LT(worker.host->events().size(), 1000);
  // A later line tells what was dropped.
  CHECK(eventually([&] {
    call(worker, "flood", "[1]");
    auto events = worker.host->events();
    return std::any_of(events.begin(), events.end(), [](auto& x) {
      return x.details.count("dropped_before") > 0;
    });
  }));
  stop(worker);
}

TEST_CASE_FIXTURE(worker_fixture, "a gigabyte on stderr costs no memory, and "
                                  "nobody else notices") {
  auto noisy = start_ready();
  auto other = start_ready();
  auto before = resident();
  constexpr auto mega = std::size_t{1} << 20;
#ifdef __SANITIZE_ADDRESS__
  constexpr auto some = 640 * mega; // it keeps what was freed for a while
#else
  constexpr auto some = 64 * mega;
#endif
  struct kind {
    const char* what;
    const char* piece; // as JSON
    std::size_t bytes;
  };
  for (auto& x :
       {kind{"without newlines", R"("x")", 1024 * mega},
        kind{"binary", R"("\u0000\u00ff\n\u00fe")", 64 * mega},
        kind{"lines", R"("a line as it is often written\n")", 128 * mega}}) {
    CAPTURE(x.what);
    std::string arguments =
        '[' + std::to_string(x.bytes) + ", " + x.piece + ']';
    auto flood = caller->request(
        noisy.handle, 60s, invocation{"spill", payload::json(arguments), {}});
    std::size_t most = 0;
    for (int i = 0; i < 50; ++i) {
      CHECK_EQ(call(other, "add", "[1, 2]").json, "3");
      most = std::max(most, resident());
    }
    std::move(flood).receive(
        [&](const reply& y) { CHECK_GE(std::stoull(y.text()), x.bytes); },
        [](caf::error& e) { CHECK_EQ(describe(e), ""); });
    most = std::max(most, resident());
    CHECK_LT(most, before + some);
  }
  CHECK_LT(noisy.host->events().size(), 60 * 100);
  stop(noisy);
  stop(other);
}

TEST_CASE_FIXTURE(worker_fixture, "what was left out of a worker's last words "
                                  "is counted") {
  auto worker = start_ready();
  begin(worker, "flood_and_die", "[5000]");
  auto death = worker.host->await_death();
  REQUIRE(death);
  std::uint64_t told[3] = {0, 0, 0};
  std::uint64_t dropped[3] = {0, 0, 0};
  const char* names[] = {"charmer.worker.stderr", "charmer.worker.log",
                         "last.event"};
  const char* keys[] = {"lines", "records", "emitted"};
  for (auto& x : worker.host->events())
    for (int i = 0; i < 3; ++i) {
      told[i] += x.name == names[i];
      if (x.name == names[i] && x.details.count("dropped_before") > 0)
        dropped[i] += std::stoull(x.details.at("dropped_before"));
      if (x.name == "charmer.worker.output_dropped")
        dropped[i] += std::stoull(x.details.at(keys[i]));
    }
  for (int i = 0; i < 3; ++i) {
    CAPTURE(names[i]);
    CHECK_GT(told[i], 0);
    CHECK_GT(dropped[i], 0);
    CHECK_EQ(told[i] + dropped[i], 5000); // nothing is lost in silence
  }
}

// -- death --------------------------------------------------------------------

TEST_CASE_FIXTURE(worker_fixture, "a worker killed in a call tells how") {
  auto worker = start_ready();
  auto& self = caller;
  self->monitor(worker.handle);
  // It stays unanswered: the pool settles it.
  begin(worker, "kill_self", "[9]");
  auto death = worker.host->await_death();
  REQUIRE(death);
  CHECK(death->reason == pool_errc::worker_died);
  CHECK_EQ(failure_of(death->reason).signal, SIGKILL);
  CHECK_FALSE(death->planned);
  self->receive([](caf::down_msg& x) {
    CHECK(x.reason == pool_errc::worker_died);
    auto said = exit_details_of(x.reason);
    REQUIRE(said);
    CHECK_EQ(said->text, "killed by SIGKILL");
    CHECK_EQ(said->details["signal"], "9");
    CHECK_EQ(said->details.count("pid"), 1);
  });
  CHECK_EQ(worker.host->times_died(), 1);
}

TEST_CASE_FIXTURE(worker_fixture, "a worker killed while idle tells how") {
  auto worker = start_ready();
  auto pid = worker.host->await_ready()->pid;
  ::kill(static_cast<pid_t>(pid), SIGKILL);
  CHECK_EQ(failure_of(worker.host->await_death()->reason).signal, SIGKILL);
  CHECK_FALSE(process_exists(pid));
}

TEST_CASE_FIXTURE(worker_fixture, "every death has its name") {
  struct kind {
    const char* command;
    const char* arguments;
    const char* text;
  };
  for (auto& x : {kind{"exit_at_once", "[0]", "exit code 0"},
                  kind{"exit_at_once", "[3]", "exit code 3"},
                  kind{"segfault", "[]", "killed by SIGSEGV"},
                  kind{"kill_self", "[6]", "killed by SIGABRT"}}) {
    CAPTURE(x.text);
    auto worker = start_ready();
    begin(worker, x.command, x.arguments);
    auto death = worker.host->await_death();
    REQUIRE(death);
    CHECK_EQ(failure_of(death->reason).text, x.text);
    CHECK_FALSE(death->planned);
  }
}

TEST_CASE_FIXTURE(worker_fixture, "the last words on stderr are kept") {
  settings.stderr_lines = 2;
  auto worker = start_ready();
  begin(worker, "print_and_die", R"(["good bye"])");
  auto death = worker.host->await_death();
  REQUIRE(death);
  auto what = failure_of(death->reason);
  CHECK_EQ(what.exit_code, 7);
  REQUIRE_EQ(what.stderr_tail.size(), 2);
  CHECK_EQ(what.stderr_tail[1], "good bye on stderr");
}

TEST_CASE_FIXTURE(worker_fixture, "what was answered before a death arrives") {
  auto worker = start_ready();
  auto& self = caller;
  auto send = [&](const char* command, const char* arguments) {
    return self->request(worker.handle, 20s,
                         invocation{command, payload::json(arguments), {}});
  };
  std::vector<decltype(send("", ""))> pending;
  for (int i = 0; i < 200; ++i)
    pending.push_back(send("echo", "[1]"));
  send("print_and_die", R"(["now"])");
  REQUIRE(worker.host->await_death());
  int good = 0;
  for (auto& x : pending)
    std::move(x).receive([&](const reply&) { ++good; }, [](caf::error&) {});
  CHECK_EQ(good, 200);
}

TEST_CASE_FIXTURE(worker_fixture, "the progress page tells what had begun") {
  auto worker = start_ready();
  auto& self = caller;
  auto first = self->request(worker.handle, caf::infinite,
                             invocation{"kill_self", payload::json("[9]"), {}});
  auto second = self->request(worker.handle, caf::infinite,
                              invocation{"echo", payload::json("[1]"), {}});
  REQUIRE(worker.host->await_death());
  auto evidence = worker.host->await_ready()->evidence;
  CHECK(evidence->begun(first.id().request_id().integer_value()));
  CHECK_FALSE(evidence->begun(second.id().request_id().integer_value()));
}

TEST_CASE_FIXTURE(worker_fixture, "a grandchild that holds stdout delays "
                                  "nothing and goes with the group") {
  auto worker = start_ready();
  auto grandchild = std::stoll(call(worker, "start_grandchild").json);
  CHECK(process_exists(grandchild));
  begin(worker, "exit_at_once", "[0]");
  CHECK(worker.host->await_death());
  CHECK(eventually([&] { return !process_exists(grandchild); }));
}

// -- ends that are asked for --------------------------------------------------

TEST_CASE_FIXTURE(worker_fixture, "a worker that is stopped finishes first") {
  auto worker = start_ready();
  auto& self = caller;
  auto answer = self->request(worker.handle, 20s,
                              invocation{"sleep", payload::json("[0.2]"), {}});
  caf::anon_send_exit(worker.handle, caf::exit_reason::user_shutdown);
  std::move(answer).receive([](const reply& x) { CHECK_EQ(x.text(), "0.2"); },
                            [](caf::error&) { FAIL("no answer"); });
  auto death = worker.host->await_death();
  REQUIRE(death);
  CHECK(death->planned);
  CHECK_EQ(failure_of(death->reason).exit_code, 0);
  CHECK_EQ(worker.host->times_retiring(), 1);
}

TEST_CASE_FIXTURE(worker_fixture, "a worker that was replaced serves on until "
                                  "nothing is left, or it is asked again") {
  settings.worker_shutdown = 200ms;
  auto worker = start_ready();
  worker.host->time_to_retire = infinite;
  caf::anon_send_exit(worker.handle, caf::exit_reason::user_shutdown);
  CHECK(eventually([&] { return worker.host->times_retiring() == 1; }));
  CHECK_EQ(call(worker, "sleep", "[0.5]").json, "0.5");
  CHECK_EQ(worker.host->times_died(), 0);
  SUBCASE("nothing is left") {
    cast(worker.handle, dismiss_atom_v);
    auto death = worker.host->await_death();
    REQUIRE(death);
    CHECK(death->planned);
    CHECK_EQ(failure_of(death->reason).exit_code, 0);
  }
  SUBCASE("it is asked again") {
    begin(worker, "sleep", "[600]");
    caf::anon_send_exit(worker.handle, caf::exit_reason::user_shutdown);
    auto death = worker.host->await_death();
    REQUIRE(death);
    CHECK(death->planned);
    CHECK_EQ(failure_of(death->reason).signal, SIGKILL);
  }
  SUBCASE("it dies by itself") {
    begin(worker, "exit_at_once", "[3]");
    auto death = worker.host->await_death();
    REQUIRE(death);
    CHECK_FALSE(death->planned);
    CHECK_EQ(failure_of(death->reason).exit_code, 3);
  }
}

TEST_CASE_FIXTURE(worker_fixture, "a worker that does not stop is killed") {
  settings.worker_shutdown = 400ms;
  auto worker = start_ready();
  auto& self = caller;
  self->monitor(worker.handle);
  begin(worker, "sleep", "[600]");
  auto before = std::chrono::steady_clock::now();
  caf::anon_send_exit(worker.handle, caf::exit_reason::user_shutdown);
  auto death = worker.host->await_death();
  REQUIRE(death);
  CHECK_LT(std::chrono::steady_clock::now() - before, 2s);
  CHECK_EQ(failure_of(death->reason).signal, SIGKILL);
  CHECK(death->planned);
  self->receive([](caf::down_msg& x) {
    CHECK(x.reason == caf::exit_reason::user_shutdown);
  });
}

TEST_CASE_FIXTURE(worker_fixture, "an expelled worker is gone at once, as "
                                  "planned") {
  auto worker = start_ready();
  auto& self = caller;
  self->monitor(worker.handle);
  begin(worker, "sleep", "[600]");
  cast(worker.handle, expel_atom_v);
  CHECK(worker.host->await_death()->planned);
  self->receive([](caf::down_msg& x) {
    CHECK(x.reason == supervision_errc::planned_stop);
  });
}

TEST_CASE_FIXTURE(worker_fixture, "a worker whose actor is killed is dead "
                                  "before its pool hears of it") {
  auto worker = start_ready();
  auto pid = worker.host->await_ready()->pid;
  caf::anon_send_exit(worker.handle, caf::exit_reason::kill);
  REQUIRE(worker.host->await_death());
  CHECK_FALSE(process_exists(pid));
  CHECK_EQ(worker.host->times_died(), 1);
}

TEST_CASE_FIXTURE(worker_fixture, "a request to a dead worker bounces") {
  auto worker = start_ready();
  caller->monitor(worker.handle);
  cast(worker.handle, expel_atom_v);
  caller->receive([](caf::down_msg&) {});
  CHECK(call(worker, "pid").error == caf::sec::request_receiver_down);
}

TEST_CASE_FIXTURE(worker_fixture, "a stopped (SIGSTOP) worker can be ended") {
  settings.worker_shutdown = 200ms;
  auto worker = start_ready();
  ::kill(static_cast<pid_t>(worker.host->await_ready()->pid), SIGSTOP);
  caf::anon_send_exit(worker.handle, caf::exit_reason::user_shutdown);
  CHECK(worker.host->await_death()->planned);
}

// -- starts that fail ---------------------------------------------------------

TEST_CASE_FIXTURE(worker_fixture, "an adapter that does not import is told "
                                  "with its traceback") {
  settings.adapter = "no_such_module";
  auto worker = start();
  auto death = worker.host->await_death();
  REQUIRE(death);
  CHECK(death->reason == pool_errc::start_failed);
  auto what = failure_of(death->reason);
  CHECK(contains(what.text, "no_such_module"));
  CHECK_EQ(worker.host->times_ready(), 0);
}

TEST_CASE_FIXTURE(worker_fixture, "a setup that hangs is told with the place "
                                  "where it does") {
  settings.adapter = "shared_workers:HangsInSetup";
  settings.start_timeout = 1s;
  auto death = start().host->await_death();
  REQUIRE(death);
  CHECK(death->reason == pool_errc::start_failed);
  auto what = failure_of(death->reason);
  CHECK_EQ(what.text, "no handshake within start_timeout (1s)");
  CHECK_MESSAGE(contains(what.traceback, "in setup"), what.traceback);
  CHECK_EQ(what.signal, SIGKILL);
}

TEST_CASE_FIXTURE(worker_fixture, "so it is if it has left a line without an "
                                  "end") {
  settings.adapter = "shared_workers:HangsWhileItLoads";
  settings.start_timeout = 1s;
  auto death = start().host->await_death();
  REQUIRE(death);
  auto what = failure_of(death->reason);
  CHECK_MESSAGE(contains(what.traceback, "in setup"), what.traceback);
  CHECK_EQ(what.stderr_tail, std::vector<std::string>{"loading 10%"});
}

TEST_CASE_FIXTURE(worker_fixture, "a start may be abandoned at any moment") {
  for (int i = 0; i < 20; ++i) {
    auto worker = start();
    if (i % 4 == 1)
      caf::anon_send_exit(worker.handle, caf::exit_reason::user_shutdown);
    else if (i % 4 == 2)
      cast(worker.handle, expel_atom_v);
    else
      caf::anon_send_exit(worker.handle, caf::exit_reason::kill);
    REQUIRE(worker.host->await_death());
    CHECK_EQ(worker.host->times_died(), 1);
  }
}

TEST_CASE_FIXTURE(worker_fixture, "workers leave no descriptor, no process") {
  auto once = [&](int i) {
    auto worker = start_ready();
    auto pid = worker.host->await_ready()->pid;
    call(worker, "add", "[1, 2]");
    if (i % 3 == 0)
      caf::anon_send_exit(worker.handle, caf::exit_reason::kill);
    else if (i % 3 == 1)
      ::kill(static_cast<pid_t>(pid), SIGKILL);
    else
      caf::anon_send_exit(worker.handle, caf::exit_reason::user_shutdown);
    REQUIRE(worker.host->await_death());
    CHECK_FALSE(process_exists(pid));
  };
  once(0); // what is made once and kept
  auto before = open_descriptors();
  for (int i = 0; i < 9; ++i)
    once(i);
  CHECK(eventually([&] { return open_descriptors() <= before; }));
  CHECK_EQ(zombies(), 0);
}

TEST_SUITE_END();
