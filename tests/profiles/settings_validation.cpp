// Settings made in C++ and read from JSON, valid and not.
#include "scratch_folder.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/settings.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace charmer;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

namespace {

settings read(const std::string& text) {
  auto result = settings::from_json(text, "/etc/app");
  if (!result)
    FAIL(describe(result.error()));
  return *result;
}

// The text of the error that reading gives.
std::string refusal(const std::string& text,
                    pool_errc code = pool_errc::invalid_settings) {
  auto result = settings::from_json(text, "/etc/app");
  REQUIRE(!result);
  CHECK(result.error() == code);
  return failure_of(result.error()).text;
}

// One pool with one more line in it.
std::string pool_with(const std::string& line) {
  return R"({"pools": [{"adapter": "a:B", )" + line + "}]}";
}

bool has(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  CHECK(text.find(part) != std::string::npos);
  return true;
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

pool_settings valid_pool() {
  pool_settings result;
  result.adapter = "calculator:Calculator";
  return result;
}

} // namespace

TEST_CASE("an adapter is all that a pool has to say") {
  auto x = read(R"({"pools": [{"adapter": "calculator:Calculator"}]})");
  REQUIRE(x.pools.size() == 1);
  CHECK(x.pools[0].name == "default");
  CHECK(x.pools[0].profile == "process");
  CHECK(x.pools[0].size == 4);
  CHECK(x.pools[0].ttl == infinite);
  CHECK(x.stop_timeout == 30s);
}

TEST_CASE("every field can be set from JSON") {
  auto x = read(R"({
    "stop_timeout": "7s",
    "pools": [{
      "name": "compute", "profile": "process", "size": 7, "adapter": "m.n:C",
      "python": "python3.12", "python_path": ["lib", "/abs"],
      "env": {"LANG": "C.UTF-8"}, "cwd": "work",
      "adapter_options": {"model": "small", "layers": [1, 2]},
      "idempotent": ["add"],
      "max_queue_size": 5, "max_queue_bytes": "64MiB", "queue_timeout": "1s",
      "request_timeout": "infinity", "stream_timeout": "2h",
      "cancel_grace": "20ms", "poison_after": 9,
      "prefetch": "0s", "max_frame_bytes": "1MB",
      "start_timeout": "90s", "start_batch": 2, "worker_shutdown": "2m",
      "intensity": 0, "period": {"value": 5, "unit": "minutes"},
      "restart_backoff": {"minimum": "1s", "maximum": "1h", "factor": 3,
                          "jitter": 0.5, "reset_after": "infinity"},
      "on_exhausted": "escalate", "max_abandoned": 1,
      "default_strategy": "next_worker", "queue": "lifo",
      "waiting_callers_impl": "by_age", "idle_workers_impl": "a",
      "busy_workers_impl": "b", "idle_overflow_workers_impl": "c",
      "session_affinity": "wait", "session_ttl": "2h", "max_sessions": 7,
      "max_overflow": 9, "overflow_retention": "3s",
      "min_size": 2, "max_size": 20,
      "overrun_warning": "1s", "max_overrun_warnings": 5,
      "breaker": {"enabled": true, "consecutive": 7, "rate": 0.25,
                  "minimum": 40, "window": "20s", "cooldown": "5s",
                  "failures": ["worker_died"]},
      "strategy": "rest_for_one", "pool_sup_intensity": 6,
      "pool_sup_period": "7s", "pool_sup_shutdown": "brutal_kill",
      "ttl": "1h", "max_requests": 5000, "memory_limit": "512MB",
      "lifecycle_check": "500ms", "max_surge": 3,
      "health_interval": "3s", "health_timeout": "1s", "health_failures": 2,
      "log_level": "DEBUG", "stderr_lines": 0,
      "telemetry": {"sample": 0.5, "allow": ["a.*"], "deny": ["*.b"]},
      "heartbeat": "infinity", "safety": "strict"
    }]})");
  CHECK(x.stop_timeout == 7s);
  const auto& p = x.pools.at(0);
  CHECK(p.name == "compute");
  CHECK(p.size == 7);
  CHECK(p.adapter == "m.n:C");
  CHECK(p.python == "python3.12");
  CHECK(p.python_path
        == std::vector<std::string>{"/etc/app/lib", "/abs", "/etc/app"});
  CHECK(p.env.at("LANG") == "C.UTF-8");
  CHECK(p.cwd == "/etc/app/work");
  CHECK(nlohmann::json::parse(p.adapter_options)["layers"][1] == 2);
  CHECK(p.idempotent == std::vector<std::string>{"add"});
  CHECK(p.max_queue_size == 5);
  CHECK(p.max_queue_bytes == 64ull << 20);
  CHECK(p.queue_timeout == 1s);
  CHECK(p.request_timeout == infinite);
  CHECK(p.stream_timeout == 2h);
  CHECK(p.cancel_grace == 20ms);
  CHECK(p.poison_after == 9);
  CHECK(p.prefetch == 0s);
  CHECK(p.max_frame_bytes == 1'000'000);
  CHECK(p.start_timeout == 90s);
  CHECK(p.start_batch == 2);
  CHECK(p.worker_shutdown == 2min);
  CHECK(p.intensity == 0);
  CHECK(p.period == 5min);
  CHECK(p.restart_backoff.minimum == 1s);
  CHECK(p.restart_backoff.maximum == 1h);
  CHECK(p.restart_backoff.factor == 3);
  CHECK(p.restart_backoff.jitter == 0.5);
  CHECK(p.restart_backoff.reset_after == infinite);
  CHECK(p.exhausted == on_exhausted::escalate);
  CHECK(p.max_abandoned == 1);
  CHECK(p.default_strategy == "next_worker");
  CHECK(p.queue == queue_order::lifo);
  CHECK(p.waiting_callers_impl == "by_age");
  CHECK(p.idle_workers_impl == "a");
  CHECK(p.busy_workers_impl == "b");
  CHECK(p.idle_overflow_workers_impl == "c");
  CHECK(p.session_affinity == session_affinity::wait);
  CHECK(p.session_ttl == 2h);
  CHECK(p.max_sessions == 7);
  CHECK(p.max_overflow == 9);
  CHECK(p.overflow_retention == 3s);
  CHECK(p.min_size == 2);
  CHECK(p.max_size == 20);
  CHECK(p.overrun_warning == 1s);
  CHECK(p.max_overrun_warnings == 5);
  CHECK(p.breaker.enabled);
  CHECK(p.breaker.consecutive == 7);
  CHECK(p.breaker.rate == 0.25);
  CHECK(p.breaker.minimum == 40);
  CHECK(p.breaker.window == 20s);
  CHECK(p.breaker.cooldown == 5s);
  CHECK(p.breaker.failures == std::vector<std::string>{"worker_died"});
  CHECK(p.strategy == "rest_for_one");
  CHECK(p.pool_sup_intensity == 6);
  CHECK(p.pool_sup_period == 7s);
  CHECK(p.pool_sup_shutdown == shutdown::brutal_kill());
  CHECK(p.ttl == 1h);
  CHECK(p.max_requests == 5000);
  CHECK(p.memory_limit == 512'000'000);
  CHECK(p.lifecycle_check == 500ms);
  CHECK(p.max_surge == 3);
  CHECK(p.log_level == "DEBUG");
  CHECK(p.stderr_lines == 0);
  CHECK(p.health_interval == 3s);
  CHECK(p.health_timeout == 1s);
  CHECK(p.health_failures == 2);
  CHECK(p.telemetry.sample == 0.5);
  CHECK(p.telemetry.allow == std::vector<std::string>{"a.*"});
  CHECK(p.telemetry.deny == std::vector<std::string>{"*.b"});
  CHECK(p.heartbeat == infinite);
  CHECK(p.safety == "strict");
}

