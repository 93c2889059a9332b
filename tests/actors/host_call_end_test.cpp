// What functions of the application have begun on behalf of a command ends with
// that command's request.
#include "pool_fixture.hpp"

#include <future>
#include <thread>

using namespace charmer_tests;

namespace {

pool_settings asking(std::uint32_t size) {
  auto x = shop(size);
  x.adapter = "streams:Streams";
  x.cancel_grace = 20s;
  return x;
}

// Something that one thread leaves for another.
template <class T>
class mailbox_of_one {
public:
  void put(T x) {
    std::lock_guard guard{mutex_};
    content_ = std::move(x);
    changed_.notify_all();
  }

  std::optional<T> take() {
    std::unique_lock guard{mutex_};
    changed_.wait_for(guard, limit, [&] { return content_.has_value(); });
    return std::exchange(content_, std::nullopt);
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<T> content_;
};

// A function that calls a command which goes on until it is cancelled, and
// leaves behind how that ended.
class calling_back {
public:
  calling_back(pool_fixture& f, call_options options) {
    f.app->register_function("inner", [=, &f, this](const host_call& x) {
      asker.put(x.json().is_null() ? 0 : x.json().get<pid_t>());
      caf::scoped_actor self{f.sys};
      caf::error why;
      call(self, f.pool, "wait_for_cancel", {}, options)
          .receive([](const reply&) {},
                   [&](caf::error& e) { why = std::move(e); });
      outcome.put(why);
      return host_answer{nullptr};
    });
  }

