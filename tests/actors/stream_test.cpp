// Streams: chunks in order, credit, early ends, deaths.
#include "pool_fixture.hpp"
#include "scratch_file.hpp"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace charmer_tests;

namespace {

pool_settings streaming(std::uint32_t size = 1) {
  auto x = shop(size);
  x.adapter = "streams:Streams";
  return x;
}

pool_settings threaded(std::uint32_t threads) {
  auto x = streaming();
  x.profile = "thread";
  x.threads_per_worker = threads;
  return x;
}

// All that came of a stream.
struct received {
  std::vector<chunk> chunks;
  std::optional<stream_end> end;
  caf::error why;
  int outcomes = 0;

  std::vector<int> numbers() const {
    std::vector<int> result;
    for (auto& x : chunks)
      result.push_back(x.json().get<int>());
    return result;
  }

  bool in_order() const {
    for (std::size_t i = 0; i < chunks.size(); ++i)
      if (chunks[i].number != i)
        return false;
    return true;
  }
};

std::vector<int> up_to(int n) {
  std::vector<int> result;
  for (int i = 0; i < n; ++i)
    result.push_back(i);
  return result;
}

received receive(pool_fixture& f, const std::string& command,
                 arguments args = {}, call_options options = {}) {
  received result;
  stream(f.self, f.pool, command, std::move(args), std::move(options))
      .receive([&](const chunk& x) { result.chunks.push_back(x); },
               [&](const stream_end& x) {
                 result.end = x;
                 ++result.outcomes;
               },
               [&](const caf::error& x) {
                 result.why = x;
                 ++result.outcomes;
               });
  return result;
}

bool idle(const pool_stats& x) {
  return x.counts.running == 0 && x.counts.waiting == 0 && x.counts.balanced();
}

} // namespace

TEST_CASE("chunks come in order, and the end says how many there were") {
  pool_fixture f{streaming()};
  for (std::string command : {"count", "acount"}) {
    auto got = receive(f, command, {{"to", 100}});
    CHECK(got.numbers() == up_to(100));
    CHECK(got.in_order());
    REQUIRE(got.end);
    CHECK(got.end->chunks == 100);
    CHECK(got.end->elapsed > 0s);
    CHECK(!got.end->stopped);
    CHECK(got.outcomes == 1);
  }
  auto nothing = receive(f, "count", {{"to", 0}});
  CHECK(nothing.chunks.empty());
  CHECK(nothing.end->chunks == 0);
  CHECK(f.stats().counts.replied == 3);
  CHECK(f.eventually(idle));
}

TEST_CASE("a window of one is enough, and a large one does no harm") {
  pool_fixture f{streaming()};
  for (std::uint32_t window : {1u, 2u, 3u, 1000u}) {
    auto got = receive(f, "count", {{"to", 50}}, {.window = window});
    CHECK(got.numbers() == up_to(50));
  }
}

TEST_CASE("chunks are JSON, bytes and messages, each as it is") {
  pool_fixture f{streaming()};
  auto got = receive(f, "kinds");
  REQUIRE(got.chunks.size() == 3);
  CHECK(got.chunks[0].json()["a"] == 1);
  CHECK(got.chunks[1].value == payload::raw(std::string{"\x00\xff", 2}));
  auto typed = message_in<google::protobuf::StringValue>(got.chunks[2].value);
  REQUIRE(typed);
  CHECK(typed->value() == "typed");
}

TEST_CASE("a command that is no generator streams one chunk; a generator that "
          "is called answers a list") {
  pool_fixture f{streaming()};
  auto got = receive(f, "plain", {{"x", 7}});
  CHECK(got.numbers() == std::vector<int>{7});
  CHECK(got.end->chunks == 1);
  CHECK(f.call("count", {{"to", 3}}).json() == nlohmann::json{0, 1, 2});
  CHECK(f.call("acount", {{"to", 2}}).json() == nlohmann::json{0, 1});
}

TEST_CASE("an error in the middle comes after the chunks") {
  pool_fixture f{streaming()};
  auto got = receive(f, "fails_after", {{"n", 3}});
  CHECK(got.numbers() == up_to(3));
  CHECK(got.why == pool_errc::python_exception);
  CHECK(failure_of(got.why).type == "ValueError");
  CHECK(got.outcomes == 1);
  CHECK(receive(f, "no_such").why == pool_errc::unknown_command);
  CHECK(receive(f, "count").why == pool_errc::bad_payload);
  CHECK(receive(f, "count", {{"to", 2}}).numbers() == up_to(2));
}

