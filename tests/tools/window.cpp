#include "charmer/tools/window.hpp"

#include <doctest/doctest.h>

using charmer::tools::window;
using namespace std::chrono_literals;

namespace {

// As many answers as the window has places.
void answer_round(window& x, charmer::timespan latency) {
  for (auto n = x.size(); n > 0; --n)
    x.answered(latency);
}

} // namespace

TEST_SUITE("window") {
  TEST_CASE("one item for each worker is in flight at first") {
    CHECK(window{4}.size() == 4);
    CHECK(window{0}.size() == 1);
  }

  TEST_CASE("it doubles after each quick round, up to its limit") {
    window x{4, 30};
    for (auto expected : {8u, 16u, 30u, 30u}) {
      answer_round(x, 1ms);
      CHECK(x.size() == expected);
    }
  }

  TEST_CASE("it grows after a round, not before") {
    window x{4};
    for (int i = 0; i < 3; ++i)
      x.answered(1ms);
    CHECK(x.size() == 4);
  }

  TEST_CASE("it stays where a round takes between one and two times quick") {
    window x{4};
    answer_round(x, 1ms);
    answer_round(x, 150ms);
    CHECK(x.size() == 8);
  }

  TEST_CASE("it halves after a slow round, but not below the workers") {
    window x{4};
    answer_round(x, 1ms);
    answer_round(x, 1ms);
    answer_round(x, 300ms);
    CHECK(x.size() == 8);
    answer_round(x, 300ms);
    answer_round(x, 300ms);
    CHECK(x.size() == 4);
  }

  TEST_CASE("one very slow answer takes it back to the workers at once") {
    window x{4};
    answer_round(x, 1ms);
    answer_round(x, 1ms);
    x.answered(1s);
    CHECK(x.size() == 4);
  }

  TEST_CASE("an item that waited in vain takes it back to the workers") {
    window x{4};
    answer_round(x, 1ms);
    x.overfull();
    CHECK(x.size() == 4);
  }

  TEST_CASE("a limit below the workers means the workers") {
    window x{8, 2};
    answer_round(x, 1ms);
    CHECK(x.size() == 8);
  }
}
