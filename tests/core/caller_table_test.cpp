// The numbers of callers, against a map.
#include "charmer/actors/caller_table.hpp"

#include "../seed_of_run.hpp"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <random>
#include <set>

using namespace charmer;

TEST_CASE("a caller has one number while it is known, and no other has it") {
  auto seed = seed_of_run();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  auto places = std::make_unique<char[]>(64 * 1000);
  caller_table table;
  std::map<caller_key, std::uint32_t> known;
  std::set<std::uint32_t> numbers;
  for (int i = 0; i < 100'000; ++i) {
    // Sometimes many are known, sometimes few.
    auto many = i / 10'000 % 2 == 0 ? 1000u : 30u;
    caller_key who = places.get() + 64 * (random() % many);
    auto before = known.find(who);
    REQUIRE(table.find(who)
            == (before == known.end() ? caller_table::none : before->second));
    if (random() % 3 != 0) {
      auto [number, fresh] = table.enter(who);
      REQUIRE(fresh == (before == known.end()));
      REQUIRE(known.try_emplace(who, number).first->second == number);
      REQUIRE(numbers.insert(number).second == fresh);
      if (random() % 2 == 0)
        table.expect(who, number);
    } else {
      table.leave(who);
      if (before != known.end()) {
        numbers.erase(before->second);
        known.erase(before);
      }
    }
    REQUIRE(table.size() == known.size());
  }
  for (auto& [who, number] : known)
    REQUIRE(table.find(who) == number);
}

TEST_CASE("numbers are used again") {
  char all[100] = {};
  caller_table table;
  for (auto& x : all) {
    CHECK(table.enter(&x).first == 0);
    table.leave(&x);
  }
}
