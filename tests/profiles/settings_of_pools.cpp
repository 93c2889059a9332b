// The settings of pools: defaults, and what may not stand together.
#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/native_profile.hpp"
#include "charmer/profiles/settings.hpp"
#include "charmer/profiles/worker_profile.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

settings_error only_mistake(const pool_settings& x) {
  auto errors = validate(x);
  REQUIRE(errors.size() == 1);
  return errors[0];
}

pool_settings native() {
  return {.profile = "native"};
}

// What is said of one pool that is written with these members.
std::string refusal(const std::string& members) {
  auto text = R"({"pools": [{"profile": "native", )" + members + "}]}";
  auto result = settings::from_json(text);
  REQUIRE(!result);
  return failure_of(result.error()).text;
}

bool says(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  CHECK(text.find(part) != std::string::npos);
  return true;
}

} // namespace

TEST_CASE("the defaults of a pool are those of this table") {
  settings x;
  x.pools.push_back({.adapter = "calculator:Calculator"});
  auto expected = nlohmann::json::parse(R"({
    "pooling_enabled": true, "default_strategy": "available_worker",
    "stop_timeout": "30s",
    "pools": [{
      "name": "default", "profile": "process", "size": 4,
      "threads_per_worker": 10,
      "adapter": "calculator:Calculator", "python": "", "python_path": [],
      "env": {}, "cwd": "", "adapter_options": {}, "idempotent": [],

      "default_strategy": "", "queue": "fifo",
      "waiting_callers_impl": "", "idle_workers_impl": "",
      "busy_workers_impl": "", "idle_overflow_workers_impl": "",
      "session_affinity": "prefer", "session_ttl": "1h",
      "max_sessions": 10000,
      "max_overflow": 0, "overflow_retention": "0s",
      "min_size": 0, "max_size": 10000,

      "max_queue_size": 1000, "max_queue_bytes": "256MiB",
      "queue_timeout": "5s", "request_timeout": "1m", "stream_timeout": "5m",
      "cancel_grace": "500ms",
      "overrun_warning": "infinity", "max_overrun_warnings": 0,
      "poison_after": 3, "prefetch": "1ms", "max_frame_bytes": "64MiB",
      "breaker": {"enabled": false, "consecutive": 5, "rate": 0.5,
                  "minimum": 20, "window": "10s", "cooldown": "1m",
                  "failures": ["exec_timeout", "worker_died", "start_failed",
                               "python_exception"]},

      "start_timeout": "10s", "start_batch": 8, "worker_shutdown": "5s",
      "strategy": "one_for_one", "intensity": 5, "period": "1m",
      "pool_sup_intensity": 5, "pool_sup_period": "1m",
      "pool_sup_shutdown": "10s",
      "restart_backoff": {"minimum": "200ms", "maximum": "30s", "factor": 2.0,
                          "jitter": 0.2, "reset_after": "1m"},
      "on_exhausted": "degrade", "max_abandoned": 4,

      "ttl": "infinity", "max_requests": 0, "memory_limit": 0,
      "lifecycle_check": "1m", "max_surge": 0,
      "health_interval": "5m", "health_timeout": "10s", "health_failures": 3,

      "log_level": "INFO", "stderr_lines": 20,
      "telemetry": {"sample": 1.0, "allow": ["*"], "deny": []},
      "heartbeat": "2s", "safety": "off"
    }]})");
  auto found = nlohmann::json::parse(x.to_json());
  for (auto& [key, value] : expected["pools"][0].items()) {
    CAPTURE(key);
    CHECK(found["pools"][0][key] == value);
  }
  for (auto& [key, value] : found["pools"][0].items()) {
    CAPTURE(key);
    CHECK(expected["pools"][0].contains(key));
  }
  found.erase("pools");
  expected.erase("pools");
  CHECK(found == expected);
}

TEST_CASE("what differs from the defaults survives the way to JSON and back") {
  auto x = native();
  x.queue = queue_order::lifo;
  x.size = 0;
  x.max_overflow = 2;
  x.breaker = {.enabled = true, .consecutive = 0, .failures = {"poisoned"}};
  x.worker_shutdown = 0s;
  x.pool_sup_shutdown = shutdown::after(90s);
  x.overrun_warning = 1s;
  settings all;
  all.pools = {x};
  auto text = all.to_json();
  says(text, R"("worker_shutdown": "brutal_kill")");
  auto back = settings::from_json(text, "/");
  REQUIRE(back);
  const auto& y = back->pools[0];
  CHECK(y.queue == queue_order::lifo);
  CHECK(y.size == 0);
  CHECK(y.max_overflow == 2);
  CHECK(y.breaker.enabled);
  CHECK(y.breaker.consecutive == 0);
  CHECK(y.breaker.failures == x.breaker.failures);
  CHECK(y.worker_shutdown == 0s);
  CHECK(y.pool_sup_shutdown == x.pool_sup_shutdown);
  CHECK(y.overrun_warning == 1s);
}

TEST_CASE("a pool of nothing but overflow is allowed, one of nothing is not") {
  auto x = native();
  x.size = 0;
  auto error = only_mistake(x);
  CHECK(error.where == "size");
  says(error.allowed, "0 only together with max_overflow");
  x.max_overflow = 2;
  CHECK(validate(x).empty());
}

