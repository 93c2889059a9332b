// Which of a number of seats belongs to a key.
//
// Jump consistent hashing (Lamping and Veach): the keys are spread evenly, and
// when n seats become n + 1 only one key in n + 1 moves, always to the new
// seat. So resizing a pool moves as few keys as possible. Needs no table.
//
// Threading: pure functions. The same on every machine.
//
//   jump_hash(stable_hash("customer 7"), 6);   // 0 … 5
#pragma once

#include <cstdint>

namespace charmer {

/// Lets every bit of the key act on every bit of the result, so that keys that
/// are much alike (0 and 1, by FNV-1a) part. The end of MurmurHash3.
constexpr std::uint64_t mixed(std::uint64_t key) noexcept {
  key = (key ^ (key >> 33)) * 0xff51afd7ed558ccdull;
  key = (key ^ (key >> 33)) * 0xc4ceb9fe1a85ec53ull;
  return key ^ (key >> 33);
}

/// From 0 to seats - 1. Time: the logarithm of `seats`. REQUIRES: seats > 0.
constexpr std::uint32_t jump_hash(std::uint64_t key,
                                  std::uint32_t seats) noexcept {
  key = mixed(key);
  std::int64_t seat = -1;
  // Where the key would go next if the seats were filled one after the other.
  std::int64_t next = 0;
  while (next < static_cast<std::int64_t>(seats)) {
    seat = next;
    key = key * 2862933555777941757ull + 1;
    auto random = static_cast<double>((key >> 33) + 1) / 2147483648.0;
    next = static_cast<std::int64_t>(static_cast<double>(seat + 1) / random);
  }
  return static_cast<std::uint32_t>(seat);
}

} // namespace charmer
