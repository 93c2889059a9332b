// Calls that take longer than worker_shutdown while their worker is recycled,
// or let go: they are finished, unless the pool is stopped meanwhile.
#include "native_fixture.hpp"
#include "scratch_file.hpp"

using namespace charmer_tests;

namespace {

constexpr timespan short_limit = 200ms;

pool_settings crowd(std::uint32_t size) {
  auto x = shop(size);
  x.adapter = "crowd:Crowd";
  x.worker_shutdown = short_limit;
  return x;
}

pool_settings threads(std::uint32_t size) {
  auto x = crowd(size);
  x.profile = "thread";
  x.threads_per_worker = 2;
  return x;
}

/// A pool with calls that take as long as the test likes.
struct busy_pool : pool_fixture {
  using pool_fixture::pool_fixture;

  ~busy_pool() { go_on(); }

  auto begin(call_options options = {.timeout = limit}) {
    auto before = stats().counts.running;
    auto result = charmer::call(self, pool, "until", {{"path", signal.path}},
                                std::move(options));
    CHECK(eventually([=](auto& s) { return s.counts.running > before; }));
    return result;
  }

  void go_on() { signal.write("go on"); }

  template <class Calls>
  outcome outcome_of(Calls& x) {
    outcome result;
    x.receive([&](const reply& r) { result.value = r; },
              [&](caf::error& e) { result.why = std::move(e); });
    return result;
  }

  /// Much longer than a worker has that is stopped.
  void let_time_pass(timespan how_long = 4 * short_limit) {
    auto end = std::chrono::steady_clock::now() + how_long;
    CHECK(eventually(
        [=](auto&) { return std::chrono::steady_clock::now() > end; }));
  }

  std::size_t count(worker_state which) {
    auto all = stats().workers;
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [=](auto& w) { return w.state == which; }));
  }

  /// As many as there shall be, and nobody else.
  bool is_whole() {
    return eventually([](auto& s) {
      return s.workers.size() == s.size
             && std::all_of(s.workers.begin(), s.workers.end(), [](auto& w) {
                  return w.state == worker_state::ready;
                });
    });
  }

  std::uint64_t recycled(const std::string& reason) {
    auto all = app->lifecycle().total.recycled;
    auto i = all.find(reason);
    return i == all.end() ? 0 : i->second;
  }

  bool was_recycled(const std::string& reason) {
    return eventually([&](auto&) { return recycled(reason) != 0; });
  }

  std::size_t told(const std::string& name) {
    auto all = events.all();
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [&](auto& e) { return e.name == name; }));
  }

  scratch_file signal;
};

template <class Calls>
void check_finishes(busy_pool& f, Calls& running) {
  CHECK(f.count(worker_state::retiring) == 1);
  f.let_time_pass();
  CHECK(f.count(worker_state::retiring) == 1);
  CHECK(f.count(worker_state::ready) == 1);
  CHECK(f.stats().counts.running == 1);
  CHECK(f.told(std::string{event_name::shutdown_error}) == 0);
  f.go_on();
  auto x = f.outcome_of(running);
  REQUIRE_MESSAGE(!x.why, describe(x.why));
  CHECK(x.json() == "done");
  CHECK(f.is_whole());
  CHECK(f.stats().counts.failed == 0);
}

} // namespace

TEST_CASE("a call that takes longer than worker_shutdown survives recycling by "
          "hand") {
  auto x = crowd(1);
  SUBCASE("of a process") {}
  SUBCASE("of a process with threads") {
    x = threads(1);
  }
  SUBCASE("of one that has no time at all when it is stopped") {
    x.worker_shutdown = 0s;
  }
  busy_pool f{x};
  auto running = f.begin();
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  check_finishes(f, running);
}

TEST_CASE("a call that takes longer than worker_shutdown survives recycling "
          "because of age, and so does one without a deadline") {
  auto x = crowd(1);
  x.ttl = 300ms;
  busy_pool f{x};
  auto running = f.begin({.timeout = infinite});
  CHECK(f.was_recycled("ttl"));
  f.let_time_pass();
  CHECK(f.stats().counts.running == 1);
  // However long it runs, its successor is recycled as any other.
  CHECK(f.eventually([&](auto&) { return f.recycled("ttl") >= 4; }));
  CHECK(f.stats().counts.running == 1);
  CHECK(f.told("charmer.worker.recycle_delayed") == 0);
  CHECK(f.app->lifecycle().total.delayed == 0);
  f.go_on();
  CHECK(!f.outcome_of(running).why);
}

