#include "charmer/tools/ordered_output.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

using charmer::tools::ordered_output;

TEST_SUITE("ordered output") {
  TEST_CASE("nothing comes out before it was put in") {
    ordered_output<int> x;
    CHECK(x.peek() == nullptr);
    x.expect();
    CHECK(x.peek() == nullptr);
    CHECK(!x.pop());
    CHECK(x.size() == 1);
  }

  TEST_CASE("a result waits for those before it") {
    ordered_output<int> x;
    auto a = x.expect();
    auto b = x.expect();
    x.put(b, 2);
    CHECK(!x.pop());
    x.put(a, 1);
    CHECK(*x.peek() == 1);
    CHECK(x.pop() == 1);
    CHECK(x.pop() == 2);
    CHECK(x.size() == 0);
  }

  TEST_CASE("any order of arrival becomes the order of announcement") {
    std::minstd_rand random{42};
    ordered_output<std::uint64_t> x;
    std::vector<std::uint64_t> open, out;
    for (int i = 0; i < 1000; ++i) {
      for (int n = 0; n < 5; ++n)
        open.push_back(x.expect());
      std::shuffle(open.begin(), open.end(), random);
      while (open.size() > 7 || (i == 999 && !open.empty())) {
        x.put(open.back(), open.back());
        open.pop_back();
      }
      while (auto result = x.pop())
        out.push_back(*result);
    }
    std::vector<std::uint64_t> expected(5000);
    std::iota(expected.begin(), expected.end(), std::uint64_t{0});
    CHECK(out == expected);
    CHECK(x.size() == 0);
  }

  TEST_CASE("results may be what can only be moved") {
    ordered_output<std::unique_ptr<int>> x;
    x.put(x.expect(), std::make_unique<int>(7));
    auto result = x.pop();
    REQUIRE(result);
    CHECK(**result == 7);
  }
}
