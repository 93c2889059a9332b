#include "charmer/wire/line_tail.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace charmer::wire;
using namespace std::chrono_literals;

namespace {

using lines = std::vector<std::string>;

} // namespace

TEST_SUITE_BEGIN("line tail");

TEST_CASE("lines come whole, however the bytes are cut") {
  line_tail tail{10};
  lines seen;
  auto see = [&](const std::string& x) {
    seen.push_back(x);
    return true;
  };
  for (auto piece : {"fir", "st\nsec", "ond\r\n\n", "third"})
    tail.feed(piece, see);
  CHECK_EQ(seen, lines{"first", "second"});
  tail.finish(see);
  CHECK_EQ(seen, lines{"first", "second", "third"});
  CHECK_EQ(tail.last(), seen);
}

TEST_CASE("the last lines are kept, no more than were asked for") {
  line_tail tail{3};
  auto ignore = [](const std::string&) { return true; };
  for (int i = 0; i < 100; ++i)
    tail.feed(std::to_string(i) + "\n", ignore);
  CHECK_EQ(tail.last(), lines{"97", "98", "99"});
}

TEST_CASE("only those are kept that are wanted, and the others push none out") {
  line_tail tail{2};
  lines seen;
  for (auto line : {"a\n", "-1\n", "b\n", "-2\n", "-3\n"})
    tail.feed(line, [&](const std::string& x) {
      seen.push_back(x);
      return x[0] != '-';
    });
  CHECK_EQ(seen, lines{"a", "-1", "b", "-2", "-3"});
  CHECK_EQ(tail.last(), lines{"a", "b"});
}

TEST_CASE("lines are told also if none is kept") {
  line_tail tail{0};
  lines seen;
  tail.feed("a\nb\n", [&](const std::string& x) {
    seen.push_back(x);
    return true;
  });
  CHECK_EQ(seen, lines{"a", "b"});
  CHECK(tail.last().empty());
}

TEST_CASE("a line that has no end yet can be ended by who reads it") {
  line_tail tail{3};
  lines seen;
  auto see = [&](const std::string& x) {
    seen.push_back(x);
    return true;
  };
  tail.feed(std::string(10'000, 'x'), see);
  tail.finish(see);
  tail.feed("next\n", see);
  REQUIRE_EQ(seen.size(), 2);
  CHECK_EQ(seen[1], "next");
}

TEST_CASE("a line is bounded, however long it is") {
  line_tail tail{3};
  auto ignore = [](const std::string&) { return true; };
  for (int i = 0; i < 1000; ++i)
    tail.feed(std::string(10'000, 'x'), ignore);
  tail.feed("\nnext\n", ignore);
  REQUIRE_EQ(tail.last().size(), 2);
  CHECK_EQ(tail.last()[0], std::string(line_tail::max_line, 'x') + "…");
  CHECK_EQ(tail.last()[1], "next");
}

TEST_CASE("what is no UTF-8 is replaced, what is stays") {
  CHECK_EQ(as_utf8("größer €𝄞"), "größer €𝄞");
  CHECK_EQ(as_utf8("a\xff"
                   "b"),
           "a\xEF\xBF\xBD"
           "b");
  CHECK_EQ(as_utf8("\xc3"), "\xEF\xBF\xBD");
  // Overlong, surrogate, beyond Unicode: each byte is replaced.
  for (auto bad : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"})
    CHECK(as_utf8(bad).find("\xEF\xBF\xBD") == 0);
}

TEST_CASE("a flood passes in part, and the rest is counted") {
  flood_gate gate{10};
  flood_gate::time_point now{1h};
  int passed = 0;
  for (int i = 0; i < 100; ++i)
    passed += gate.pass(now);
  CHECK_EQ(passed, 10);
  CHECK_FALSE(gate.pass(now + 999ms));
  CHECK(gate.pass(now + 1s));
  CHECK_EQ(gate.take_dropped(), 91);
  CHECK_EQ(gate.take_dropped(), 0);
}

TEST_SUITE_END();