  mailbox_of_one<caf::error> outcome;
  mailbox_of_one<pid_t> asker;
};

bool runs(pool_fixture& f, std::uint64_t n) {
  return f.eventually([=](auto& s) { return s.counts.running == n; });
}

constexpr call_options without_limit() {
  return {.timeout = infinite, .queue_timeout = infinite};
}

} // namespace

TEST_CASE("what a function calls has no more time than its command waits") {
  pool_fixture f{asking(2)};
  calling_back inner{f, without_limit()};
  CHECK(f.call("ask_impatiently", {{"function", "inner"}}).json()
        == "no answer");
  auto why = inner.outcome.take();
  REQUIRE(why);
  CAPTURE(describe(*why));
  auto timed_out =
      *why == pool_errc::exec_timeout || *why == pool_errc::wait_timeout;
  CHECK(timed_out);
  CHECK(runs(f, 0));
}

TEST_CASE("a function knows how long its answer is waited for") {
  pool_fixture f{asking(1)};
  mailbox_of_one<timespan> told;
  f.app->register_function("who", [&](const host_call& x) -> host_answer {
    told.put(x.time_left);
    return nullptr;
  });
  f.call("ask_impatiently", {{"function", "who"}}, without_limit());
  auto left = told.take();
  REQUIRE(left);
  CHECK(*left > 0s);
  CHECK(*left <= 50ms);
  f.call("ask", {{"function", "who"}}, without_limit());
  CHECK(told.take() == infinite);
}

TEST_CASE("what a function waits for is cancelled with its command") {
  pool_fixture f{asking(2)};
  calling_back inner{f, without_limit()};
  caf::scoped_actor caller{f.sys};
  auto outer = charmer::call(caller, f.pool, "ask", {{"function", "inner"}},
                             without_limit());
  REQUIRE(runs(f, 2));
  outer.cancel();
  auto why = inner.outcome.take();
  REQUIRE(why);
  CHECK_MESSAGE(*why == pool_errc::cancelled, describe(*why));
  CHECK(runs(f, 0));
  outer.receive([](const reply&) { FAIL("it was cancelled"); },
                [](caf::error& e) { CHECK(e == pool_errc::cancelled); });
  CHECK(f.stats().counts.balanced());
}

TEST_CASE("and when its worker dies") {
  pool_fixture f{asking(2)};
  calling_back inner{f, without_limit()};
  caf::scoped_actor caller{f.sys};
  auto outer = charmer::call(caller, f.pool, "ask_by_name",
                             {{"function", "inner"}}, without_limit());
  REQUIRE(runs(f, 2));
  auto pid = inner.asker.take();
  REQUIRE(pid);
  kill(*pid, SIGKILL);
  auto why = inner.outcome.take();
  REQUIRE(why);
  CHECK_MESSAGE(*why == pool_errc::cancelled, describe(*why));
  outer.receive([](const reply&) { FAIL("its worker died"); },
                [](caf::error& e) { CHECK(e == pool_errc::worker_died); });
  CHECK(runs(f, 0));
}

TEST_CASE("a stream that a function reads ends with its command") {
  pool_fixture f{asking(2)};
  mailbox_of_one<caf::error> outcome;
  f.app->register_function("reads", [&](const host_call&) -> host_answer {
    caf::scoped_actor self{f.sys};
    caf::error why;
    stream(self, f.pool, "wait_for_cancel", {}, without_limit())
        .receive([](const chunk&) {}, [](const stream_end&) {},
                 [&](const caf::error& e) { why = e; });
    outcome.put(why);
    return nullptr;
  });
  caf::scoped_actor caller{f.sys};
  auto outer = charmer::call(caller, f.pool, "ask", {{"function", "reads"}},
                             without_limit());
  REQUIRE(runs(f, 2));
  outer.cancel();
  auto why = outcome.take();
  REQUIRE(why);
  CHECK_MESSAGE(*why == pool_errc::cancelled, describe(*why));
  CHECK(runs(f, 0));
}

TEST_CASE("a call that comes after the end of its command never runs") {
  pool_fixture f{asking(2)};
  mailbox_of_one<bool> go;
  mailbox_of_one<bool> inside;
  mailbox_of_one<caf::error> outcome;
  f.app->register_function("late", [&](const host_call&) -> host_answer {
    inside.put(true);
    go.take();
    caf::scoped_actor self{f.sys};
    caf::error why;
    call(self, f.pool, "wait_for_cancel", {}, without_limit())
        .receive([](const reply&) {},
                 [&](caf::error& e) { why = std::move(e); });
    outcome.put(why);
    return nullptr;
  });
  caf::scoped_actor caller{f.sys};
  auto outer = charmer::call(caller, f.pool, "ask", {{"function", "late"}},
                             without_limit());
  REQUIRE(inside.take());
  outer.cancel();
  CHECK(runs(f, 0));
  go.put(true);
  auto why = outcome.take();
  REQUIRE(why);
  CHECK_MESSAGE(*why == pool_errc::cancelled, describe(*why));
  CHECK(runs(f, 0));
}

TEST_CASE("actors that never answer a cancelled command hold up no other") {
  pool_fixture f{asking(1)};
  std::atomic<int> asked = 0;
  auto mute = f.sys.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    auto kept = std::make_shared<std::vector<caf::response_promise>>();
    return {[=, &asked](const host_call&) {
      kept->push_back(self->make_response_promise());
      ++asked;
      return kept->back();
    }};
  });
  f.app->register_actor("mute", mute);
  f.app->register_function("answers",
                           [](const host_call&) -> host_answer { return 7; });
  caf::scoped_actor caller{f.sys};
  auto outer = charmer::call(caller, f.pool, "ask_many",
                             {{"function", "mute"}, {"n", 600}});
  auto end = std::chrono::steady_clock::now() + limit;
  while (asked < 256 && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
  outer.cancel();
  CHECK(f.call("ask", {{"function", "answers"}}, {.timeout = 20s}).json() == 7);
  // It was asked no more of that.
  CHECK(asked == 256);
  kill(f.self->address(), mute);
}

TEST_CASE("functions that never return are named to who finds no place") {
  std::promise<void> go;
  auto gone = go.get_future().share();
  pool_fixture f{asking(1)};
  f.app->register_function("forever", [=](const host_call&) -> host_answer {
    gone.wait_for(3 * limit);
    return nullptr;
  });
  f.app->register_function("good",
                           [](const host_call&) -> host_answer { return 7; });
  CHECK(f.call("ask_in_vain", {{"function", "forever"}, {"n", 256}}).json()
        == 256);
  auto ask = [&] {
    return f.call("ask_until_refused", {{"function", "good"}}).json();
  };
  for (auto i = 0; i < 2; ++i) {
    auto told = ask();
    CHECK(told.at(0) == "queue_full");
    auto text = told.at(1).get<std::string>();
    CAPTURE(text);
    CHECK(text.find("256 functions") != text.npos);
    CHECK(text.find("'forever'") != text.npos);
  }
  auto is_warning = [](const event& x) {
    return x.name == "charmer.worker.host_calls_stuck";
  };
  CHECK(f.events.wait_for(is_warning));
  go.set_value();
  CHECK(f.eventually([&](auto&) {
    return !f.call("ask", {{"function", "good"}}).why;
  }));
  auto told = f.events.all();
  CHECK(std::count_if(told.begin(), told.end(), is_warning) == 1);
}
