// Integers beyond 64 bits: nothing makes another number of them.
#include "charmer/profiles/long_integers.hpp"

#include "charmer/profiles/messages.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

#include <nlohmann/json.hpp>

using namespace charmer;

namespace {

std::string complaint(const std::string& text) {
  try {
    reply{payload::json(text)}.json();
  } catch (const std::out_of_range& e) {
    return e.what();
  }
  return {};
}

} // namespace

TEST_CASE("what fits 64 bits is no long integer") {
  for (auto text :
       {"9223372036854775807", "-9223372036854775808", "18446744073709551615",
        "0", "[1, 2]", "1234567890123456789012345.5", "1e400", "",
        R"({"12345678901234567890123": "12345678901234567890123"})",
        R"("a\"12345678901234567890123")"}) {
    CAPTURE(text);
    CHECK(!find_long_integer(text));
  }
}

TEST_CASE("a long integer is found where it stands") {
  for (auto digits :
       {std::string{"18446744073709551616"},
        std::string{"-9223372036854775809"}, std::string(5000, '7')}) {
    auto text =
        R"({"a": [1, ")" + std::string(30, '1') + "\", " + digits + "]}";
    auto found = find_long_integer(text);
    REQUIRE(found);
    CHECK(text.substr(found->at, found->size) == digits);
    CHECK(pointer_to(text, found->at) == "/a/2");
    CHECK(!find_long_integer(text, found->at + found->size));
    CHECK(pointer_to(digits, 0) == "the value");
  }
}

TEST_CASE("the place of a value is told as a JSON pointer") {
  std::string text = R"({"x": {"y": 1}, "a/b~c": [[], {"k": [0, 7]}]})";
  CHECK(pointer_to(text, text.find('7')) == "/a~1b~0c/1/k/1");
  CHECK(pointer_to(text, text.find('1')) == "/x/y");
}

TEST_CASE("a reply with an integer beyond 64 bits is not made a double of") {
  CHECK(reply{payload::json("18446744073709551615")}.json()
        == 18446744073709551615u);
  auto text = complaint(R"({"ids": [1, 18446744073709551616]})");
  CHECK(text.find("/ids/1") != std::string::npos);
  CHECK(text.find("20 digits") != std::string::npos);
  CHECK(text.find("text()") != std::string::npos);
  CHECK(complaint(std::string(400, '9')).find("400 digits")
        != std::string::npos);
  CHECK_THROWS_AS(
      chunk{.value = payload::json("-" + std::string(30, '1'))}.json(),
      std::out_of_range);
}
