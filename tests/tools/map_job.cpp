#include "charmer/tools/map_job.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace charmer;
using namespace charmer::tools;
using namespace std::chrono_literals;

namespace {

using nlohmann::json;
using time = map_job::clock::time_point;

const time start{1h};

input_line line(std::uint64_t number, std::string text) {
  return {number, std::move(text)};
}

std::vector<std::uint64_t> ids(const std::vector<call_request>& xs) {
  std::vector<std::uint64_t> result;
  for (auto& x : xs)
    result.push_back(x.id);
  return result;
}

std::string printed(map_job& x) {
  std::string result;
  x.print(result, 1 << 20);
  return result;
}

caf::error python_error() {
  return make_error(pool_errc::python_exception,
                    failure{.text = "ValueError: no",
                            .type = "ValueError",
                            .traceback = "Traceback…",
                            .begun = true});
}

caf::error refusal(pool_errc code) {
  return make_error(code, failure{.text = "not now"});
}

using numbers = std::vector<std::uint64_t>;

} // namespace

TEST_SUITE("map job") {
  TEST_CASE("lines are sent in order, and printed in order") {
    map_job x{{.workers = 2}};
    x.add(line(1, "10"));
    x.add(line(2, "20"));
    auto calls = x.take_calls(start);
    REQUIRE(ids(calls) == numbers{0, 1});
    CHECK(calls[1].arguments == "20");
    x.answered(1, payload::json("\"b\""), start);
    CHECK(printed(x).empty());
    x.answered(0, payload::json("\"a\""), start);
    CHECK(printed(x) == "\"a\"\n\"b\"\n");
    CHECK(!x.finished());
    x.end_of_input();
    CHECK(x.finished());
  }

  TEST_CASE("no more is in flight than the window allows") {
    map_job x{{.workers = 2}};
    for (std::uint64_t n = 1; x.has_room(start); ++n)
      x.add(line(n, "1"));
    CHECK(x.counts().taken == 2);
    CHECK(x.take_calls(start).size() == 2);
    CHECK(!x.has_room(start));
    x.answered(0, payload::json("1"), start);
    CHECK(x.has_room(start));
  }

  TEST_CASE("what is finished but cannot be printed yet is bounded") {
    map_job x{{.workers = 2, .reorder_limit = 10}};
    std::uint64_t n = 0;
    while (x.has_room(start)) {
      x.add(line(++n, "1"));
      for (auto id : ids(x.take_calls(start)))
        if (id != 0)
          x.answered(id, payload::json("1"), start);
      REQUIRE(n < 100);
    }
    CHECK(n == 10);
    x.answered(0, payload::json("1"), start);
    CHECK(printed(x).size() == 20);
    CHECK(x.has_room(start));
  }

  TEST_CASE("the bytes of items and of results are bounded") {
    map_job x{{.workers = 8, .byte_limit = 100}};
    x.add(line(1, '"' + std::string(120, 'x') + '"'));
    CHECK(!x.has_room(start));
    x.take_calls(start);
    x.answered(0, payload::json("1"), start);
    CHECK(x.has_room(start));
    x.add(line(2, "1"));
    x.add(line(3, "1"));
    x.take_calls(start);
    x.answered(2, payload::json(std::string(120, '1')), start);
    CHECK(!x.has_room(start));
    x.answered(1, payload::json("1"), start);
    printed(x);
    CHECK(x.has_room(start));
  }

  TEST_CASE("print takes no more than the limit and goes on later") {
    map_job x{{.workers = 4}};
    for (std::uint64_t n = 1; n <= 4; ++n)
      x.add(line(n, "1"));
    for (auto id : ids(x.take_calls(start)))
      x.answered(id, payload::json("123"), start);
    std::string out;
    x.print(out, 5);
    CHECK(out == "123\n123\n");
    CHECK(x.unprinted() == 2);
  }

  TEST_CASE("a blank line is no item") {
    map_job x{{}};
    x.add(line(1, " \t\r"));
    x.end_of_input();
    CHECK(x.counts().taken == 0);
    CHECK(x.finished());
  }

  TEST_CASE("a result of several lines becomes one line") {
    map_job x{{}};
    x.add(line(1, "1"));
    x.take_calls(start);
    x.answered(0, payload::json("{\n\"a\": \"b\\n\"\r\n}"), start);
    CHECK(printed(x) == "{ \"a\": \"b\\n\"  }\n");
  }

  TEST_CASE("stop ends with the first failure in order, not in time") {
    map_job x{{.workers = 4}};
    for (std::uint64_t n = 1; n <= 4; ++n)
      x.add(line(n, "1"));
    x.take_calls(start);
    x.failed(2, python_error(), start);
    CHECK(!x.has_room(start));
    x.answered(3, payload::json("4"), start);
    x.failed(1, python_error(), start);
    CHECK(printed(x).empty());
    CHECK(!x.finished());
    x.answered(0, payload::json("1"), start);
    CHECK(printed(x) == "1\n");
    REQUIRE(x.ended_early());
    CHECK(x.finished());
    CHECK(x.ended_early()->status == exit_status::failed);
    CHECK(x.ended_early()->text.find("line 2: python_exception: ValueError: no")
          == 0);
    CHECK(printed(x).empty());
  }

  TEST_CASE("skip leaves failures out") {
    map_job x{{.errors = on_error::skip, .workers = 3}};
    for (std::uint64_t n = 1; n <= 3; ++n)
      x.add(line(n, "1"));
    x.take_calls(start);
    x.failed(1, python_error(), start);
    x.answered(0, payload::json("1"), start);
    x.answered(2, payload::json("3"), start);
    x.end_of_input();
    CHECK(printed(x) == "1\n3\n");
    CHECK(x.finished());
    CHECK(x.counts().failed == 1);
  }

  TEST_CASE("record puts an object in the place of a failure") {
    map_job x{{.errors = on_error::record}};
    x.add(line(7, "1"));
    x.take_calls(start);
    x.failed(0, python_error(), start);
    auto error = json::parse(printed(x))["error"];
    CHECK(error["code"] == "python_exception");
    CHECK(error["type"] == "ValueError");
    CHECK(error["text"] == "ValueError: no");
    CHECK(error["line"] == 7);
    CHECK(error["begun"] == true);
  }

  TEST_CASE("a line that is no JSON is a failed item that is never sent") {
    map_job x{{.workers = 2}};
    x.add(line(1, "1"));
    x.add(line(2, "{x"));
    CHECK(ids(x.take_calls(start)) == numbers{0});
    x.answered(0, payload::json("1"), start);
    CHECK(printed(x) == "1\n");
    REQUIRE(x.ended_early());
    CHECK(x.ended_early()->status == exit_status::bad_input);
    CHECK(x.ended_early()->text.find("line 2, column 2: no JSON") == 0);
  }

  TEST_CASE("a line that was too long is a failed item, too") {
    map_job x{{.errors = on_error::record}};
    x.add({1, "", true});
    CHECK(x.take_calls(start).empty());
    auto error = json::parse(printed(x))["error"];
    CHECK(error["code"] == "line_too_long");
  }

  TEST_CASE("a result that is no JSON is a failed item") {
    map_job x{{.errors = on_error::record}};
    x.add(line(1, "1"));
    x.take_calls(start);
    x.answered(0, payload::raw("\x01"), start);
    CHECK(json::parse(printed(x))["error"]["code"] == "bad_payload");
  }

  TEST_CASE("an item that never ran is sent again, after a pause that grows") {
    map_job x{{.workers = 2}};
    x.add(line(1, "1"));
    x.add(line(2, "2"));
    x.take_calls(start);
    auto now = start;
    timespan before{0};
    for (int i = 0; i < 8; ++i) {
      x.failed(0, refusal(pool_errc::pool_degraded), now);
      x.failed(1, refusal(pool_errc::pool_degraded), now);
      CHECK(!x.has_room(now));
      CHECK(x.take_calls(now).empty());
      REQUIRE(x.wake_at());
      auto pause = *x.wake_at() - now;
      CHECK(pause >= before);
      CHECK(pause <= 1s);
      before = pause;
      now = *x.wake_at();
      CHECK(ids(x.take_calls(now)) == numbers{0, 1});
    }
    CHECK(before == 1s);
    x.answered(0, payload::json("1"), now);
    x.answered(1, payload::json("2"), now);
    CHECK(!x.wake_at());
    CHECK(printed(x) == "1\n2\n");
    CHECK(x.counts().resent == 16);
    CHECK(x.counts().failed == 0);
  }

  TEST_CASE("an answer ends the pause, also one that comes late") {
    map_job x{{.workers = 2}};
    x.add(line(1, "1"));
    x.add(line(2, "2"));
    x.take_calls(start);
    x.failed(0, refusal(pool_errc::pool_degraded), start);
    x.answered(1, payload::json("2"), start);
    // Nothing is in flight that could wake it.
    CHECK(!x.wake_at());
    CHECK(x.has_room(start));
    CHECK(ids(x.take_calls(start)) == numbers{0});
  }

  TEST_CASE("an item that waited in vain is sent again at once") {
    map_job x{{.workers = 1}};
    x.add(line(1, "1"));
    x.take_calls(start);
    x.failed(0, refusal(pool_errc::wait_timeout), start);
    CHECK(ids(x.take_calls(start)) == numbers{0});
  }

  TEST_CASE("without an answer for as long as patience lasts it gives up") {
    map_job x{{.errors = on_error::record, .patience = 5s, .workers = 2}};
    x.add(line(1, "1"));
    x.add(line(2, "2"));
    x.take_calls(start);
    x.answered(0, payload::json("1"), start);
    x.failed(1, refusal(pool_errc::pool_degraded), start);
    x.take_calls(start + 4s);
    x.failed(1, refusal(pool_errc::pool_degraded), start + 4s);
    CHECK(!x.ended_early());
    x.take_calls(start + 6s);
    x.failed(1, refusal(pool_errc::pool_degraded), start + 6s);
    REQUIRE(x.ended_early());
    CHECK(x.ended_early()->status == exit_status::unavailable);
    CHECK(x.ended_early()->text.find("not now") != std::string::npos);
    CHECK(x.finished());
    CHECK(printed(x) == "1\n");
  }

  TEST_CASE("an answer, be it an error of the command, renews patience") {
    map_job x{{.errors = on_error::record, .patience = 5s, .workers = 2}};
    x.add(line(1, "1"));
    x.add(line(2, "2"));
    x.take_calls(start);
    x.failed(0, refusal(pool_errc::pool_degraded), start);
    x.failed(1, python_error(), start + 4s);
    x.take_calls(start + 4s);
    x.failed(0, refusal(pool_errc::pool_degraded), start + 8s);
    CHECK(!x.ended_early());
  }

  TEST_CASE("what had begun is never sent again") {
    map_job x{{.errors = on_error::skip}};
    x.add(line(1, "1"));
    x.take_calls(start);
    auto begun = make_error(pool_errc::pool_degraded, failure{.begun = true});
    x.failed(0, begun, start);
    CHECK(x.take_calls(start + 1h).empty());
    CHECK(x.counts().failed == 1);
  }

  TEST_CASE("after stop nothing more is taken or sent") {
    map_job x{{.workers = 2}};
    x.add(line(1, "1"));
    x.take_calls(start);
    x.add(line(2, "2"));
    x.stop();
    CHECK(!x.has_room(start));
    CHECK(x.take_calls(start).empty());
    CHECK(!x.finished());
    x.answered(0, payload::json("1"), start);
    CHECK(x.finished());
    CHECK(printed(x) == "1\n");
    CHECK(x.unprinted() == 1);
  }
}
