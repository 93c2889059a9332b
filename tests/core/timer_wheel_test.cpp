#include "charmer/actors/timer_wheel.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

using charmer::timer_wheel;

namespace {

std::vector<std::uint32_t> advance(timer_wheel& wheel, timer_wheel::tick to) {
  std::vector<std::uint32_t> result;
  wheel.advance(to, [&](std::uint32_t x) { result.push_back(x); });
  return result;
}

} // namespace

TEST_CASE("a timer expires at its tick and not before") {
  timer_wheel wheel;
  wheel.arm(1, 10);
  wheel.arm(2, 100'000);
  CHECK(advance(wheel, 9).empty());
  CHECK(advance(wheel, 10) == std::vector<std::uint32_t>{1});
  CHECK(advance(wheel, 99'999).empty());
  CHECK(advance(wheel, 100'000) == std::vector<std::uint32_t>{2});
  CHECK(!wheel.next());
}

TEST_CASE("a disarmed timer does not expire and a moved one expires once") {
  timer_wheel wheel;
  wheel.arm(1, 10);
  wheel.arm(2, 10);
  wheel.arm(2, 500);
  wheel.disarm(1);
  CHECK(advance(wheel, 499).empty());
  CHECK(advance(wheel, 10'000) == std::vector<std::uint32_t>{2});
}

TEST_CASE("a timer for the past expires with the next tick") {
  timer_wheel wheel;
  CHECK(advance(wheel, 1000).empty());
  wheel.arm(3, 5);
  CHECK(wheel.next() == 1001);
  CHECK(advance(wheel, 1001) == std::vector<std::uint32_t>{3});
}

TEST_CASE("a timer far ahead is found again after any number of turns") {
  timer_wheel wheel;
  auto far = timer_wheel::tick{1} << 40;
  wheel.arm(0, far);
  CHECK(advance(wheel, far - 1).empty());
  CHECK(advance(wheel, far) == std::vector<std::uint32_t>{0});
}

TEST_CASE("the wheel agrees with a sorted map on random timers") {
  std::mt19937_64 random{7};
  timer_wheel wheel;
  std::map<std::uint32_t, timer_wheel::tick> model;
  timer_wheel::tick now = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto id = static_cast<std::uint32_t>(random() % 200);
    auto kind = random() % 10;
    if (kind < 5) {
      auto when = now + 1 + (random() % (1ull << (random() % 22)));
      wheel.arm(id, when);
      model[id] = when;
    } else if (kind < 6) {
      wheel.disarm(id);
      model.erase(id);
    } else {
      now += random() % (1ull << (random() % 18));
      if (auto next = wheel.next())
        for (auto& [_, when] : model)
          REQUIRE(*next <= when);
      std::map<std::uint32_t, timer_wheel::tick> due;
      for (auto x : advance(wheel, now)) {
        REQUIRE(model.at(x) <= now);
        model.erase(x);
      }
      for (auto& [_, when] : model)
        REQUIRE(when > now);
    }
  }
}