TEST_CASE("the size of a pool lies between min_size and max_size") {
  auto x = native();
  x.min_size = 5;
  x.max_size = 8;
  for (std::uint32_t size = 1; size < 12; ++size) {
    x.size = size;
    CAPTURE(size);
    if (size >= 5 && size <= 8)
      CHECK(validate(x).empty());
    else
      CHECK(only_mistake(x).allowed
            == "a whole number from min_size (5) to max_size (8)");
  }
  x.min_size = 9;
  CHECK(only_mistake(x).where == "min_size");
}

TEST_CASE("strategies that need a queue and no queue: the mistake names both") {
  auto x = native();
  x.queue = queue_order::off;
  for (auto name : {"available_worker", "next_available_worker"}) {
    x.default_strategy = name;
    auto error = only_mistake(x);
    CHECK(error.where == "default_strategy");
    says(error.found, name);
    says(error.found, R"(queue "off")");
    says(error.allowed, R"(queue "fifo" or "lifo")");
  }
  for (auto name : {"best_worker", "random_worker", "next_worker",
                    "hash_worker", "one_of_the_users"}) {
    x.default_strategy = name;
    CHECK(validate(x).empty());
  }
}

TEST_CASE("a default_strategy for all pools holds for those that have none") {
  auto x = settings::from_json(R"({"default_strategy": "best_worker", "pools": [
    {"name": "a", "adapter": "m:A"},
    {"name": "b", "adapter": "m:A", "default_strategy": "next_worker"}]})");
  REQUIRE(x);
  CHECK(resolved(x->pools[0], *x).default_strategy == "best_worker");
  CHECK(resolved(x->pools[1], *x).default_strategy == "next_worker");
  CHECK(resolved(x->pools[0], {}).default_strategy == "available_worker");
  // Whether a pool needs a queue depends on it.
  x->pools[0].queue = queue_order::off;
  CHECK(validate(*x).empty());
  x->default_strategy = "available_worker";
  auto mistakes = validate(*x);
  REQUIRE(mistakes.size() == 1);
  CHECK(mistakes[0].where == "pools[0].default_strategy");
  x->default_strategy = "";
  CHECK(validate(*x).at(0).where == "default_strategy");
}

TEST_CASE("names of strategies and collections are names") {
  says(refusal(R"("default_strategy": "no good")"), "next_available_worker");
  says(refusal(R"("idle_workers_impl": "a b")"), "a registered collection");
  says(refusal(R"("queue": "filo")"), R"("fifo", "lifo" or "off")");
  says(refusal(R"("queue": true)"), "queue: found true");
  says(refusal(R"("strategy": "simple_one_for_one")"),
       R"("one_for_one", "one_for_all" or "rest_for_one")");
}

TEST_CASE("a breaker counts what says something about the workers") {
  auto x = native();
  for (auto name : {"exec_timeout", "worker_died", "start_failed", "poisoned",
                    "python_exception", "protocol_error", "wait_timeout"}) {
    x.breaker.failures = {name};
    CHECK(validate(x).empty());
  }
  for (auto name : {"cancelled", "bad_payload", "queue_full", "circuit_open",
                    "none", "shutting_down", "Exec_timeout", ""}) {
    CAPTURE(name);
    x.breaker.failures = {"worker_died", name};
    CHECK(only_mistake(x).where == "breaker.failures");
  }
}

TEST_CASE("a breaker that could never open is a mistake") {
  auto x = native();
  x.breaker = {.enabled = true, .consecutive = 0, .rate = 0};
  CHECK(only_mistake(x).where == "breaker");
  x.breaker = {.enabled = true, .failures = {}};
  CHECK(only_mistake(x).where == "breaker.failures");
  x.breaker.enabled = false;
  CHECK(validate(x).empty());
}

TEST_CASE("values of a breaker are checked, with their place") {
  says(refusal(R"("breaker": {"enabled": "yes"})"),
       R"(pools[0].breaker.enabled: found "yes"; allowed: true or false)");
  says(refusal(R"("breaker": {"rate": 1.5})"), "a number from 0.0 to 1.0");
  says(refusal(R"("breaker": {"minimum": 0})"), "breaker.minimum: found 0");
  says(refusal(R"("breaker": {"cooldown": "0s"})"), "breaker.cooldown");
  says(refusal(R"("breaker": {"faliures": []})"), R"("failures", perhaps)");
  says(refusal(R"("breaker": true)"), "breaker: found true");
}

TEST_CASE("stopping is a time or brutal_kill") {
  for (auto key : {"worker_shutdown", "pool_sup_shutdown"}) {
    auto quoted = '"' + std::string{key} + '"';
    says(refusal(quoted + R"(: "brutal")"), R"("brutal_kill" or a duration)");
    says(refusal(quoted + ": 5000"), "found 5000");
    says(refusal(quoted + R"(: "infinity")"), "from 0s to 1d");
  }
  auto x = native();
  x.pool_sup_shutdown = shutdown::after(-1s);
  CHECK(only_mistake(x).where == "pool_sup_shutdown");
  x.pool_sup_shutdown = shutdown::brutal_kill();
  CHECK(validate(x).empty());
}

TEST_CASE("a profile of the application's is allowed once it is registered") {
  pool_settings x{.profile = "made_here"};
  auto error = only_mistake(x);
  CHECK(error.where == "profile");
  says(error.allowed, R"("native")");
  says(error.allowed, R"("process")");
  register_profile("made_here", std::make_shared<native_profile>());
  CHECK(validate(x).empty());
  x.profile = "made_there";
  says(only_mistake(x).allowed, R"("made_here")");
}
