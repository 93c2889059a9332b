#include "charmer/tools/json_check.hpp"

#include <doctest/doctest.h>

using charmer::tools::find_json_fault;

TEST_SUITE("json check") {
  TEST_CASE("any one value is JSON") {
    for (auto text : {"{}", "[1, 2.5e3]", "\"x\"", "null", " 7 ", "{\"a\":[]}"})
      CHECK(!find_json_fault(text));
  }

  TEST_CASE("an integer may have any number of digits") {
    for (std::size_t digits : {1, 20, 308, 309, 400, 100'000}) {
      CHECK(!find_json_fault(std::string(digits, '7')));
      CHECK(!find_json_fault("[-" + std::string(digits, '7') + ", 1]"));
      auto fault = find_json_fault('[' + std::string(digits, '7') + ", x]");
      REQUIRE(fault);
      CHECK(fault->column == digits + 4);
    }
    CHECK(find_json_fault("0" + std::string(400, '7')));
    CHECK(find_json_fault("--" + std::string(400, '7')));
    CHECK(find_json_fault("1-" + std::string(400, '7')));
  }

  TEST_CASE("what is no JSON is told with its place") {
    auto fault = find_json_fault(R"({"a": 1,})");
    REQUIRE(fault);
    CHECK(fault->line == 1);
    CHECK(fault->column == 9);
    CHECK(fault->text.find("syntax error") == 0);
  }

  TEST_CASE("a column counts characters, a line newlines") {
    auto fault = find_json_fault("{\"ä\": 1,\n \"ö\": x}");
    REQUIRE(fault);
    CHECK(fault->line == 2);
    CHECK(fault->column == 7);
  }

  TEST_CASE("half a value, two values and none are no JSON") {
    for (auto text : {"[1", "1 2", "", "  ", "NaN", "{'a': 1}", "1e999"})
      CHECK(find_json_fault(text));
  }

  TEST_CASE("a text that is not UTF-8 is no JSON") {
    CHECK(find_json_fault("\"\xFF\""));
  }

  TEST_CASE("deep nesting ends nothing") {
    std::string text(100'000, '[');
    CHECK(find_json_fault(text));
    CHECK(!find_json_fault(text + std::string(100'000, ']')));
  }
}
