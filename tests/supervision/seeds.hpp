// How random tests get their seeds: CHARMER_SEED=n is the one sequence that
// failed, CHARMER_RUNS=n that many (if nothing is said 20,000; under
// AddressSanitizer, where they take twenty times as long, 2,000), beginning
// after CHARMER_SEED_BASE=n (0). What begins is told on stderr, so that also of
// a test that hangs it is known where.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>

namespace test {

#ifdef __SANITIZE_ADDRESS__
inline constexpr std::uint64_t usual_runs = 2000;
#else
inline constexpr std::uint64_t usual_runs = 20000;
#endif

/// How many seeds are told together.
inline constexpr std::uint64_t seeds_told = 1000;

inline std::uint64_t number_from(const char* variable,
                                 std::uint64_t otherwise) {
  auto text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// Calls `f(seed, alone)`. A failure within tells the seed.
/// @returns how many there were
template <class F>
std::uint64_t for_each_seed(F f) {
  if (auto seed = number_from("CHARMER_SEED", 0)) {
    f(seed, true);
    return 1;
  }
  auto runs = number_from("CHARMER_RUNS", usual_runs);
  auto base = number_from("CHARMER_SEED_BASE", 0);
  for (std::uint64_t seed = base + 1; seed <= base + runs; ++seed) {
    if ((seed - base) % seeds_told == 1)
      std::cerr << "CHARMER_SEED_BASE=" << seed - 1 << " CHARMER_RUNS="
                << std::min(seeds_told, base + runs + 1 - seed) << '\n';
    INFO("CHARMER_SEED=" << seed);
    f(seed, false);
  }
  return runs;
}

} // namespace test
