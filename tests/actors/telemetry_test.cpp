// What is told of requests and by adapters.
#include "pool_fixture.hpp"
#include "scratch_file.hpp"

using namespace charmer_tests;

namespace {

pool_settings teller() {
  auto x = shop(1);
  x.adapter = "teller:Teller";
  return x;
}

nlohmann::json value_of(const event& x, const std::string& key) {
  auto i = x.details.find(key);
  return i == x.details.end() ? nlohmann::json{}
                              : nlohmann::json::parse(i->second);
}

// Everything about requests from now on.
std::shared_ptr<recorder> trace(pool_fixture& f) {
  auto result = std::make_shared<recorder>();
  f.app->observe([result](const event& e) { result->add(e); },
                 {.name = "charmer.request.*", .at_least = severity::trace});
  return result;
}

} // namespace

TEST_CASE("an event of an adapter has measurements, metadata, and its source") {
  pool_fixture f{teller()};
  CHECK(!f.call("emit",
                {{"name", "model.loaded"},
                 {"measurements", nlohmann::json{{"rows", 3}}},
                 {"metadata", nlohmann::json{{"kind", "small"}}}},
                {.correlation = "c-17"})
             .why);
  auto told = [](const event& e) { return e.name == "model.loaded"; };
  REQUIRE(f.events.wait_for(told));
  for (auto& e : f.events.all())
    if (told(e)) {
      CHECK(value_of(e, "measurements")["rows"] == 3);
      CHECK(value_of(e, "metadata")["kind"] == "small");
      CHECK(value_of(e, "correlation") == "c-17");
      CHECK(value_of(e, "pool") == "default");
      CHECK(value_of(e, "worker_id") == "worker-1");
      CHECK(e.path == "root/pool default/workers/worker-1");
    }
}

TEST_CASE("an adapter cannot pass its events off as the host's") {
  pool_fixture f{teller()};
  f.call("emit", {{"name", "charmer.pool.degraded"},
                  {"measurements", nlohmann::json{{"x", 1}}},
                  {"metadata", nlohmann::json{{"y", 2}}}});
  CHECK(f.events.wait_for("adapter.charmer.pool.degraded"));
  for (auto& e : f.events.all())
    CHECK(e.name != "charmer.pool.degraded");
}

TEST_CASE("telemetry is sampled, allowed and denied as the settings say") {
  auto x = teller();
  x.telemetry = {.sample = 0.5, .allow = {"a*"}, .deny = {"ab"}};
  pool_fixture f{x};
  for (auto name : {"aa", "ab", "b"})
    CHECK(!f.call("emit_many", {{"name", name}, {"count", 200}}).why);
  CHECK(!f.call("log", {{"text", "the end"}}).why);
  CHECK(f.events.wait_for(
      [](const event& e) { return e.text.find("the end") == 0; }));
  std::map<std::string, int> counts;
  for (auto& e : f.events.all())
    ++counts[e.name];
  CHECK(counts["aa"] > 50);
  CHECK(counts["aa"] < 150);
  CHECK(counts.count("ab") == 0);
  CHECK(counts.count("b") == 0);
}

TEST_CASE("a correlation id goes to Python's log line and to every event of "
          "the request") {
  pool_fixture f{teller()};
  auto steps = trace(f);
  CHECK(!f.call("log", {{"text", "here"}}, {.correlation = "c-4711"}).why);
  auto correlated = [](const event& e) {
    return value_of(e, "correlation") == "c-4711";
  };
  CHECK(f.events.wait_for([&](const event& e) {
    return e.name == "charmer.worker.log" && correlated(e) && e.text == "here"
           && value_of(e, "logger") == "teller";
  }));
  for (auto name : {"charmer.request.dispatched", "charmer.request.executed"})
    CHECK(steps->wait_for(
        [&](const event& e) { return e.name == name && correlated(e); }));
}

TEST_CASE("each step of a request is told to those who ask") {
  pool_fixture f{shop(1)};
  auto steps = trace(f);
  f.call("sleep", {{"seconds", 0.05}});
  f.call("fail", {{"text", "no"}});
  f.call("sleep", {{"seconds", 600}}, {.timeout = 50ms});
  auto executed = [](const std::string& outcome) {
    return [outcome](const event& e) {
      return e.name == "charmer.request.executed"
             && value_of(e, "outcome") == outcome;
    };
  };
  CHECK(steps->wait_for(executed("ok")));
  CHECK(steps->wait_for(executed("python_exception")));
  CHECK(steps->wait_for(executed("exec_timeout")));
  for (auto& e : steps->all()) {
    CHECK(value_of(e, "request") > 0);
    CHECK(value_of(e, "worker_id") == "worker-1");
    CHECK(e.level == severity::trace);
    if (e.name == "charmer.request.dispatched")
      CHECK(value_of(e, "wait_seconds") >= 0);
    if (executed("ok")(e))
      CHECK(value_of(e, "duration_seconds") >= 0.05);
  }
  for (auto& e : f.events.all()) // who did not ask is not told
    CHECK(e.level != severity::trace);
}