TEST_CASE("in a pool of overflow workers only a call without end does not keep "
          "the others from being recycled") {
  auto x = crowd(0);
  x.max_overflow = 2;
  x.overflow_retention = limit;
  x.ttl = 300ms;
  busy_pool f{x};
  auto running = f.begin({.timeout = infinite});
  CHECK(f.was_recycled("ttl"));
  CHECK(!f.call("pid").why);
  CHECK(f.eventually([&](auto&) {
    CHECK(!f.call("pid").why);
    return f.recycled("ttl") >= 3;
  }));
  CHECK(f.stats().counts.running == 1);
  f.go_on();
  CHECK(!f.outcome_of(running).why);
}

TEST_CASE("a call that hangs and has no deadline does not keep the others from "
          "being recycled") {
  auto x = crowd(4);
  x.ttl = 300ms;
  busy_pool f{x};
  auto running = f.begin({.timeout = infinite});
  CHECK(f.eventually([&](auto&) { return f.recycled("ttl") >= 12; }));
  CHECK(f.stats().counts.running == 1);
  CHECK(f.told("charmer.worker.recycle_delayed") == 0);
  f.go_on();
  CHECK(!f.outcome_of(running).why);
}

TEST_CASE("while as many finish what they have as the pool has workers none is "
          "recycled, which is told and counted") {
  auto x = crowd(2);
  x.ttl = 300ms;
  busy_pool f{x};
  auto one = f.begin({.timeout = infinite});
  auto other = f.begin({.timeout = infinite});
  CHECK(f.events.wait_for("charmer.worker.recycle_delayed"));
  // That these two have been replaced is told a moment after it has happened.
  for (auto& w : f.stats().workers)
    if (w.state == worker_state::retiring)
      CHECK(f.events.wait_for([&](auto& e) {
        return e.name == "charmer.worker.recycled"
               && e.details.at("incarnation") == std::to_string(w.incarnation);
      }));
  auto before = f.recycled("ttl");
  f.let_time_pass(1s);
  CHECK(f.recycled("ttl") == before);
  CHECK(f.stats().workers.size() == 4);
  CHECK(f.told("charmer.worker.recycle_delayed") == 1);
  CHECK(f.app->lifecycle().total.delayed == 2);
  for (auto& e : f.events.all())
    if (e.name == "charmer.worker.recycle_delayed") {
      CHECK(e.level == severity::warning);
      CHECK(e.details.at("command") == "\"until\"");
      CHECK(e.details.at("draining") == "2");
      CHECK(std::stod(e.details.at("runtime_seconds")) > 0.2);
      CHECK_MESSAGE(e.text.find("still runs command until for ")
                        != std::string::npos,
                    e.text);
    }
  f.go_on();
  CHECK(!f.outcome_of(one).why);
  CHECK(!f.outcome_of(other).why);
  CHECK(f.eventually([&](auto&) { return f.recycled("ttl") > before + 2; }));
}

TEST_CASE("a call that takes longer than worker_shutdown survives recycling "
          "because of the number of requests") {
  auto x = crowd(1);
  x.max_requests = 3;
  busy_pool f{x};
  for (int i = 0; i < 3; ++i)
    CHECK(!f.call("pid").why);
  auto running = f.begin(); // before there is a successor
  CHECK(f.was_recycled("max_requests"));
  check_finishes(f, running);
}

TEST_CASE("a call that takes longer than worker_shutdown survives recycling "
          "because of memory") {
  auto x = threads(1);
  x.memory_limit = 200 << 20;
  x.lifecycle_check = 20ms;
  busy_pool f{x};
  auto running = f.begin();
  CHECK(!f.call("grow", {{"bytes", 300 << 20}}).why);
  CHECK(f.was_recycled("memory"));
  check_finishes(f, running);
}

TEST_CASE("who is ill is replaced, however many still finish what they have") {
  scratch_file mood;
  auto x = shop(1);
  x.adapter = "teller:Teller";
  x.adapter_options = R"({"mood": ")" + mood.path + "\"}";
  x.health_interval = 20ms;
  x.health_failures = 1;
  x.max_surge = 1;
  busy_pool f{x};
  auto running = charmer::call(f.self, f.pool, "works", {{"seconds", 3}},
                               {.timeout = limit});
  CHECK(f.eventually([](auto& s) { return s.counts.running == 1; }));
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  mood.write("ill");
  CHECK(f.was_recycled("health"));
  // Besides charmer's own questions.
  auto now = f.stats().workers;
  CHECK(std::count_if(now.begin(), now.end(),
                      [](auto& w) {
                        return w.task == "works"
                               && w.state == worker_state::retiring;
                      })
        == 1);
  mood.write("");
  CHECK(!f.outcome_of(running).why);
}

