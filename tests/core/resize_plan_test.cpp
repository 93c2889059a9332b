#include "charmer/actors/resize_plan.hpp"

#include <doctest/doctest.h>

#include <random>
#include <set>

using charmer::plan_resize;

namespace {

using seats = std::vector<std::uint32_t>;

} // namespace

TEST_CASE("5 workers and 5 more are 10") {
  auto plan = plan_resize({1, 2, 3, 4, 5}, 10, 0, 100);
  CHECK(plan.size == 10);
  CHECK(plan.start == seats{6, 7, 8, 9, 10});
  CHECK(plan.retire.empty());
  CHECK(plan.not_done.empty());
}

TEST_CASE("shrinking retires the highest seats, the highest first") {
  auto plan = plan_resize({5, 3, 1, 2, 4}, 2, 0, 100);
  CHECK(plan.size == 2);
  CHECK(plan.start.empty());
  CHECK(plan.retire == seats{5, 4, 3});
}

TEST_CASE("seats that were empty are filled before new ones are made") {
  auto plan = plan_resize({2, 5}, 6, 0, 100);
  CHECK(plan.start == seats{1, 3, 4, 6});
  plan = plan_resize({2, 5}, 4, 0, 100);
  CHECK(plan.start == seats{1, 3, 4});
  CHECK(plan.retire == seats{5});
}

TEST_CASE("the bounds hold, and what was not done is said") {
  auto plan = plan_resize({1, 2}, 20, 1, 8);
  CHECK(plan.size == 8);
  CHECK(plan.not_done
        == "20 workers were asked for, but max_size is 8: the pool has 8");
  plan = plan_resize({1, 2}, -3, 1, 8);
  CHECK(plan.size == 1);
  CHECK(plan.retire == seats{2});
  CHECK(plan.not_done
        == "-3 workers were asked for, but min_size is 1: the pool has 1");
}

TEST_CASE("a pool may shrink to nothing if it is allowed to") {
  auto plan = plan_resize({1, 2}, 0, 0, 8);
  CHECK(plan.size == 0);
  CHECK(plan.retire == seats{2, 1});
  CHECK(plan.not_done.empty());
}

TEST_CASE("whatever there was, afterwards there are the seats 1 to size") {
  std::mt19937 random{11};
  for (int round = 0; round < 20'000; ++round) {
    seats present;
    for (auto n = random() % 12; n > 0; --n)
      present.push_back(1 + random() % 20);
    auto min = static_cast<std::uint32_t>(random() % 8);
    auto max = min + static_cast<std::uint32_t>(random() % 15);
    auto wanted = static_cast<std::int64_t>(random() % 40) - 10;
    auto plan = plan_resize(present, wanted, min, max);
    REQUIRE(plan.size >= min);
    REQUIRE(plan.size <= max);
    REQUIRE(plan.not_done.empty() == (plan.size == wanted));
    std::set<std::uint32_t> result(present.begin(), present.end());
    for (auto x : plan.retire)
      REQUIRE(result.erase(x) == 1);
    for (auto x : plan.start)
      REQUIRE(result.insert(x).second);
    REQUIRE(result.size() == plan.size);
    REQUIRE((result.empty() || *result.rbegin() == plan.size));
  }
}
