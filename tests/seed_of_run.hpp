// The seed of a random test: CHARMER_SEED, so that a run can be repeated, else
// another one each time. The test prints it when it fails.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

inline std::uint64_t seed_of_run() {
  if (auto* text = std::getenv("CHARMER_SEED"))
    return std::strtoull(text, nullptr, 10);
  return std::random_device{}();
}