TEST_CASE(
    "the stop of the pool gives one that was recycled worker_shutdown and "
    "no more") {
  busy_pool f{crowd(1)};
  auto running = f.begin();
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  f.let_time_pass();
  auto before = std::chrono::steady_clock::now();
  std::thread stopping{[&] { CHECK(!f.app->stop_pool("default", 1s)); }};
  auto x = f.outcome_of(running);
  stopping.join();
  // Half of that second it was waited for.
  CHECK(std::chrono::steady_clock::now() - before < 10s);
  CAPTURE(describe(x.why));
  // The pool may have closed before its process was buried.
  if (x.why == pool_errc::worker_died)
    CHECK(x.what().text.find("worker_shutdown") != std::string::npos);
  else
    CHECK(x.why == pool_errc::shutting_down);
}

TEST_CASE("who is killed because all had to stop is told within which time") {
  auto settings = crowd(1);
  settings.worker_shutdown = limit;
  pool_fixture f{settings};
  caf::scoped_actor caller{f.sys};
  auto running = charmer::call(caller, f.pool, "sleep", {{"seconds", 600}},
                               {.timeout = infinite});
  REQUIRE(f.eventually([](auto& s) { return s.counts.running == 1; }));
  std::thread stopping{[&] { f.app->stop(1s); }};
  outcome x;
  running.receive([](const reply&) {}, [&](caf::error& e) { x.why = e; });
  stopping.join();
  CAPTURE(describe(x.why));
  REQUIRE(x.why == pool_errc::worker_died);
  CHECK(x.what().text.find("all had to stop within 1s") != std::string::npos);
  CHECK(x.what().text.find("worker_shutdown") == std::string::npos);
}

TEST_CASE("a worker whose teardown does not end is killed, and a warning says "
          "where it was") {
  auto x = crowd(1);
  SUBCASE("of a process") {}
  SUBCASE("of a process with threads") {
    x = threads(1);
  }
  x.worker_shutdown = 3s;
  x.adapter_options = R"({"teardown_seconds": 600})";
  pool_fixture f{x};
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  CHECK(f.events.wait_for("charmer.worker.terminated"));
  for (auto& e : f.events.all())
    if (e.name == "charmer.worker.terminated") {
      CHECK(e.level == severity::warning);
      CHECK(e.text
            == "worker-1 was killed: its teardown was not done within "
               "worker_shutdown (3s)");
      CHECK(e.details.at("cause") == "\"shutdown\"");
      CHECK(e.details.count("command") == 0);
      auto what = failure_of(e.reason);
      CHECK_MESSAGE(what.traceback.find("in teardown") != std::string::npos,
                    what.traceback);
    }
}

TEST_CASE("a worker that has no time to stop ends without an error") {
  auto x = crowd(2);
  x.worker_shutdown = 0s;
  pool_fixture f{x};
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  CHECK(f.events.wait_for("charmer.worker.terminated"));
  CHECK(f.app->resize("default", 1));
  CHECK(f.eventually([](auto& s) { return s.workers.size() == 1; }));
  CHECK(!f.app->stop_pool("default", 10s));
  for (auto& e : f.events.all())
    CHECK_MESSAGE(e.level <= severity::info, e.name << ": " << e.text);
}

TEST_CASE("a worker that dies in its teardown is told with a warning") {
  auto x = crowd(1);
  x.worker_shutdown = limit;
  x.adapter_options = R"({"last_status": 3})";
  pool_fixture f{x};
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  CHECK(f.events.wait_for([](auto& e) {
    return e.name == "charmer.worker.terminated" && e.level == severity::warning
           && e.details.at("cause") == "\"shutdown\""
           && failure_of(e.reason).exit_code == 3
           && e.text.find("worker-1 died while it was being stopped")
                  != std::string::npos;
  }));
}

TEST_CASE("so is one that is killed in it by somebody else, as by the kernel "
          "that needs memory") {
  auto x = crowd(1);
  x.worker_shutdown = limit;
  x.adapter_options = R"({"last_status": -9})";
  pool_fixture f{x};
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  CHECK(f.events.wait_for([](auto& e) {
    return e.name == "charmer.worker.terminated" && e.level == severity::warning
           && e.details.at("cause") == "\"shutdown\""
           && failure_of(e.reason).signal == SIGKILL;
  }));
}