TEST_CASE("settings survive the way to JSON and back") {
  auto x = read(R"({"stop_timeout": "1500ms", "pools": [
    {"name": "a", "adapter": "m:A", "ttl": "1h", "memory_limit": "512MB",
     "on_exhausted": "escalate", "env": {"A": "ü\n"}, "python": ".venv",
     "adapter_options": {"deep": {"er": [1, 2.5, null]}}},
    {"name": "b", "profile": "native", "max_queue_bytes": 12345,
     "restart_backoff": {"jitter": 0.125}}]})");
  auto text = x.to_json();
  auto y = read(text);
  CHECK(y.to_json() == text);
  CHECK(y.stop_timeout == 1500ms);
  REQUIRE(y.pools.size() == 2);
  CHECK(y.pools[0].memory_limit == 512'000'000);
  CHECK(y.pools[0].adapter_options == x.pools[0].adapter_options);
  CHECK(y.pools[0].python == "/etc/app/.venv");
  CHECK(y.pools[0].python_path == x.pools[0].python_path);
  CHECK(y.pools[1].ttl == infinite);
  CHECK(y.pools[1].max_queue_bytes == 12345);
  CHECK(y.pools[1].restart_backoff.jitter == 0.125);
}

TEST_CASE("all mistakes of a file are told at once, each with its place") {
  auto text = refusal(R"({
    "stop_timeout": 30,
    "pools": [
      {"name": "a b", "size": 0, "siez": 4, "adapter": "no good"},
      {"name": "ok", "size": -3, "ttl": 90, "profile": "thraed"},
      {"name": "ok", "adapter": "m:A", "restart_backoff": {"factor": 0.5}},
      7
    ]})");
  has(text, "11 mistakes");
  has(text, "stop_timeout: found 30; allowed: a duration from 0s to 1d; "
            "written with its unit: \"90s\"");
  has(text, "pools[0].name: found \"a b\"; allowed: 1 to 64 letters");
  has(text, "pools[0].size: found 0; allowed: a whole number from 1 to 10000");
  has(text, "pools[0].siez: found a key that is not known; allowed: \"size\"");
  has(text, "pools[0].adapter: found \"no good\"; allowed: \"module:Class\"");
  has(text, "pools[1].size: found -3; allowed: a whole number from 0");
  has(text, "pools[1].ttl: found 90; allowed: a duration above zero");
  has(text, "pools[1].profile: found \"thraed\"; allowed: \"");
  has(text, "pools[2].name: found \"ok\", which is the name of pools[1]");
  has(text, "pools[2].restart_backoff.factor: found 0.5; allowed: a number");
  has(text, "pools[3]: found 7; allowed: a JSON object");
  CHECK(lines(text) == 11);
}

