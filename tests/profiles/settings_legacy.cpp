// Settings as Snakepit writes them.
#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/settings.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

settings read(const std::string& text) {
  auto result = settings::from_json(text, "/etc/app");
  if (!result)
    FAIL(describe(result.error()));
  return *result;
}

std::string refusal(const std::string& text) {
  auto result = settings::from_json(text, "/etc/app");
  REQUIRE(!result);
  CHECK(result.error() == pool_errc::invalid_settings);
  return failure_of(result.error()).text;
}

bool says(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  CHECK(text.find(part) != std::string::npos);
  return true;
}

std::size_t mistakes(const std::string& text) {
  std::size_t result = 0;
  for (auto c : text)
    result += c == '\n' ? 1 : 0;
  return result;
}

} // namespace

TEST_CASE("the form without pools is one default process pool") {
  auto x = read(R"({
    "pooling_enabled": true, "adapter_module": "calculator:Calculator",
    "pool_size": 7, "worker_ttl": {"value": 1, "unit": "hours"},
    "worker_max_requests": 500})");
  REQUIRE(x.pools.size() == 1);
  const auto& pool = x.pools[0];
  CHECK(pool.name == "default");
  CHECK(pool.profile == "process");
  CHECK(pool.adapter == "calculator:Calculator");
  CHECK(pool.size == 7);
  CHECK(pool.ttl == 1h);
  CHECK(pool.max_requests == 500);
  CHECK(pool.python_path == std::vector<std::string>{"/etc/app"});
  CHECK(x.pooling_enabled);
  CHECK(x.notes.empty());
}

TEST_CASE("pool_config is merged, and what stands at the top wins") {
  auto x = read(R"({
    "pool_size": 7, "adapter_module": "a:B",
    "pool_config": {"pool_size": 3, "startup_batch_size": 2,
                    "max_queue_size": 11, "breaker": {"enabled": true},
                    "pool_queue_timeout": 2500}})");
  REQUIRE(x.pools.size() == 1);
  const auto& pool = x.pools[0];
  CHECK(pool.size == 7);
  CHECK(pool.start_batch == 2);
  CHECK(pool.max_queue_size == 11);
  CHECK(pool.breaker.enabled);
  CHECK(pool.queue_timeout == 2500ms);
}

TEST_CASE("pooling_enabled false needs no pool") {
  auto x = read(R"({"pooling_enabled": false})");
  CHECK(x.pools.empty());
  CHECK_FALSE(x.pooling_enabled);
  CHECK_FALSE(read(x.to_json()).pooling_enabled);
  x = read(R"({"pooling_enabled": false, "pools": [{"adapter": "a:B"}]})");
  CHECK(x.pools.size() == 1);
  CHECK_FALSE(x.pooling_enabled);
}

TEST_CASE("grpc_config is accepted and reported as not needed") {
  auto x = read(R"({"adapter_module": "a:B",
                    "grpc_config": {"base_port": 50051, "port_range": 100}})");
  REQUIRE(x.notes.size() == 1);
  says(x.notes[0], "grpc_config is not needed: there is no server");
  x = read(R"({"grpc_port": 50051, "pools": [
               {"adapter": "a:B", "startup_batch_delay_ms": 750}]})");
  REQUIRE(x.notes.size() == 2);
  says(x.notes[1], "pools[0].startup_batch_delay_ms is not needed: ");
}

TEST_CASE("inside pools the names of then are understood") {
  auto x = read(R"({"pools": [
    {"name": "a", "worker_profile": "process", "pool_size": 2,
     "adapter_module": "m:A", "worker_ttl": "1h", "worker_max_requests": 9,
     "pool_queue_timeout": "3s", "pool_max_queue_size": 4,
     "pool_startup_timeout": 9000, "adapter_env": {"A": "1"},
     "python_executable": "python3"},
    {"name": "b", "adapter": "m:B", "size": 5}]})");
  REQUIRE(x.pools.size() == 2);
  const auto& a = x.pools[0];
  CHECK(a.size == 2);
  CHECK(a.adapter == "m:A");
  CHECK(a.ttl == 1h);
  CHECK(a.max_requests == 9);
  CHECK(a.queue_timeout == 3s);
  CHECK(a.max_queue_size == 4);
  CHECK(a.start_timeout == 9s);
  CHECK(a.env.at("A") == "1");
  CHECK(a.python == "python3");
  CHECK(x.pools[1].size == 5); // each pool keeps its own
}