TEST_CASE("in a pool of overflow workers only a call that hangs leaves its "
          "neighbours their time") {
  auto x = threads(0);
  x.max_overflow = 1;
  x.cancel_grace = 50ms;
  busy_pool f{x};
  auto innocent = f.begin();
  CHECK(f.call("hang", {}, {.timeout = 200ms}).why == pool_errc::exec_timeout);
  f.let_time_pass();
  CHECK(f.stats().counts.running == 1);
  f.go_on();
  auto out = f.outcome_of(innocent);
  REQUIRE_MESSAGE(!out.why, describe(out.why));
}

TEST_CASE(
    "the successor of one that hangs is started again and again, until it "
    "starts") {
  scratch_file refusal;
  auto x = threads(1);
  x.cancel_grace = 100ms;
  x.worker_shutdown = limit;
  x.adapter_options = R"({"refusal": ")" + refusal.path + "\"}";
  busy_pool f{x};
  auto innocent = f.begin();
  refusal.write("no");
  CHECK(f.call("hang", {}, {.timeout = 200ms}).why == pool_errc::exec_timeout);
  CHECK(f.events.wait_for("charmer.supervisor.start_error", 3));
  refusal.write("");
  CHECK(!f.call("pid").why);
  f.go_on();
  CHECK(!f.outcome_of(innocent).why);
}

TEST_CASE("a worker that ends as it was asked to is told as nothing more") {
  auto x = crowd(1);
  x.worker_shutdown = limit;
  busy_pool f{x};
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  CHECK(f.events.wait_for("charmer.worker.terminated"));
  for (auto& e : f.events.all())
    if (e.name == "charmer.worker.terminated") {
      CHECK(e.level == severity::info);
      CHECK(e.details.count("cause") == 0);
    }
}

TEST_CASE(
    "a worker that is killed in the middle of a command is told with it") {
  auto x = crowd(1);
  x.worker_shutdown = 2s;
  busy_pool f{x};
  auto running = f.begin();
  CHECK(!f.app->stop_pool("default", 7s));
  CHECK(f.outcome_of(running).why == pool_errc::worker_died);
  CHECK(f.events.wait_for([](auto& e) {
    return e.name == "charmer.worker.terminated" && e.level == severity::warning
           && e.text.find("its command until was not done")
                  != std::string::npos;
  }));
}

TEST_CASE("a call that hangs ends by its deadline and its grace, and with it "
          "the worker that was recycled") {
  auto x = crowd(1);
  x.worker_shutdown = limit;
  x.cancel_grace = 100ms;
  busy_pool f{x};
  auto before = std::chrono::steady_clock::now();
  auto hanging = charmer::call(f.self, f.pool, "hang", {}, {.timeout = 2s});
  CHECK(f.eventually([](auto& s) { return s.counts.running == 1; }));
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  auto end = f.outcome_of(hanging);
  CHECK(end.why == pool_errc::exec_timeout);
  CHECK(f.is_whole());
  auto took = std::chrono::steady_clock::now() - before;
  CHECK(took > 2s);
  CHECK(took < 10s);
}

TEST_CASE("one that dies by itself while it finishes what it has is told as "
          "such") {
  busy_pool f{crowd(1)};
  auto pid = f.call("pid").json().get<pid_t>();
  auto running = f.begin();
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  f.let_time_pass();
  kill(pid, SIGKILL);
  auto x = f.outcome_of(running);
  CHECK(x.why == pool_errc::worker_died);
  CHECK(x.what().signal == SIGKILL);
  CHECK(f.is_whole());
  CHECK(f.call("pid").json() != pid);
}

TEST_CASE("a worker that is held stays with its holder when it is recycled") {
  busy_pool f{crowd(1)};
  lease mine;
  checkout(f.self, f.pool)
      .receive([&](lease x) { mine = std::move(x); },
               [](const caf::error& e) { FAIL(describe(e)); });
  auto pid = [&] {
    outcome result;
    charmer::call(f.self, mine.pool(), "pid")
        .receive([&](const reply& x) { result.value = x; },
                 [](caf::error& e) { FAIL(describe(e)); });
    return result.json();
  };
  auto before = pid();
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  f.let_time_pass();
  CHECK(pid() == before);
  CHECK(f.call("pid").json() != before);
  mine = {};
  CHECK(f.is_whole());
}

