// Commands that call functions and actors of the application.
#include "concurrent_calls.hpp"

#include <cmath>
#include <thread>

using namespace charmer_tests;

namespace {

pool_settings asking(std::uint32_t size = 1) {
  auto x = shop(size);
  x.adapter = "streams:Streams";
  return x;
}

host_answer twice(const host_call& x) {
  return 2 * x.json().at(0).get<int>();
}

nlohmann::json list(int x) {
  return nlohmann::json::array({x});
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Calls a command of a pool from within a function, and answers what it does.
host_answer relayed(caf::actor_system& sys, const pool_handle& pool,
                    const std::string& command, arguments args,
                    call_options options = {}) {
  host_answer result = pool_errc::none;
  caf::scoped_actor self{sys};
  call(self, pool, command, std::move(args), std::move(options))
      .receive([&](const reply& x) { result = x.value; },
               [&](caf::error& e) { result = std::move(e); });
  return result;
}

} // namespace

TEST_CASE("a command calls a function and gets its answer") {
  pool_fixture f{asking()};
  f.app->register_function("twice", twice);
  CHECK(f.call("ask", {{"function", "twice"}, {"arguments", list(21)}}).json()
        == 42);
  CHECK(f.call("ask_async", {{"function", "twice"}, {"arguments", list(4)}})
            .json()
        == 8);
  f.app->register_function("nothing", [](const host_call& x) -> host_answer {
    CHECK(x.json().is_null());
    return nullptr;
  });
  CHECK(f.call("ask", {{"function", "nothing"}}).json().is_null());
  CHECK(f.app->unregister("nothing"));
  CHECK(!f.app->unregister("nothing"));
}

TEST_CASE("bytes travel as bytes both ways") {
  pool_fixture f{asking()};
  f.app->register_function("zeros", [](const host_call& x) {
    CHECK(x.arguments == payload::raw(std::string{"\x00\xff", 2}));
    return payload::raw(std::string(5, '\0'));
  });
  CHECK(f.call("ask_bytes", {{"function", "zeros"}}).json()
        == nlohmann::json{"bytes", 5});
}

TEST_CASE("a function knows on whose behalf it is called") {
  pool_fixture f{asking()};
  f.app->register_function("who", [](const host_call& x) -> host_answer {
    CHECK(x.chain.size() == 1);
    CHECK(x.time_left > 5s);
    CHECK(x.time_left <= 10s);
    return x.correlation;
  });
  CHECK(f.call("ask", {{"function", "who"}},
               {.timeout = 10s, .correlation = "abc"})
            .json()
        == "abc");
}

TEST_CASE("answers of any size arrive whole") {
  auto x = asking();
  x.size = 1;
  pool_fixture f{x};
  f.app->register_function("zeros", [](const host_call& x) {
    return payload::raw(std::string(
        static_cast<std::size_t>(std::stoul(x.arguments.data)), '\0'));
  });
  for (auto size : {0, 1, 32767, 32768, 65536, 262144, 16 << 20})
    CHECK(f.call("sizes",
                 {{"function", "zeros"}, {"sizes", nlohmann::json{size, 7}}})
              .json()
          == nlohmann::json{size, 7});
}

TEST_CASE("errors and exceptions of a function are raised in Python") {
  pool_fixture f{asking()};
  f.app->register_function("throws", [](const host_call&) -> host_answer {
    throw std::out_of_range{"no such item"};
  });
  f.app->register_function("fails", [](const host_call&) -> host_answer {
    return make_error(pool_errc::queue_full, "too much to do");
  });
  f.app->register_function("odd",
                           [](const host_call&) -> host_answer { throw 7; });
  auto told = [&](const char* name) {
    return f.call("ask_for_error", {{"function", name}}).json();
  };
  CHECK(told("throws")
        == nlohmann::json{"std::out_of_range", "no such item", ""});
  CHECK(told("fails") == nlohmann::json{"queue_full", "too much to do", ""});
  CHECK(told("odd").at(0) == "unknown");
  auto out = f.call("ask", {{"function", "throws"}});
  CHECK(out.why == pool_errc::python_exception);
  CHECK(contains(out.what().text, "std::out_of_range: no such item"));
}

TEST_CASE("a function that there is not: the error names those there are") {
  pool_fixture f{asking()};
  auto told = [&] {
    return f.call("ask_for_error", {{"function", "twise"}}).json();
  };
  CHECK(told().at(0) == "unknown_function");
  register_function("of_the_process", twice);
  f.app->register_function("twice", twice);
  auto text = told().at(1).get<std::string>();
  CHECK(contains(text, "twise"));
  CHECK(contains(text, "twice"));
  CHECK(contains(text, "of_the_process"));
  CHECK(f.call("ask", {{"function", "of_the_process"}, {"arguments", list(1)}})
            .json()
        == 2);
}

TEST_CASE("what cannot be answered is an error of that call only") {
  auto x = asking();
  x.max_frame_bytes = 100'000;
  pool_fixture f{x};
  f.app->register_function("large", [](const host_call&) {
    return payload::raw(std::string(200'000, 'x'));
  });
  f.app->register_function(
      "nan", [](const host_call&) -> host_answer { return std::nan(""); });
  auto told = [&](const char* name) {
    return f.call("ask_for_error", {{"function", name}}).json();
  };
  CHECK(told("large").at(0) == "frame_too_large");
  CHECK(told("nan").at(0) == "std::invalid_argument");
  CHECK(f.call("plain", {{"x", 1}}).json() == 1);
}

TEST_CASE("an actor is called as a function is") {
  pool_fixture f{asking()};
  auto shop = f.sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
    return {[=](const host_call& x) -> caf::result<payload> {
      if (x.arguments.data.empty())
        return make_error(pool_errc::bad_payload, "what for?");
      if (x.json() == list(0))
        self->quit();
      return payload::json(std::to_string(3 * x.json().at(0).get<int>()));
    }};
  });
  f.app->register_actor("thrice", shop);
  auto ask = [&](int n) {
    return f.call("ask", {{"function", "thrice"}, {"arguments", list(n)}});
  };
  CHECK(ask(5).json() == 15);
  CHECK(f.call("ask_for_error", {{"function", "thrice"}}).json()
        == nlohmann::json{"bad_payload", "what for?", ""});
  CHECK(ask(0).json() == 0);
  auto out = ask(5);
  CHECK(out.why == pool_errc::python_exception);
}

TEST_CASE("an actor that ends without an answer is no silence") {
  pool_fixture f{asking()};
  auto mute = f.sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
    return {[=](const host_call&) {
      auto promise = self->make_response_promise<payload>();
      self->quit();
      return promise;
    }};
  });
  f.app->register_actor("mute", mute);
  auto told = f.call("ask_for_error", {{"function", "mute"}}).json();
  CHECK(told.at(0) == "no_available_worker");
}

