#include "charmer/tools/line_splitter.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using charmer::tools::input_line;
using charmer::tools::line_splitter;

namespace {

std::vector<input_line> drain(line_splitter& x) {
  std::vector<input_line> result;
  while (auto line = x.next())
    result.push_back(std::move(*line));
  return result;
}

std::vector<input_line> split(std::string_view text, std::size_t max_line,
                              std::size_t chunk) {
  line_splitter x{max_line};
  std::vector<input_line> result;
  for (; !text.empty(); text.remove_prefix(std::min(chunk, text.size()))) {
    x.feed(text.substr(0, chunk));
    for (auto& line : drain(x))
      result.push_back(std::move(line));
  }
  x.end();
  for (auto& line : drain(x))
    result.push_back(std::move(line));
  return result;
}

} // namespace

TEST_SUITE("line splitter") {
  TEST_CASE("lines are numbered from 1 and have no newline") {
    CHECK(split("a\n\nbc\n", 10, 100)
          == std::vector<input_line>{{1, "a"}, {2, ""}, {3, "bc"}});
  }

  TEST_CASE("the last line needs no newline, but has to have something") {
    CHECK(split("a\nb", 10, 100)
          == std::vector<input_line>{{1, "a"}, {2, "b"}});
    CHECK(split("a\n", 10, 100) == std::vector<input_line>{{1, "a"}});
    CHECK(split("", 10, 100).empty());
  }

  TEST_CASE("a line that is not complete yet is kept") {
    line_splitter x{10};
    x.feed("ab");
    CHECK(!x.next());
    x.feed("c\nd");
    CHECK(x.next() == input_line{1, "abc"});
    CHECK(!x.next());
  }

  TEST_CASE("a line above the limit is told without its text") {
    CHECK(split("abcd\nabcde\nx\n", 4, 100)
          == std::vector<input_line>{{1, "abcd"}, {2, "", true}, {3, "x"}});
  }

  TEST_CASE("what is told does not depend on how the bytes arrive") {
    std::minstd_rand random{7};
    std::string text;
    for (int i = 0; i < 200; ++i)
      text += std::string(random() % 12, 'x') + '\n';
    text += "no newline";
    auto expected = split(text, 8, text.size());
    for (std::size_t chunk = 1; chunk < 40; ++chunk)
      CHECK(split(text, 8, chunk) == expected);
  }

  TEST_CASE("no more is kept of a line without end than its limit") {
    line_splitter x{1000};
    std::string chunk(1000, 'x');
    for (int i = 0; i < 1000; ++i) {
      x.feed(chunk);
      CHECK(!x.next());
    }
    CHECK(x.consumed() >= 998'000);
    x.feed("\nshort\n");
    CHECK(x.next() == input_line{1, "", true});
    CHECK(x.next() == input_line{2, "short"});
    CHECK(x.consumed() == 1'000'007);
  }

  TEST_CASE("a byte order mark is no part of the first line") {
    CHECK(split("\xEF\xBB\xBF{}\n", 10, 100)
          == std::vector<input_line>{{1, "{}"}});
  }
}
