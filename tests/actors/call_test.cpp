// One call after the other, through door, core, worker, pipe and Python.
#include "pool_fixture.hpp"

using namespace charmer_tests;

TEST_CASE("a call is answered with the command's result") {
  pool_fixture f;
  CHECK(f.call("add", {{"a", 5}, {"b", 3}}).json() == 8);
  CHECK(f.call("add", arguments::positional({"x", "y"})).json() == "xy");
  CHECK(f.call("ping").json()["status"] == "pong");
}

TEST_CASE("JSON numbers keep their kind and bytes travel as bytes") {
  pool_fixture f;
  CHECK(f.call("echo", {{"x", 1}}).value.text() == "1");
  CHECK(f.call("echo", {{"x", 1.0}}).value.text() == "1.0");
  CHECK(f.call("echo", {{"x", true}}).value.text() == "true");
  auto big = "123456789012345678901234567890";
  CHECK(f.call("echo", payload::json("[" + std::string{big} + "]")).value.text()
        == big);
  std::string bytes{"\0\xff\n raw", 7};
  auto out = f.call("echo", payload::raw(bytes));
  CHECK(out.value.value.is == payload::kind::raw);
  CHECK(out.value.text() == bytes);
}

TEST_CASE("a Protobuf message travels with its type") {
  pool_fixture f;
  payload hello{payload::kind::message, "google.protobuf.StringValue",
                "\x0a\x05hello"};
  auto out = f.call("echo", hello);
  CHECK_MESSAGE(!out.why, describe(out.why));
  CHECK(out.value.value == hello);
}

TEST_CASE("an exception arrives with type, text, traceback and cause") {
  pool_fixture f;
  auto out = f.call("fail", {{"text", "no such thing"}});
  CHECK(out.why == pool_errc::python_exception);
  auto what = out.what();
  CHECK(what.type == "ValueError");
  CHECK(what.text == "ValueError: no such thing");
  CHECK(what.traceback.find("shop.py") != std::string::npos);
  CHECK(what.command == "fail");
  CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
}

TEST_CASE("what the caller got wrong is told, and the pool serves on") {
  pool_fixture f;
  auto out = f.call("ad", {{"a", 1}, {"b", 1}});
  CHECK(out.why == pool_errc::unknown_command);
  CHECK(out.what().text.find("add") != std::string::npos);
  out = f.call("add", {{"a", 1}, {"c", 1}});
  CHECK(out.why == pool_errc::bad_payload);
  out = f.call("add", payload::json("{nonsense"));
  CHECK(out.why == pool_errc::bad_payload);
  out = f.call("unencodable");
  CHECK(out.why == pool_errc::bad_payload);
  CHECK(f.call("print", {{"text", "on stdout"}}).json() == 9);
  CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
}

TEST_CASE("a frame above the limit is refused in both directions") {
  auto x = shop(1);
  x.max_frame_bytes = 100'000;
  pool_fixture f{x};
  auto out = f.call("size", payload::raw(std::string(200'000, 'x')));
  CHECK(out.why == pool_errc::frame_too_large);
  out = f.call("add", {{"a", std::string(60'000, 'x')},
                       {"b", std::string(30'000, 'y')}});
  CHECK(out.json().get<std::string>().size() == 90'000);
  out = f.call("size", payload::raw(std::string(90'000, 'x')));
  CHECK(out.json() == 90'000);
}

TEST_CASE("a request of several megabytes travels both ways") {
  pool_fixture f{shop(1)};
  std::string big(8'000'000, 'x');
  auto out = f.call("echo", payload::raw(big), {.timeout = 60s});
  CHECK(out.value.text() == big);
}

TEST_CASE("a pool that is not there is named, with those that are") {
  pool_fixture f;
  auto none = f.app->pool("nonsense");
  REQUIRE(!none);
  CHECK(none.error() == pool_errc::no_such_pool);
  CHECK(failure_of(none.error()).text.find("default") != std::string::npos);
}

TEST_CASE(
    "who asks an empty handle is told that it is no pool, by every form") {
  config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self{sys};
  const pool_handle none;
  auto what = command("add");
  auto answered = 0;
  auto expect = [&](const caf::error& e) {
    ++answered;
    CHECK(e == pool_errc::no_such_pool);
    CHECK(describe(e).find("empty") != std::string::npos);
  };
  call(self, none, "add").receive([](const reply&) {}, expect);
  stream(self, none, "count")
      .receive([](const chunk&) {}, [](const stream_end&) {}, expect);
  checkout(self, none).receive([](const lease&) {}, expect);
  expect(run(self, none, [](lease&, timespan) {}));
  cast(self, none, what).receive([] {}, expect);
  broadcast(self, none, what).receive([](std::uint32_t) {}, expect);
  broadcall(self, none, what).receive([](const gathered&) {}, expect);
  execute(self, none, [] {}).receive([] {}, expect);
  execute_async(self, none, [] {}).receive([] {}, expect);
  CHECK(answered == 9);
}

TEST_CASE("books and status are answered by the door") {
  pool_fixture f;
  f.call("add", {{"a", 1}, {"b", 1}});
  f.call("fail", {{"text", "x"}});
  auto stats = f.stats();
  CHECK(stats.counts.balanced());
  CHECK(stats.counts.replied == 1);
  CHECK(stats.counts.failed == 1);
  CHECK(stats.workers.size() == 2);
  pool_status status;
  f.self->request(f.pool.actor(), caf::infinite, status_atom_v)
      .receive([&](const pool_status& x) { status = x; },
               [](caf::error&) { FAIL("no status"); });
  CHECK(status.idle_workers == 2);
  CHECK(status.total_tasks_executed == 2);
  CHECK(status.total_tasks_failed == 1);
}

TEST_CASE("a stopped runtime refuses, and stopping twice is fine") {
  pool_fixture f;
  CHECK(!f.app->stop());
  CHECK(!f.app->stop());
  CHECK(f.call("ping").why == pool_errc::shutting_down);
}

TEST_CASE("names that are no UTF-8 are refused alone") {
  pool_fixture f{shop(1)};
  CHECK(f.call("ad\xff").why == pool_errc::bad_payload);
  CHECK(f.call("ping", {}, {.correlation = "\xff"}).why
        == pool_errc::bad_payload);
  CHECK(f.call("ping", {}, {.session = "\xff"}).why == pool_errc::bad_payload);
  CHECK(!f.call("ping").why);
  CHECK(f.stats().workers.at(0).incarnation == 1);
}

TEST_CASE("so is a payload of a kind that there is not") {
  pool_fixture f{shop(1)};
  payload strange{static_cast<payload::kind>(7), {}, "?"};
  CHECK(f.call("ping", strange).why == pool_errc::bad_payload);
  CHECK(!f.call("ping").why);
  CHECK(f.stats().workers.at(0).incarnation == 1);
}