TEST_CASE("who waits for an actor that never answers ends with its pool") {
  pool_fixture f{asking()};
  auto mute = f.sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
    auto kept = std::make_shared<std::vector<caf::response_promise>>();
    return {[=](const host_call&) {
      kept->push_back(self->make_response_promise());
      return kept->back();
    }};
  });
  f.app->register_actor("mute", mute);
  CHECK(f.call("ask", {{"function", "mute"}}, {.timeout = 300ms}).why
        == pool_errc::exec_timeout);
  CHECK(!f.app->stop());
  // It is left, and the actor that this test is; nobody who waits for it.
  auto end = std::chrono::steady_clock::now() + 10s;
  while (f.sys.registry().running() > 2
         && std::chrono::steady_clock::now() < end)
    f.self->receive(caf::after(5ms) >> [] {});
  CHECK(f.sys.registry().running() <= 2);
  kill(f.self->address(), mute);
}

TEST_CASE("a generator asks between its chunks") {
  pool_fixture f{asking()};
  f.app->register_function("twice", twice);
  std::vector<int> got;
  stream(f.self, f.pool, "stream_of_answers",
         {{"function", "twice"}, {"n", 40}})
      .receive([&](const chunk& x) { got.push_back(x.json()); },
               [](const stream_end& x) { CHECK(x.chunks == 40); },
               [](const caf::error& e) { CHECK(describe(e) == ""); });
  CHECK(got.size() == 40);
  CHECK(got.back() == 78);
}

