#include "charmer/actors/jump_hash.hpp"
#include "charmer/profiles/strategy.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

using charmer::jump_hash;
using charmer::stable_hash;

TEST_CASE("120 calls with the keys 0 and 1 reach exactly 2 of 6 workers") {
  std::set<std::uint32_t> numbers;
  std::set<std::uint32_t> texts;
  for (std::uint64_t call = 0; call < 120; ++call) {
    numbers.insert(jump_hash(stable_hash(call % 2), 6));
    texts.insert(jump_hash(stable_hash(std::to_string(call % 2)), 6));
  }
  CHECK(numbers.size() == 2);
  CHECK(texts.size() == 2);
}

TEST_CASE("the keys 1 to 120 reach all of 6 workers") {
  std::set<std::uint32_t> numbers;
  std::set<std::uint32_t> texts;
  for (std::uint64_t key = 1; key <= 120; ++key) {
    numbers.insert(jump_hash(stable_hash(key), 6));
    texts.insert(jump_hash(stable_hash(std::to_string(key)), 6));
  }
  CHECK(numbers.size() == 6);
  CHECK(texts.size() == 6);
}

TEST_CASE("a key's seat is one of those that there are") {
  for (std::uint64_t key = 0; key < 1000; ++key) {
    CHECK(jump_hash(stable_hash(key), 1) == 0);
    for (std::uint32_t seats : {2u, 7u, 100u, 10'000u, 4'000'000'000u})
      REQUIRE(jump_hash(stable_hash(key), seats) < seats);
  }
}

TEST_CASE(
    "a seat more takes keys from the others and moves none between them") {
  constexpr std::uint64_t keys = 20'000;
  for (std::uint32_t seats = 1; seats < 40; ++seats) {
    CAPTURE(seats);
    std::uint64_t moved = 0;
    for (std::uint64_t key = 0; key < keys; ++key) {
      auto before = jump_hash(stable_hash(key), seats);
      auto after = jump_hash(stable_hash(key), seats + 1);
      if (before != after) {
        REQUIRE(after == seats);
        ++moved;
      }
    }
    // The new seat's share, and no more: 1 in seats + 1, give or take five
    // standard deviations.
    auto share = static_cast<double>(keys) / (seats + 1);
    CHECK(std::abs(static_cast<double>(moved) - share)
          < 5 * std::sqrt(share) + 1);
  }
}

TEST_CASE("keys spread evenly over the seats") {
  constexpr std::uint64_t keys = 100'000;
  for (std::uint32_t seats : {2u, 3u, 6u, 16u, 100u}) {
    std::vector<double> hits(seats);
    for (std::uint64_t key = 0; key < keys; ++key)
      ++hits[jump_hash(stable_hash("customer " + std::to_string(key)), seats)];
    auto share = static_cast<double>(keys) / seats;
    for (auto x : hits)
      CHECK(std::abs(x - share) < 5 * std::sqrt(share));
  }
}

TEST_CASE("hashes are the same on every machine") {
  // FNV-1a, as published: of nothing, of "a", of "foobar".
  CHECK(stable_hash("") == 0xcbf29ce484222325);
  CHECK(stable_hash("a") == 0xaf63dc4c8601ec8c);
  CHECK(stable_hash("foobar") == 0x85944171f73967e8);
  static_assert(jump_hash(stable_hash("foobar"), 100) < 100);
}
