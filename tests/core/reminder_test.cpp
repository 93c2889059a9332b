// How often that something lasts is told.
#include "charmer/actors/reminder.hpp"

#include <doctest/doctest.h>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

const time_point start{1000h};

} // namespace

TEST_CASE("what lasts is told at once, then with pauses that grow to an hour") {
  reminder x;
  CHECK(x.is_due(start));
  CHECK(!x.is_due(start + 59s));
  CHECK(x.is_due(start + 1min));
  CHECK(!x.is_due(start + 2min));
  CHECK(x.is_due(start + 3min));
  auto at = start + 3min;
  for (auto pause : {4min, 8min, 16min, 32min, 60min, 60min}) {
    at += pause;
    CHECK(!x.is_due(at - 1s));
    CHECK(x.is_due(at));
  }
}

TEST_CASE("what comes and goes is told once in a minute") {
  reminder x;
  CHECK(x.is_due(start));
  x.rest(start + 1s);
  CHECK(!x.is_due(start + 2s));
  x.rest(start + 61s);
  CHECK(x.is_due(start + 62s));
  CHECK(!x.is_due(start + 121s));
  CHECK(x.is_due(start + 122s)); // the pause had begun anew
}