TEST_CASE("more questions at once than are answered at once") {
  pool_fixture f{asking()};
  f.app->register_function("twice", twice);
  auto out = f.call("ask_many", {{"function", "twice"}, {"n", 600}});
  REQUIRE_MESSAGE(!out.why, describe(out.why));
  CHECK(out.json().size() == 600);
  CHECK(out.json().at(599) == 1198);
}

TEST_CASE("a function may block: all workers ask at once, and others serve") {
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  pool_fixture f{asking(4)};
  f.app->register_function("meet", [&](const host_call&) -> host_answer {
    std::unique_lock guard{mutex};
    ++inside;
    changed.notify_all();
    return changed.wait_for(guard, limit, [&] { return inside == 4; });
  });
  for (auto& x : call_all(f, 4, "ask", {{"function", "meet"}})) {
    REQUIRE_MESSAGE(!x.why, describe(x.why));
    CHECK(x.json() == true);
  }
}

// -- calls within calls -------------------------------------------------------

TEST_CASE("a function calls back into the pool when there is a worker") {
  pool_fixture f{asking(2)};
  f.app->register_function("inner", [&](const host_call&) {
    return relayed(f.sys, f.pool, "plain", {{"x", "deep"}});
  });
  CHECK(f.call("ask", {{"function", "inner"}}).json() == "deep");
}

TEST_CASE("a call that could only wait for itself would deadlock") {
  pool_fixture f{asking()};
  f.app->register_function("inner", [&](const host_call&) {
    return relayed(f.sys, f.pool, "plain", {{"x", "deep"}});
  });
  auto told = f.call("ask_for_error", {{"function", "inner"}}).json();
  CHECK(told.at(0) == "would_deadlock");
  CHECK(f.call("plain", {{"x", 1}}).json() == 1);
  CHECK(f.stats().counts.balanced());
}

TEST_CASE("neither does one through another pool and back") {
  pool_fixture f{asking()};
  auto x = asking();
  x.name = "other";
  auto other = f.app->start_pool(x);
  REQUIRE(other);
  f.app->register_function("there", [&](const host_call&) {
    return relayed(f.sys, *other, "ask", {{"function", "back"}});
  });
  f.app->register_function("back", [&](const host_call& x) {
    CHECK(x.chain.size() == 2);
    return relayed(f.sys, f.pool, "plain", {{"x", 1}});
  });
  auto told = f.call("ask_for_error", {{"function", "there"}}).json();
  CHECK(told.at(0) == "charmer.host.HostError");
  CHECK(contains(told.at(1), "would_deadlock"));
}

TEST_CASE("all workers call back at once: one is refused, the others go on") {
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  pool_fixture f{asking(3)};
  f.app->register_function("inner", [&](const host_call&) {
    {
      std::unique_lock guard{mutex};
      ++inside;
      changed.notify_all();
      changed.wait_for(guard, limit, [&] { return inside >= 3; });
    }
    return relayed(f.sys, f.pool, "plain", {{"x", 1}});
  });
  int good = 0;
  int refused = 0;
  for (auto& x : call_all(f, 3, "ask", {{"function", "inner"}})) {
    if (!x.why)
      ++good;
    else if (contains(x.what().text, "would_deadlock"))
      ++refused;
    else
      CHECK(describe(x.why) == "");
  }
  CHECK(good == 2);
  CHECK(refused == 1);
}

TEST_CASE("who waits behind a call that will end does not deadlock") {
  pool_fixture f{asking(2)};
  caf::scoped_actor busy{f.sys};
  auto other = charmer::call(busy, f.pool, "sleep", {{"seconds", 0.3}});
  CHECK(f.eventually([](auto& s) { return s.counts.running == 1; }));
  f.app->register_function("inner", [&](const host_call&) {
    return relayed(f.sys, f.pool, "plain", {{"x", "deep"}});
  });
  CHECK(f.call("ask", {{"function", "inner"}}).json() == "deep");
  other.receive([](const reply&) {}, [](caf::error&) { FAIL("failed"); });
}