TEST_CASE("a generator goes on only when its consumer has taken chunks") {
  pool_fixture f{streaming()};
  scratch_file log;
  caf::scoped_actor consumer{f.sys};
  auto tokens = stream_to(caf::actor{consumer.ptr()}, f.pool, "logged",
                          {{"to", 100}, {"path", log.path}}, {.window = 4});
  int got = 0;
  auto take = [&] {
    consumer->receive(
        [&](const chunk& x) {
          CHECK(x.number == static_cast<std::uint64_t>(got));
          ++got;
        },
        caf::after(limit) >> [] { FAIL("no chunk"); });
  };
  for (int i = 0; i < 4; ++i)
    take();
  // It has used up its credit; what it makes now would be seen at once.
  CHECK(f.call("plain", {{"x", 1}}, {.timeout = 100ms}).why);
  CHECK(log.lines() == 4);
  tokens.acknowledge(2);
  take();
  take();
  CHECK(log.lines() == 6);
  tokens.cancel();
  consumer->receive(
      [](const stream_failure& x) { CHECK(x.why == pool_errc::cancelled); },
      caf::after(limit) >> [] { FAIL("no outcome"); });
  CHECK(f.eventually(idle));
  CHECK(log.lines() == 6);
}

TEST_CASE("a consumer that wants no more ends the generator, and the worker is "
          "free") {
  pool_fixture f{streaming()};
  received got;
  stream(f.self, f.pool, "count", {{"to", 1'000'000}, {"name", "mine"}})
      .receive(
          [&](const chunk& x) {
            got.chunks.push_back(x);
            return got.chunks.size() < 5;
          },
          [&](const stream_end& x) {
            got.end = x;
            ++got.outcomes;
          },
          [&](const caf::error&) { ++got.outcomes; });
  CHECK(got.numbers() == up_to(5));
  REQUIRE(got.end);
  CHECK(got.end->stopped);
  CHECK(got.end->chunks == 5);
  CHECK(got.outcomes == 1);
  CHECK(f.call("what_was_closed").json() == nlohmann::json{"mine"});
  CHECK(f.stats().workers.at(0).incarnation == 1);
  CHECK(f.stats().counts.cancelled == 1);
  CHECK(f.eventually(idle));
}

TEST_CASE("an exception in a blocking consumer ends the stream") {
  pool_fixture f{streaming()};
  CHECK_THROWS_AS(stream(f.self, f.pool, "count", {{"to", 1'000'000}})
                      .receive([](const chunk&) { throw 1; },
                               [](const stream_end&) {},
                               [](const caf::error&) {}),
                  int);
  CHECK(f.call("plain", {{"x", 1}}).json() == 1);
  CHECK(f.eventually(idle));
}

TEST_CASE("event-based actors take streams side by side") {
  pool_fixture f{threaded(4)};
  std::mutex mutex;
  std::map<int, received> all;
  auto consumer =
      f.self->spawn<caf::monitored>([&](caf::event_based_actor* self) {
        for (int i = 0; i < 4; ++i)
          stream(self, f.pool, i % 2 == 0 ? "count" : "acount",
                 {{"to", 200 + i}})
              .then(
                  [&, i](const chunk& x) {
                    std::lock_guard guard{mutex};
                    all[i].chunks.push_back(x);
                  },
                  [&, i](const stream_end& x) {
                    std::lock_guard guard{mutex};
                    all[i].end = x;
                    ++all[i].outcomes;
                  },
                  [&, i](const caf::error& x) {
                    std::lock_guard guard{mutex};
                    all[i].why = x;
                    ++all[i].outcomes;
                  });
      });
  f.self->receive([](const caf::down_msg&) {},
                  caf::after(limit) >> [] { FAIL("still waiting"); });
  for (int i = 0; i < 4; ++i) {
    CHECK_MESSAGE(!all[i].why, describe(all[i].why));
    CHECK(all[i].numbers() == up_to(200 + i));
    CHECK(all[i].outcomes == 1);
  }
}