// -- pools that shrink --------------------------------------------------------

namespace {

struct shrinking : busy_pool {
  explicit shrinking(double start_seconds = 0)
      : busy_pool(slow(start_seconds)), first(begin()), second(begin()) {}

  static pool_settings slow(double start_seconds) {
    auto x = crowd(2);
    x.adapter_options =
        R"({"start_seconds": )" + std::to_string(start_seconds) + "}";
    return x;
  }

  void check_both_finish() {
    let_time_pass();
    CHECK(stats().counts.running == 2);
    go_on();
    for (auto* x : {&first, &second}) {
      auto end = outcome_of(*x);
      CHECK_MESSAGE(!end.why, describe(end.why));
    }
    CHECK(is_whole());
    CHECK(stats().counts.failed == 0);
  }

  decltype(std::declval<busy_pool&>().begin()) first;
  decltype(first) second;
};

} // namespace

TEST_CASE("a worker that a smaller pool lets go finishes its call") {
  shrinking f;
  CHECK(f.app->resize("default", 1));
  f.check_both_finish();
}

TEST_CASE("one that was recycled finishes its call though its successor is let "
          "go, and its name may be used again") {
  shrinking f;
  CHECK(!f.app->recycle_worker("default", "worker-2"));
  CHECK(f.app->resize("default", 1));
  CHECK(f.eventually([](auto& s) { return s.workers.size() == 2; }));
  CHECK(f.app->resize("default", 2));
  CHECK(f.eventually([](auto& s) { return s.workers.size() == 3; }));
  CHECK(f.eventually([&](auto&) { return f.count(worker_state::ready) == 2; }));
  f.check_both_finish();
}

TEST_CASE("one that is let go while its successor starts finishes its call") {
  shrinking f{0.5};
  std::thread recycling{[&] { f.app->recycle_worker("default", "worker-2"); }};
  CHECK(f.eventually([](auto& s) { return s.workers.size() == 3; }));
  CHECK(f.app->resize("default", 1));
  recycling.join();
  f.check_both_finish();
}

TEST_CASE("recycling that is overtaken by a smaller pool says so") {
  busy_pool f{shrinking::slow(0.5)};
  caf::error why;
  std::thread recycling{
      [&] { why = f.app->recycle_worker("default", "worker-2"); }};
  CHECK(f.eventually([](auto& s) { return s.workers.size() == 3; }));
  CHECK(f.app->resize("default", 1));
  recycling.join();
  CHECK(why == pool_errc::no_available_worker);
  CHECK(failure_of(why).text.find("shrinks") != std::string::npos);
  CHECK(f.is_whole());
  CHECK(f.told("charmer.worker.recycle_failed") == 0);
}

// -- native workers -----------------------------------------------------------

namespace {

bool is_whole(native_fixture& f) {
  return f.eventually([](auto& s) {
    return s.workers.size() == 1 && s.workers[0].state == worker_state::ready;
  });
}

} // namespace

TEST_CASE("a native worker finishes what it runs when it is recycled") {
  auto x = lab(1);
  x.worker_shutdown = short_limit;
  native_fixture f{x};
  auto running = f.ask(wait_at(f.door));
  REQUIRE(f.door.wait_for(1));
  auto old = f.app->workers()->at(0).handle;
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  auto end = std::chrono::steady_clock::now() + 4 * short_limit;
  CHECK(f.eventually(
      [=](auto&) { return std::chrono::steady_clock::now() > end; }));
  CHECK(!has_ended(old));
  CHECK(f.stats().counts.running == 1);
  f.door.open();
  CHECK(f.answer(running));
  CHECK(is_whole(f));
  CHECK(f.stats().abandoned == 0);
}

TEST_CASE("a native worker that has nothing left and does not end is killed "
          "after worker_shutdown") {
  register_native("clings", [](caf::actor_system& sys) {
    return caf::actor{
        sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
          self->set_exit_handler([](caf::exit_msg&) {});
          return {[](int x) { return x; }};
        })};
  });
  auto x = lab(1);
  x.adapter = "clings";
  x.worker_shutdown = short_limit;
  native_fixture f{x};
  auto old = f.app->workers()->at(0).handle;
  CHECK(!f.app->recycle_worker("default", "worker-1"));
  CHECK(is_whole(f));
  CHECK(f.app->workers()->at(0).handle != old);
  CHECK(f.stats().abandoned == 0);
}