TEST_CASE("a process pool needs an adapter, a native one does not") {
  auto text = refusal(R"({"pools": [{"name": "a"}]})");
  has(text, "pools[0].adapter: found nothing; allowed: the adapter");
  CHECK(lines(text) == 1);
  read(R"({"pools": [{"profile": "native"}]})");
}

TEST_CASE("what would never do anything is refused") {
  auto text = refusal(R"({"pools": [
    {"name": "a", "adapter": "m:A", "queue": "off", "max_overflow": 3,
     "default_strategy": "best_worker"},
    {"name": "b", "adapter": "m:A", "max_overrun_warnings": 3},
    {"name": "c", "profile": "native", "memory_limit": "1GB"},
    {"name": "d", "adapter": "m:A", "queue": "off", "idle_workers_impl": "by_age",
     "default_strategy": "best_worker"}]})");
  has(text, "pools[0].max_overflow: found 3 with queue \"off\"; allowed: 0");
  has(text, "pools[1].max_overrun_warnings: found 3 without overrun_warning; "
            "allowed: 0");
  has(text,
      "pools[2].memory_limit: found 1GB with profile \"native\"; allowed: "
      "0");
  has(text, "pools[3].idle_workers_impl: found \"by_age\" with queue \"off\"");
  CHECK(lines(text) == 4);
}

TEST_CASE("wrong types are told apart from wrong values") {
  has(refusal(pool_with(R"("size": "4")")), R"(pools[0].size: found "4")");
  has(refusal(pool_with(R"("size": 4.0)")), "pools[0].size: found 4.0");
  has(refusal(pool_with(R"("size": 99999999999)")), "found 99999999999");
  has(refusal(pool_with(R"("name": null)")), "pools[0].name: found null");
  has(refusal(pool_with(R"("env": {"A": 1})")), R"(found {"A":1})");
  has(refusal(pool_with(R"("env": {"A=B": "1"})")), "pools[0].env");
  has(refusal(pool_with(R"("python_path": "lib")")), "a list of folders");
  has(refusal(pool_with(R"("idempotent": [""])")), "a list of commands");
  has(refusal(pool_with(R"("adapter_options": [1])")), "a JSON object");
  has(refusal(pool_with(R"("adapter_options": {"charmer": 2})")),
      R"(found {"charmer":2}; allowed: a JSON object, and so is "charmer")");
  has(refusal(pool_with(R"("memory_limit": 1)")), "or 0 for no limit");
  has(refusal(pool_with(R"("memory_limit": "1XB")")), R"(found "1XB")");
  has(refusal(pool_with(R"("log_level": "LOUD")")), R"("DEBUG", "INFO", )");
  has(refusal(pool_with(R"("on_exhausted": "panic")")), R"("degrade" or)");
  has(refusal(pool_with(R"("ttl": {"value": 5})")), R"({"value":5})");
  has(refusal(pool_with(R"("prefetch": "infinity")")), "from 0s to 1s");
  has(refusal(pool_with(R"("restart_backoff": 3)")), "a JSON object");
  has(refusal(pool_with(R"("restart_backoff": {"maximum": "1ms"})")),
      "not below restart_backoff.minimum (200ms)");
  has(refusal("[]"), "the file: found []");
  has(refusal(R"({"pools": {}})"), "pools: found {}; allowed: a list");
}