TEST_CASE("an actor says itself within which calls it calls") {
  pool_fixture f{asking()};
  auto relay = f.sys.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {[=, &f](const host_call& x) {
      auto promise = self->make_response_promise<payload>();
      charmer::call(self, f.pool, "plain", {{"x", 1}}, {.chain = x.chain})
          .then([=](const reply& r) mutable { promise.deliver(r.value); },
                [=](caf::error& e) mutable { promise.deliver(std::move(e)); });
      return promise;
    }};
  });
  f.app->register_actor("relay", relay);
  CHECK(f.call("ask_for_error", {{"function", "relay"}}).json().at(0)
        == "would_deadlock");
}

// -- ends ---------------------------------------------------------------------

TEST_CASE("no answer in time is a time-out, and a late one does no harm") {
  std::mutex mutex;
  std::condition_variable changed;
  bool go = false;
  pool_fixture f{asking()};
  f.app->register_function("slow", [&](const host_call&) -> host_answer {
    std::unique_lock guard{mutex};
    return changed.wait_for(guard, limit, [&] { return go; });
  });
  CHECK(f.call("ask_impatiently", {{"function", "slow"}}).json()
        == "no answer");
  {
    std::lock_guard guard{mutex};
    go = true;
  }
  changed.notify_all();
  CHECK(f.call("plain", {{"x", 1}}).json() == 1);
}

TEST_CASE("a worker that dies while it asks leaves nothing behind") {
  std::mutex mutex;
  std::condition_variable changed;
  bool dead = false;
  pool_fixture f{asking()};
  auto pid = f.call("pid").json().get<pid_t>();
  f.app->register_function("kill", [&](const host_call&) -> host_answer {
    kill(pid, SIGKILL);
    std::unique_lock guard{mutex};
    return changed.wait_for(guard, limit, [&] { return dead; });
  });
  auto out = f.call("ask", {{"function", "kill"}});
  CHECK(out.why == pool_errc::worker_died);
  {
    std::lock_guard guard{mutex};
    dead = true;
  }
  changed.notify_all();
  CHECK(f.call("plain", {{"x", 1}}).json() == 1);
  CHECK(f.stats().counts.balanced());
}

TEST_CASE("a cancelled command stops waiting for its answer") {
  auto x = asking();
  x.cancel_grace = 20s;
  std::mutex mutex;
  std::condition_variable changed;
  bool go = false;
  pool_fixture f{x};
  f.app->register_function("slow", [&](const host_call&) -> host_answer {
    std::unique_lock guard{mutex};
    return changed.wait_for(guard, limit, [&] { return go; });
  });
  auto pid = f.call("pid").json();
  auto out = f.call("ask", {{"function", "slow"}}, {.timeout = 200ms});
  CHECK(out.why == pool_errc::exec_timeout);
  CHECK(f.call("pid").json() == pid);
  {
    std::lock_guard guard{mutex};
    go = true;
  }
  changed.notify_all();
}

TEST_CASE("a worker that is being replaced still gets its answer") {
  auto x = asking();
  x.max_requests = 1;
  x.lifecycle_check = 10ms;
  pool_fixture f{x};
  f.call("plain", {{"x", 1}});
  f.app->register_function("wait", [&](const host_call&) -> host_answer {
    auto end = std::chrono::steady_clock::now() + limit;
    auto retires = [&] {
      auto workers = f.stats().workers;
      return std::any_of(workers.begin(), workers.end(), [](auto& w) {
        return w.state == worker_state::retiring;
      });
    };
    while (!retires() && std::chrono::steady_clock::now() < end)
      std::this_thread::yield();
    return retires();
  });
  auto out = f.call("ask", {{"function", "wait"}});
  CHECK_MESSAGE(!out.why, describe(out.why));
  CHECK(out.json() == true);
}
