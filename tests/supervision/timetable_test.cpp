// Limits as values: what is due when, and when to be woken for it.
#include "charmer/supervision/timetable.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

using limit = timetable::limit;

time_point at(timespan x) {
  return time_point{} + x;
}

std::vector<std::uint64_t> take_all(timetable& from, time_point now) {
  std::vector<std::uint64_t> result;
  while (auto x = from.take(now))
    result.push_back(x->token);
  return result;
}

} // namespace

TEST_CASE("limits are due in the order of their times, then of their coming") {
  timetable x;
  x.add(at(2s), {limit::stop, 1});
  x.add(at(1s), {limit::start, 2});
  x.add(at(2s), {limit::kill, 3});
  x.add(at(3s), {limit::stop, 4});
  CHECK(take_all(x, at(999ms)).empty());
  CHECK(take_all(x, at(2s)) == std::vector<std::uint64_t>{2, 1, 3});
  CHECK(*x.take(at(1h)) == timetable::entry{limit::stop, 4});
  CHECK_FALSE(x.take(at(1h)));
}

TEST_CASE("what is added while others are taken is taken, too, if it is due") {
  timetable x;
  x.add(at(1s), {limit::stop, 1});
  REQUIRE(x.take(at(1s)));
  x.add(at(1s), {limit::kill, 2});
  x.add(at(2s), {limit::kill, 3});
  CHECK(take_all(x, at(1s)) == std::vector<std::uint64_t>{2});
}

TEST_CASE("a thousand limits of one time need one wake-up") {
  timetable x;
  int wakers = 0;
  for (std::uint64_t i = 1; i <= 1000; ++i)
    wakers += x.add(at(5s), {limit::stop, i});
  CHECK(wakers == 1);
  CHECK(x.add(at(4s), {limit::start, 0}));       // earlier
  CHECK_FALSE(x.add(at(6s), {limit::start, 0})); // comes after others
  CHECK(take_all(x, at(4s)).size() == 1);
  CHECK(x.wake_up(at(4s)) == at(5s));
  CHECK_FALSE(x.wake_up(at(4s))); // somebody will
  CHECK(take_all(x, at(5s)).size() == 1000);
  CHECK(x.wake_up(at(5s)) == at(6s));
  CHECK(take_all(x, at(6s)).size() == 1);
  CHECK_FALSE(x.wake_up(at(6s)));
}

TEST_CASE("whoever is woken as the timetable says misses no limit") {
  std::mt19937_64 random{1};
  for (int round = 0; round < 200; ++round) {
    timetable x;
    std::multimap<time_point, std::uint64_t> expected;
    std::multimap<time_point, int> wakers;
    auto now = at(0s);
    std::uint64_t last = 0;
    for (int i = 0; i < 100; ++i) {
      for (auto n = random() % 4; n > 0; --n) {
        auto due = now + timespan(1 + random() % 50);
        expected.emplace(due, ++last);
        if (x.add(due, {limit::stop, last}))
          wakers.emplace(due, 0);
      }
      if (wakers.empty()) {
        REQUIRE(expected.empty());
        continue;
      }
      now = wakers.begin()->first;
      wakers.erase(wakers.begin());
      REQUIRE((expected.empty() || expected.begin()->first >= now));
      for (auto token : take_all(x, now)) {
        REQUIRE(expected.begin()->first == now);
        REQUIRE(expected.begin()->second == token);
        expected.erase(expected.begin());
      }
      if (auto next = x.wake_up(now))
        wakers.emplace(*next, 0);
    }
  }
}