TEST_CASE("the death of a consumer ends the generator, whichever way it was "
          "streaming") {
  pool_fixture f{streaming()};
  auto by_itself = f.sys.spawn([&](caf::event_based_actor* self) {
    stream(self, f.pool, "count", {{"to", 1'000'000}, {"name", "then"}})
        .then([=](const chunk& x) { x.number == 20 ? self->quit() : void(); },
              [](const stream_end&) {}, [](const caf::error&) {});
  });
  CHECK(
      f.eventually([](auto& x) { return x.counts.cancelled == 1 && idle(x); }));
  auto consumer = f.sys.spawn([&](caf::event_based_actor* self) {
    return caf::behavior{[=, pool = f.pool](const chunk& x) {
      acknowledge(pool, x);
      if (x.number == 20)
        self->quit();
    }};
  });
  stream_to(consumer, f.pool, "count", {{"to", 1'000'000}, {"name", "to"}});
  CHECK(
      f.eventually([](auto& x) { return x.counts.cancelled == 2 && idle(x); }));
  CHECK(f.call("what_was_closed").json() == nlohmann::json{"then", "to"});
  CHECK(f.stats().workers.at(0).incarnation == 1);
}

TEST_CASE("a worker that dies in the middle: its chunks, then worker_died, and "
          "no second try") {
  pool_fixture f{streaming()};
  auto got = receive(f, "dies_after", {{"n", 5}});
  CHECK(got.numbers() == up_to(5));
  CHECK(got.why == pool_errc::worker_died);
  CHECK(failure_of(got.why).begun);
  CHECK(failure_of(got.why).signal == SIGKILL);
  CHECK(got.outcomes == 1);
  CHECK(f.stats().counts.retried == 0);
  CHECK(receive(f, "count", {{"to", 3}}).numbers() == up_to(3));
}

TEST_CASE("a stream that died before its first chunk is tried again if it may "
          "be") {
  auto x = streaming();
  x.poison_after = 2;
  pool_fixture f{x};
  auto got = receive(f, "dies_after", {{"n", 0}});
  CHECK(got.why == pool_errc::poisoned);
  CHECK(f.stats().counts.retried == 1);
}

TEST_CASE("a stream has its own time limit, and the chunks before it") {
  auto x = streaming();
  x.request_timeout = 1ms;
  x.stream_timeout = 500ms;
  x.cancel_grace = 50ms;
  pool_fixture f{x};
  auto got = receive(f, "stubborn");
  CHECK(got.numbers() == up_to(1));
  CHECK(got.why == pool_errc::exec_timeout);
  CHECK(f.eventually([](auto& x) { return x.counts.expelled == 1; }));
  // Its successor may take longer to start than a stream may wait.
  CHECK(f.events.wait_for("charmer.worker.ready", 2));
  CHECK(receive(f, "count", {{"to", 3}}).numbers() == up_to(3));
  got = receive(f, "stubborn", {}, {.timeout = 100ms});
  CHECK(got.why == pool_errc::exec_timeout);
}

TEST_CASE("a stream that is cancelled while its consumer waits") {
  pool_fixture f{streaming()};
  auto pending = stream(f.self, f.pool, "count", {{"to", 1'000'000}});
  received got;
  pending.receive(
      [&](const chunk& x) {
        got.chunks.push_back(x);
        if (x.number == 3)
          pending.cancel();
      },
      [&](const stream_end&) { ++got.outcomes; },
      [&](const caf::error& x) {
        got.why = x;
        ++got.outcomes;
      });
  CHECK(got.in_order());
  CHECK(got.chunks.size() >= 4);
  CHECK(got.why == pool_errc::cancelled);
  CHECK(got.outcomes == 1);
  CHECK(f.call("pid").json() == f.call("pid").json());
  CHECK(f.stats().workers.at(0).incarnation == 1);
}

