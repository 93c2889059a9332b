// Events as values: as text, as JSON, in filters and in queues.
#include "charmer/supervision/event_queue.hpp"

#include "world.hpp"

#include <nlohmann/json.hpp>

#include <random>

using namespace test;

TEST_CASE("an event is one line, and what has several lines follows") {
  event e{.name = "charmer.supervisor.child_terminated",
          .level = severity::error,
          .path = "root/pool default",
          .child = "worker 3",
          .actor_id = 17,
          .text = "killed by SIGKILL",
          .restarts = 2,
          .attempt = 1,
          .delay = 200ms,
          .uptime = 1500ms};
  e.set("pid", 4711);
  e.set("lost", true);
  e.set_json("stderr", R"(["one","two"])");
  CHECK(
      to_string(e)
      == "1970-01-01T00:00:00.000000Z error "
         "charmer.supervisor.child_terminated [root/pool default] 'worker 3' "
         "#17: killed by SIGKILL restarts=2 attempt=1 delay=200ms uptime=1.5s "
         "lost=true pid=4711\n  stderr:\n    one\n    two");
}

TEST_CASE("no text of an event looks like another event") {
  event e{.name = "x\ny", .path = "r\rs", .child = "a\nb"};
  e.text = "one\ntwo\x1b[2J";
  e.set("k\ney", "v\rw");
  CHECK(to_string(e)
        == "1970-01-01T00:00:00.000000Z info x\\ny [r\\x0ds] 'a\\nb': one "
           "k\\ney=v\\x0dw\n  text:\n    one\n    two\\x1b[2J");
  e = {.name = "x", .reason = caf::error{}};
  e.reason = make_error(supervision_errc::not_found, "one\ntwo");
  e.set("key", "1\n2");
  CHECK(to_string(e)
        == "1970-01-01T00:00:00.000000Z info x: not_found: one\n  text:\n    "
           "not_found: one\n    two\n  key:\n    1\n    2");
}

TEST_CASE("the time of an event is right before 1970, too") {
  auto at = [](timespan x) {
    auto text = to_string(event{.name = "x", .wall = caf::timestamp{x}});
    return text.substr(0, text.find(' '));
  };
  CHECK(at(1ns) == "1970-01-01T00:00:00.000000Z");
  CHECK(at(-1ns) == "1969-12-31T23:59:59.999999Z");
  CHECK(at(-1us) == "1969-12-31T23:59:59.999999Z");
  CHECK(at(-250ms) == "1969-12-31T23:59:59.750000Z");
  CHECK(at(-1s) == "1969-12-31T23:59:59.000000Z");
  CHECK(at(-1s - 1us) == "1969-12-31T23:59:58.999999Z");
  CHECK(at(-24h * 365) == "1969-01-01T00:00:00.000000Z");
  CHECK(at(24h * 20453 + 1234567us) == "2025-12-31T00:00:01.234567Z");
}

TEST_CASE("an event is one JSON object on one line") {
  event e{.name = "x", .path = "root", .text = "line 1\nline \"2\""};
  e.reason = make_error(supervision_errc::not_found, "child 'a'");
  e.set("n", 1);
  e.set("u", std::numeric_limits<std::uint64_t>::max());
  e.set("d", 0.5);
  e.set("s", "text \xff");
  e.set("inf", std::numeric_limits<double>::infinity());
  e.set_json("broken", "{");
  auto text = to_json(e);
  CHECK(text.find('\n') == string::npos);
  auto x = nlohmann::json::parse(text);
  CHECK(x["name"] == "x");
  CHECK(x["level"] == "info");
  CHECK(x["text"] == "line 1\nline \"2\"");
  CHECK(x["reason"]["category"] == "supervisor");
  CHECK(x["reason"]["text"] == "not_found: child 'a'");
  CHECK(x["details"]["n"] == 1);
  CHECK(x["details"]["u"] == std::numeric_limits<std::uint64_t>::max());
  CHECK(x["details"]["d"] == 0.5);
  CHECK(x["details"]["inf"] == "inf");
  CHECK(x["details"]["broken"] == "{");
}

TEST_CASE("an event is valid JSON whatever bytes are in its texts") {
  std::mt19937 random{1};
  for (int i = 0; i < 2000; ++i) {
    auto bytes = [&] {
      string x;
      for (auto n = random() % 8; n > 0; --n)
        x += char(random() % 2 ? 0x80 + random() % 0x80 : random() % 0x80);
      return x;
    };
    event e{.name = bytes(), .path = bytes(), .child = bytes()};
    e.text = bytes();
    e.reason = make_error(supervision_errc::not_found, bytes());
    e.details[bytes()] = bytes();
    e.set(bytes(), bytes());
    e.set_json("json", '"' + bytes() + '"');
    CHECK(nlohmann::json::accept(to_json(e))); // refuses what is not UTF-8
  }
}

TEST_CASE_FIXTURE(world, "an event goes through the serializer unchanged") {
  event e{.name = "x", .level = severity::error, .wall = caf::make_timestamp()};
  e.reason = make_error(supervision_errc::planned_stop,
                        exit_details{"ttl", {{"pid", "1"}}});
  e.set("n", 1);
  std::vector<char> bytes;
  caf::binary_serializer sink{system, bytes};
  REQUIRE_FALSE(sink(e));
  event copy;
  caf::binary_deserializer source{system, bytes};
  REQUIRE_FALSE(source(copy));
  CHECK(to_json(copy) == to_json(e));
  REQUIRE(exit_details_of(copy.reason));
  CHECK(exit_details_of(copy.reason)->details.at("pid") == "1");
}

TEST_CASE("patterns match as a reader expects") {
  auto like = [](string text, string pattern) {
    return event_filter{.name = pattern}.matches({.name = text});
  };
  CHECK(like("", "*"));
  CHECK(like("abc", "abc"));
  CHECK_FALSE(like("abc", "ab"));
  CHECK_FALSE(like("ab", "abc"));
  CHECK(like("abc", "a*c"));
  CHECK(like("abcbc", "a*bc"));
  CHECK(like("abc", "***"));
  CHECK_FALSE(like("abd", "a*c"));
  CHECK_FALSE(like("", "a"));
}

TEST_CASE("a queue that is closed drops what waits and releases it") {
  event_queue queue{4};
  auto what = std::make_shared<const event>();
  auto pending = std::make_shared<const int>(1);
  CHECK(queue.push({what, pending}) == event_queue::pushed::wake);
  CHECK(queue.push({what, pending}) == event_queue::pushed::queued);
  CHECK(pending.use_count() == 3);
  queue.close();
  CHECK(pending.use_count() == 1);
  CHECK(queue.push({what, pending}) == event_queue::pushed::dropped);
  CHECK(pending.use_count() == 1);
}

TEST_CASE("a detail that is nested deeper than a stack is shown as text") {
  constexpr auto depth = 200'000;
  charmer::event e{.name = "x"};
  e.set_json("deep", std::string(depth, '[') + std::string(depth, ']'));
  e.set_json("flat", "[[1]]");
  CHECK(to_string(e).find("flat=[[1]]") != std::string::npos);
  CHECK(to_string(e).find("deep=[[[") != std::string::npos);
  CHECK(to_json(e).find("\"deep\":\"[[[") != std::string::npos);
}
