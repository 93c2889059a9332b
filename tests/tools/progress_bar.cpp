#include "charmer/tools/progress_bar.hpp"

#include <doctest/doctest.h>

using charmer::tools::progress_bar;
using namespace charmer::tools;
using namespace std::chrono_literals;

TEST_SUITE("progress bar") {
  const progress_bar::clock::time_point start{};

  TEST_CASE("a file's size gives a bar, a percentage and an ETA") {
    progress_bar x{start};
    x.update({.done = 12'345, .bytes = 250, .total_bytes = 1000}, start + 10s);
    CHECK(x.render(100)
          == "[######                  ]   25%  12,345 done  1,235/s  ETA "
             "0:30");
  }

  TEST_CASE("a pipe has no size, and so neither bar nor ETA") {
    progress_bar x{start};
    x.update({.done = 30, .failed = 10}, start + 10s);
    CHECK(x.render(100) == "30 done  10 failed  4/s");
  }

  TEST_CASE("it fits into the terminal") {
    progress_bar x{start};
    x.update({.done = 12'345, .bytes = 250, .total_bytes = 1000}, start + 10s);
    for (std::size_t columns : {0, 1, 20, 80})
      CHECK(x.render(columns).size() < std::max<std::size_t>(columns, 1));
  }

  TEST_CASE("the rate is that of the last seconds") {
    progress_bar x{start};
    auto now = start;
    std::uint64_t done = 0;
    for (int i = 0; i < 100; ++i)
      x.update({.done = done += 100}, now += 100ms);
    CHECK(x.render(100).find("  1,000/s") != std::string::npos);
    for (int i = 0; i < 300; ++i)
      x.update({.done = ++done}, now += 100ms);
    CHECK(x.render(100).find("  10/s") != std::string::npos);
  }

  TEST_CASE("an empty file and a file that has grown do no harm") {
    progress_bar x{start};
    x.update({.total_bytes = 0}, start);
    CHECK(x.render(100) == "0 done  0/s");
    x.update({.bytes = 20, .total_bytes = 10}, start + 1s);
    CHECK(x.render(100).find("100%") != std::string::npos);
  }

  TEST_CASE("numbers and times are written for people") {
    CHECK(with_commas(0) == "0");
    CHECK(with_commas(999) == "999");
    CHECK(with_commas(1'000) == "1,000");
    CHECK(with_commas(1'234'567) == "1,234,567");
    CHECK(as_clock(7s) == "0:07");
    CHECK(as_clock(750s) == "12:30");
    CHECK(as_clock(10'921s) == "3:02:01");
  }
}
