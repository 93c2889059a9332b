// Gives each caller of a pool a small number while it is known.
//
// Looked into for every request, and with many callers each time at a place
// that was last used long ago: so an entry is found with one look at memory,
// and who has the number need not look again.
//
// Open addressing, linear probing, at most half full.
//
// Threading: none of its own; part of the pool core, under its lock.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace charmer {

/// Identity of a caller while it lives; nullptr: nobody waits for an answer.
using caller_key = const void*;

class caller_table {
public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  /// Its number, and whether it was not known before. REQUIRES: not null.
  std::pair<std::uint32_t, bool> enter(caller_key who) {
    if (auto& x = recent_of(who); x.who == who)
      return {x.number, false};
    if (2 * (size_ + 1) > entries_.size())
      grow();
    auto& x = entries_[place_of(who)];
    if (x.who)
      return {x.number, false};
    x = {who, take_number()};
    ++size_;
    return {x.number, true};
  }

  /// Its number, or none.
  std::uint32_t find(caller_key who) const {
    if (entries_.empty())
      return none;
    auto& x = entries_[place_of(who)];
    return x.who ? x.number : none;
  }

  /// One that was answered often asks again soon: it is found with a look at
  /// what was looked at lately.
  void expect(caller_key who, std::uint32_t number) {
    recent_of(who) = {who, number};
  }

  /// Its number is free for another one.
  void leave(caller_key who) {
    if (find(who) == none)
      return;
    if (auto& x = recent_of(who); x.who == who)
      x = {};
    auto gap = place_of(who);
    free_.push_back(entries_[gap].number);
    --size_;
    // Whoever stands behind it because of it moves up.
    for (auto i = next(gap); entries_[i].who; i = next(i)) {
      auto away = distance(home_of(entries_[i].who), i);
      if (away >= distance(gap, i)) {
        entries_[gap] = entries_[i];
        gap = i;
      }
    }
    entries_[gap] = {};
  }

  std::size_t size() const noexcept { return size_; }

private:
  struct entry {
    caller_key who = nullptr;
    std::uint32_t number = 0;
  };

  std::size_t mask() const { return entries_.size() - 1; }

  std::size_t next(std::size_t i) const { return (i + 1) & mask(); }

  std::size_t distance(std::size_t from, std::size_t to) const {
    return (to - from) & mask();
  }

  // The upper bits of a product depend on all bits of an address.
  static std::uint64_t mixed(caller_key who) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(who))
           * 0x9E3779B97F4A7C15ull;
  }

  std::size_t home_of(caller_key who) const {
    return static_cast<std::size_t>(mixed(who) >> shift_);
  }

  entry& recent_of(caller_key who) {
    return recent_[static_cast<std::size_t>(mixed(who) >> (64 - recent_bits))];
  }

  // Where it stands, or would.
  std::size_t place_of(caller_key who) const {
    auto i = home_of(who);
    while (entries_[i].who && entries_[i].who != who)
      i = next(i);
    return i;
  }

  std::uint32_t take_number() {
    if (free_.empty())
      return numbers_++;
    auto result = free_.back();
    free_.pop_back();
    return result;
  }

  void grow() {
    auto before = std::exchange(
        entries_,
        std::vector<entry>(entries_.empty() ? 16 : 2 * entries_.size()));
    shift_ = 64 - static_cast<unsigned>(std::countr_zero(entries_.size()));
    for (auto& x : before)
      if (x.who)
        entries_[place_of(x.who)] = x;
  }

  static constexpr unsigned recent_bits = 10;

  std::vector<entry> entries_; // a power of two
  std::array<entry, 1 << recent_bits> recent_;
  unsigned shift_ = 64;
  std::size_t size_ = 0;
  std::vector<std::uint32_t> free_;
  std::uint32_t numbers_ = 0;
};

} // namespace charmer
