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
