#include "charmer/actors/resize_plan.hpp"

#include <doctest/doctest.h>

using charmer::plan_size;

TEST_CASE("a size within the bounds is what was wanted") {
  CHECK(plan_size(10, 0, 100, false).size == 10);
  CHECK(plan_size(10, 0, 100, false).not_done.empty());
  CHECK(plan_size(0, 0, 8, true).size == 0);
}

TEST_CASE("the bounds hold, and what was not done is said") {
  auto plan = plan_size(20, 1, 8, false);
  CHECK(plan.size == 8);
  CHECK(plan.not_done
        == "20 workers were asked for, but max_size is 8: the pool has 8");
  plan = plan_size(-3, 2, 8, true);
  CHECK(plan.size == 2);
  CHECK(plan.not_done
        == "-3 workers were asked for, but min_size is 2: the pool has 2");
}

TEST_CASE("only a pool that overflows may have no workers") {
  auto plan = plan_size(0, 0, 8, false);
  CHECK(plan.size == 1);
  CHECK(plan.not_done
        == "0 workers were asked for, but a pool without overflow "
           "(max_overflow) needs one: the pool has 1");
}