TEST_CASE("who stops listening to requests costs nothing any more") {
  pool_fixture f{shop(1)};
  auto& hub = *f.app->events();
  CHECK(!hub.traced());
  auto name =
      f.app->observe([](const event&) {}, {.at_least = severity::trace});
  CHECK(hub.traced());
  REQUIRE(name);
  f.app->stop_observing(*name);
  CHECK(!hub.traced());
}

TEST_CASE("what logs much does not hide what is measured, nor that the GIL is "
          "back") {
  auto x = shop(1);
  x.adapter = "crowd:Crowd";
  pool_fixture f{x};
  // More than is told of either in a second.
  CHECK(!f.call("chatter", {{"records", 3000}, {"events", 0}}).why);
  CHECK(f.events.wait_for("precious"));
  for (auto& e : f.events.all())
    if (e.name == "precious")
      CHECK(e.details.count("dropped_before") == 0);
}

TEST_CASE("what a worker says once is told, however much its adapter says") {
  pool_fixture f{teller()};
  CHECK(!f.call("emit_many", {{"name", "chatter"}, {"count", 3000}}).why);
  CHECK(!f.call("gil_is_back").why);
  CHECK(f.events.wait_for("charmer.worker.gil_enabled"));
}

TEST_CASE("more telemetry than is told is counted") {
  auto x = shop(1);
  x.adapter = "crowd:Crowd";
  pool_fixture f{x};
  CHECK(!f.call("chatter", {{"records", 0}, {"events", 3000}}).why);
  auto counted = [](const event& e) {
    return e.details.count("dropped_before") != 0;
  };
  f.eventually([&](auto&) {
    CHECK(!f.call("chatter", {{"records", 0}, {"events", 1}}).why);
    auto all = f.events.all();
    return std::any_of(all.begin(), all.end(), counted);
  });
  CHECK(f.events.wait_for(counted));
}

TEST_CASE("a correlation id is in whatever is told of its request") {
  auto x = shop(1);
  x.adapter = "crowd:Crowd";
  x.overrun_warning = 20ms;
  x.max_queue_size = 1;
  x.poison_after = 1;
  pool_fixture f{x};
  auto told = [&](const std::string& name, const std::string& correlation) {
    return f.events.wait_for([&](const event& e) {
      return e.name == name && value_of(e, "correlation") == correlation;
    });
  };
  caf::scoped_actor other{f.sys};
  auto running = charmer::call(other, f.pool, "sleep", {{"seconds", 0.5}},
                               {.correlation = "runs"});
  CHECK(f.eventually([](auto& s) { return s.counts.running == 1; }));
  cast(f.pool, command("pid"),
       {.queue_timeout = 100ms, .correlation = "waits"});
  CHECK(f.call("pid", {}, {.correlation = "refused"}).why
        == pool_errc::queue_full);
  running.receive([](const reply&) {},
                  [](caf::error& e) { FAIL(describe(e)); });
  cast(f.pool, command("fail", {{"text", "no"}}), {.correlation = "fails"});
  auto killed = f.call("die", {}, {.correlation = "kills"});
  CHECK(killed.why == pool_errc::poisoned);
  CHECK(killed.what().correlation == "kills");
  auto said = f.call("fail", {{"text", "no"}}, {.correlation = "order 7"});
  CHECK(said.why == pool_errc::python_exception);
  CHECK(said.what().correlation == "order 7");
  CHECK(describe(said.why).find("correlation \"order 7\"")
        != std::string::npos);
  CHECK(told("charmer.worker.overrun", "runs"));
  CHECK(told("charmer.pool.queue_timeout", "waits"));
  CHECK(told("charmer.pool.saturated", "refused"));
  CHECK(told("charmer.request.failed", "fails"));
  CHECK(told("charmer.request.quarantined", "kills"));
}

TEST_CASE("what a function of the application calls has the correlation of the "
          "command that called it") {
  auto x = shop(2);
  x.adapter = "crowd:Crowd";
  pool_fixture f{x};
  f.app->register_function("relay", [&](const host_call&) -> host_answer {
    caf::scoped_actor self{f.sys};
    caf::error why;
    charmer::call(self, f.pool, "log", {{"text", "at the end of the chain"}})
        .receive([](const reply&) {},
                 [&](caf::error& e) { why = std::move(e); });
    return why ? host_answer{why} : host_answer{true};
  });
  CHECK(!f.call("ask", {{"function", "relay"}}, {.correlation = "c-9"}).why);
  CHECK(f.events.wait_for([](const event& e) {
    return e.name == "charmer.worker.log" && e.text == "at the end of the chain"
           && value_of(e, "correlation") == "c-9";
  }));
}
