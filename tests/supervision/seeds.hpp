// How random tests get their seeds: CHARMER_SEED=n is the one sequence that
// failed, CHARMER_RUNS=n that many (20,000 if nothing is said).
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>

namespace test {

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
  auto runs = number_from("CHARMER_RUNS", 20000);
  for (std::uint64_t seed = 1; seed <= runs; ++seed) {
    INFO("CHARMER_SEED=" << seed);
    f(seed, false);
  }
  return runs;
}

} // namespace test