TEST_CASE("an unknown key gets the nearest known one, or all of them") {
  has(refusal(pool_with(R"("python_paht": [])")), R"("python_path", perhaps)");
  has(refusal(pool_with(R"("exhausted": "degrade")")),
      R"("on_exhausted", perhaps)");
  has(refusal(pool_with(R"("restart_backoff": {"jiter": 1})")),
      R"(restart_backoff.jiter: found a key that is not known; )"
      R"(allowed: "jitter", perhaps)");
  has(refusal(pool_with(R"("xyzzy": 1)")),
      "name, profile, size, threads_per_worker, adapter");
  has(refusal(R"({"pool": [{"adapter": "a:B"}]})"), R"("pools", perhaps)");
}

TEST_CASE("a name that could not be read is nobody's duplicate") {
  auto text = refusal(R"({"pools": [{"name": 5, "adapter": "a:B"},
                                    {"adapter": "a:B"}]})");
  CHECK(lines(text) == 1);
}

TEST_CASE("settings without a pool are an error of their own") {
  for (auto text : {"{}", R"({"pools": []})", R"({"stop_timeout": "1s"})"})
    has(refusal(text, pool_errc::no_pools_configured), "name no pool");
}

TEST_CASE("malformed JSON is told with line and column") {
  auto text = refusal("{\n  \"pools\": [\n    {\"size\": 4,, }\n]}");
  has(text, "line 3, column 16: syntax error");
  has(refusal(""), "line 1, column 1");
  has(refusal("{\"ä\": 1 x}"), "line 1, column 9");
  has(refusal("{\"a\": \"\xff\"}"), "line 1, column");
}

TEST_CASE("long values are cut in messages") {
  auto text = refusal(pool_with("\"size\": \"" + std::string(5000, 'x') + '"'));
  CHECK(text.size() < 300);
}

TEST_CASE("values made in C++ are checked by the same rules") {
  settings x;
  x.pools.push_back(valid_pool());
  CHECK(validate(x).empty());

  x.pools.push_back(valid_pool());
  x.pools[1].size = 0;
  x.pools[1].adapter_options = R"({"charmer": 2})";
  x.pools[1].ttl = timespan{-1};
  auto errors = validate(x);
  REQUIRE(errors.size() == 4);
  CHECK(errors[0].where == "pools[1].adapter_options");
  CHECK(errors[1].where == "pools[1].ttl");
  CHECK(errors[1].found == "\"-1ns\"");
  CHECK(errors[2].where == "pools[1].size");
  CHECK(errors[2].found == "0");
  CHECK(errors[2].allowed.starts_with("a whole number from 1 to 10000"));
  CHECK(errors[3].where == "pools[1].name");

  auto alone = validate(x.pools[1]);
  REQUIRE(alone.size() == 3);
  CHECK(alone[2].where == "size");

  auto error = make_error(errors);
  CHECK(error == pool_errc::invalid_settings);
  has(failure_of(error).text,
      "4 mistakes in the settings\n  pools[1].adapter_options: ");
}

TEST_CASE("paths in a file count from the file, and its folder is searched") {
  scratch_folder folder;
  auto file = folder.path / "pools.json";
  std::ofstream{file} << R"({"pools": [{"adapter": "a:B",
    "python": "env/bin/python", "python_path": ["../shared"]}]})";
  auto x = settings::from_file(file.string());
  REQUIRE(x);
  const auto& pool = x->pools[0];
  CHECK(pool.python == (folder.path / "env/bin/python").string());
  REQUIRE(pool.python_path.size() == 2);
  CHECK(pool.python_path[0] == (folder.path.parent_path() / "shared").string());
  CHECK(pool.python_path[1] == folder.path.string());
}

TEST_CASE("a relative file name resolves to absolute folders") {
  scratch_folder folder;
  std::ofstream{folder.path / "pools.json"}
      << R"({"pools": [{"adapter": "a:B", "python": "python3"}]})";
  auto before = fs::current_path();
  fs::current_path(folder.path);
  auto x = settings::from_file("pools.json");
  fs::current_path(before);
  REQUIRE(x);
  CHECK(x->pools[0].python == "python3");
  CHECK(x->pools[0].python_path
        == std::vector<std::string>{fs::canonical(folder.path).string()});
}

TEST_CASE("errors of a file name the file") {
  scratch_folder folder;
  auto file = (folder.path / "pools.json").string();
  auto missing = settings::from_file(file);
  REQUIRE(!missing);
  CHECK(missing.error() == pool_errc::invalid_settings);
  has(failure_of(missing.error()).text, file + ": No such file or directory");

  CHECK(!settings::from_file(folder.path.string()));

  std::ofstream{file} << "";
  auto empty = settings::from_file(file);
  REQUIRE(!empty);
  has(failure_of(empty.error()).text, file + ": the settings are no JSON");
}