TEST_CASE("both names of one setting are a mistake") {
  auto text = refusal(R"({"pools": [{"adapter": "a:B", "size": 2,
                                     "pool_size": 2}]})");
  says(text, R"(pools[0].pool_size: found the same as "size", which is there )"
             R"(too; allowed: one of the two)");
  CHECK(mistakes(text) == 1);
  text = refusal(R"({"adapter_module": "a:B",
                     "pool_config": {"pool_size": 2, "size": 3}})");
  says(text, R"(pool_config.size: found the same as "pool_size")");
  CHECK(mistakes(text) == 1);
}

TEST_CASE("keys of the only pool have no place beside pools") {
  auto text = refusal(R"({"pool_size": 3, "pools": [{"adapter": "a:B"}]})");
  says(text, R"(pool_size: found a key that describes the only pool, beside )"
             R"("pools")");
  CHECK(mistakes(text) == 1);
}

TEST_CASE("mistakes are told with the names and places of the file") {
  auto text = refusal(R"({
    "pool_size": -1, "worker_ttl": 90, "worker_profile": "thraed",
    "pool_config": {"max_queue_size": "many", "breaker": {"rate": 2},
                    "startup_batch_size": 0, "pool_sise": 3}})");
  says(text, "\n  pool_size: found -1");
  says(text, "\n  worker_ttl: found 90; allowed: a duration");
  says(text, "\n  worker_profile: found \"thraed\"");
  says(text, "\n  pool_config.max_queue_size: found \"many\"");
  says(text, "\n  pool_config.breaker.rate: found 2");
  says(text, "\n  pool_config.startup_batch_size: found 0");
  says(text, "\n  pool_config.pool_sise: found a key that is not known; "
             "allowed: \"pool_size\", perhaps");
  CHECK(mistakes(text) == 7);
  text = refusal(R"({"pools": [{"adapter": "a:B"},
                               {"name": "b", "adapter_module": "no good"}]})");
  says(text, "\n  pools[1].adapter_module: found \"no good\"");
}

TEST_CASE("what is missing is missed under its name of then") {
  auto text = refusal(R"({"pool_size": 4})");
  says(text, "\n  adapter_module: found nothing");
  CHECK(mistakes(text) == 1);
  says(refusal(R"({"pool_config": 4})"), "\n  pool_config: found 4");
  says(refusal(R"({"pooling_enabled": "no"})"),
       "\n  pooling_enabled: found \"no\"; allowed: true or false");
  says(refusal(R"({"adaptr_module": "a:B"})"), R"("adapter_module", perhaps)");
}

TEST_CASE("a bare number is no duration under a name of today") {
  says(refusal(R"({"pools": [{"adapter": "a:B", "queue_timeout": 5000}]})"),
       "queue_timeout: found 5000");
}

TEST_CASE("a key that is written twice is told with its place") {
  auto text = refusal(R"({
    "stop_timeout": "1s", "stop_timeout": "2s",
    "pools": [
      {"adapter": "a:B", "size": 1, "ttl": "1h", "size": 2,
       "adapter_options": {"deep": [7, {"x": 1, "x": 1}], "x": 1}},
      {"name": "b", "adapter": "a:B", "size": 1}]})");
  says(text, "\n  stop_timeout: found a key that is written twice");
  says(text, "\n  pools[0].size: found a key that is written twice");
  says(text, "\n  pools[0].adapter_options.deep[1].x: found a key that");
  CHECK(mistakes(text) == 3);
  says(refusal(R"({"adapter_module": "a:B", "pool_size": 1, "pool_size": 1})"),
       "\n  pool_size: found a key that is written twice");
}

TEST_CASE("no text makes the reader throw, however it is broken") {
  const std::string whole = R"({"stop_timeout": "1s", "pool_size": 3,
    "pool_config": {"env": {"A": "ü"}, "size": [1, {"b": null}, 2.5e3]},
    "pools": [{"adapter": "a:B", "breaker": {"rate": 0.5, "rate": 1}}, []]})";
  const std::string pieces = R"({}[]",:0-e.\ntf)";
  std::mt19937 random{5};
  for (int round = 0; round < 20'000; ++round) {
    auto text = whole;
    for (auto changes = 1 + random() % 3; changes > 0; --changes) {
      auto at = random() % text.size();
      auto piece = pieces[random() % pieces.size()];
      switch (random() % 3) {
        case 0:
          text[at] = piece;
          break;
        case 1:
          text.insert(at, 1, piece);
          break;
        case 2:
          text.erase(at, 1 + random() % 20);
      }
    }
    CAPTURE(text);
    REQUIRE_NOTHROW(settings::from_json(text, "/etc/app"));
  }
  says(refusal(R"({"pools": [{"ttl": 1e999}]})"), "number overflow");
}