TEST_CASE("large chunks come whole, and not all at once") {
  pool_fixture f{streaming()};
  auto got = receive(f, "large", {{"size", 3 << 20}, {"n", 8}}, {.window = 2});
  REQUIRE(got.chunks.size() == 8);
  for (auto& x : got.chunks)
    CHECK(x.text().size() == 3 << 20);
  auto x = streaming();
  x.max_frame_bytes = 100'000;
  pool_fixture small{x};
  got = receive(small, "large", {{"size", 200'000}, {"n", 1}});
  CHECK(got.why == pool_errc::frame_too_large);
}

TEST_CASE("nothing is sent behind a stream, nor a stream behind a call") {
  auto x = streaming(2);
  x.prefetch = 1s;
  pool_fixture f{x};
  for (int i = 0; i < 20; ++i) {
    receive(f, "count", {{"to", 1}});
    f.call("plain", {{"x", 1}});
  }
  caf::scoped_actor consumer{f.sys};
  auto slow = stream_to(caf::actor{consumer.ptr()}, f.pool, "count",
                        {{"to", 100}}, {.window = 1});
  consumer->receive([](const chunk&) {},
                    caf::after(limit) >> [] { FAIL("no chunk"); });
  for (int i = 0; i < 20; ++i)
    CHECK(f.call("plain", {{"x", i}}, {.timeout = 10s}).json() == i);
  CHECK(receive(f, "count", {{"to", 5}}).numbers() == up_to(5));
  slow.cancel();
}

TEST_CASE("the holder of a lease streams from its worker") {
  pool_fixture f{streaming(2)};
  std::vector<int> got;
  auto why = run(f.self, f.pool, [&](lease& worker, timespan) {
    stream(f.self, worker.pool(), "count", {{"to", 50}}, {.window = 2})
        .receive([&](const chunk& x) { got.push_back(x.json()); },
                 [](const stream_end& x) { CHECK(x.chunks == 50); },
                 [](const caf::error& e) { CHECK(describe(e) == ""); });
  });
  CHECK(!why);
  CHECK(got == up_to(50));
  CHECK(f.eventually(idle));
}

TEST_CASE("a stream of a worker that retires is finished") {
  auto x = streaming(1);
  pool_fixture f{x};
  received got;
  bool retired = false;
  stream(f.self, f.pool, "count", {{"to", 500}}, {.window = 2})
      .receive(
          [&](const chunk& x) {
            got.chunks.push_back(x);
            if (x.number == 10 && !retired) {
              retired = true;
              CHECK(f.app->resize("default", 0));
            }
          },
          [&](const stream_end& x) { got.end = x; },
          [&](const caf::error& e) { got.why = e; });
  CHECK_MESSAGE(!got.why, describe(got.why));
  CHECK(got.numbers() == up_to(500));
}

// -- cancelling and deadlines -------------------------------------------------

TEST_CASE("a command knows how much time is left, waiting excluded") {
  pool_fixture f{streaming()};
  caf::scoped_actor busy{f.sys};
  auto first = charmer::call(busy, f.pool, "sleep", {{"seconds", 0.3}});
  CHECK(f.eventually([](auto& s) { return s.counts.running == 1; }));
  auto left = f.call("left", {}, {.timeout = 10s}).json().get<double>();
  CHECK(left < 9.9);
  CHECK(left > 5);
  first.receive([](const reply&) {}, [](caf::error&) { FAIL("failed"); });
  CHECK(f.call("left", {}, {.timeout = infinite}).json().is_null());
  CHECK(f.call("left").json().get<double>() > 50);
}

TEST_CASE("commands in several threads are told of their own cancel") {
  auto x = threaded(3);
  x.cancel_grace = 20s;
  pool_fixture f{x};
  auto before = f.call("pid").json();
  std::mutex mutex;
  std::vector<caf::error> all;
  for (int i = 0; i < 2; ++i)
    f.self->spawn<caf::monitored>([&](caf::event_based_actor* self) {
      charmer::call(self, f.pool, "wait_for_cancel", {}, {.timeout = 200ms})
          .then([](const reply&) {},
                [&](caf::error& e) {
                  std::lock_guard guard{mutex};
                  all.push_back(e);
                });
    });
  for (int i = 0; i < 2; ++i)
    f.self->receive([](const caf::down_msg&) {},
                    caf::after(limit) >> [] { FAIL("still waiting"); });
  CHECK(all.size() == 2);
  for (auto& e : all)
    CHECK(e == pool_errc::exec_timeout);
  CHECK(f.eventually(idle));
  CHECK(f.call("pid").json() == before);
}
