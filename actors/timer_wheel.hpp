// Deadlines by the hundred thousand: arm, disarm and expire in constant time.
//
// A hierarchical timer wheel: six levels of 64 slots, each level 64 times
// coarser than the one below; a timer moves down as its time comes nearer.
// Timers are small numbers chosen by the owner (at most one deadline for each),
// time is a count of ticks chosen by the owner.
//
// Threading: none of its own; the pool core calls it under its lock. No memory
// is allocated but for the first use of a number.
//
//   timer_wheel wheel;
//   wheel.arm(7, 1500);
//   wheel.advance(2000, [](std::uint32_t timer) { … });   // 7
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

namespace charmer {

class timer_wheel {
public:
  using tick = std::uint64_t;

  /// Arms `timer` for `when`, moving it if it was armed. A time that has passed
  /// expires with the next tick.
  void arm(std::uint32_t timer, tick when) {
    if (timer >= nodes_.size())
      nodes_.resize(timer + 1);
    if (nodes_[timer].armed)
      unlink(timer);
    nodes_[timer].when = when > now_ ? when : now_ + 1;
    link(timer);
  }

  void disarm(std::uint32_t timer) {
    if (timer < nodes_.size() && nodes_[timer].armed)
      unlink(timer);
  }

  bool armed(std::uint32_t timer) const {
    return timer < nodes_.size() && nodes_[timer].armed;
  }

  /// A tick at or before the earliest deadline at which `advance` has work to
  /// do; nothing if no timer is armed.
  std::optional<tick> next() const {
    std::optional<tick> result;
    for (unsigned level = 0; level < levels; ++level)
      if (auto x = next_on(level); x && (!result || *x < *result))
        result = x;
    return result;
  }

  /// Moves time to `to` and calls `expired(timer)` for what is due, disarmed
  /// already; the callback may arm and disarm.
  template <class F>
  void advance(tick to, F expired) {
    while (true) {
      unsigned level = 0;
      std::optional<tick> when;
      for (unsigned i = 0; i < levels; ++i)
        if (auto x = next_on(i); x && *x <= to && (!when || *x < *when)) {
          when = x;
          level = i;
        }
      if (!when)
        break;
      now_ = *when;
      auto& head = heads_[level][slot_of(now_, level)];
      while (head != none) {
        auto timer = head;
        unlink(timer);
        if (nodes_[timer].when <= now_)
          expired(timer);
        else
          link(timer); // one level down
      }
    }
    if (to > now_)
      now_ = to;
  }

private:
  static constexpr unsigned levels = 6;
  static constexpr unsigned bits = 6;
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  // What lies further ahead waits at the far end of the highest level.
  static constexpr tick reach = tick{1} << (bits * levels - 1);

  struct node {
    tick when = 0;
    std::uint32_t next = none;
    std::uint32_t prev = none;
    std::uint8_t level = 0;
    std::uint8_t slot = 0;
    bool armed = false;
  };

  static unsigned slot_of(tick when, unsigned level) {
    return static_cast<unsigned>(when >> (bits * level)) & 63u;
  }

  // When the next occupied slot of a level begins.
  std::optional<tick> next_on(unsigned level) const {
    if (occupied_[level] == 0)
      return std::nullopt;
    auto here = slot_of(now_, level);
    // `advance` has emptied the present slot; what is in it is a turn away.
    auto ahead = std::rotr(occupied_[level], static_cast<int>(here));
    auto steps = static_cast<tick>(std::countr_zero(ahead & ~tick{1}));
    auto base = now_ >> (bits * level);
    return (base + steps) << (bits * level);
  }

  void link(std::uint32_t timer) {
    auto& n = nodes_[timer];
    auto when = n.when > now_ + reach ? now_ + reach : n.when;
    auto differs = (when ^ now_) | 63u;
    auto level = static_cast<unsigned>(std::bit_width(differs) - 1) / bits;
    if (level >= levels)
      level = levels - 1;
    n.level = static_cast<std::uint8_t>(level);
    n.slot = static_cast<std::uint8_t>(slot_of(when, level));
    auto& head = heads_[n.level][n.slot];
    n.prev = none;
    n.next = head;
    if (head != none)
      nodes_[head].prev = timer;
    head = timer;
    n.armed = true;
    occupied_[n.level] |= tick{1} << n.slot;
  }

  void unlink(std::uint32_t timer) {
    auto& n = nodes_[timer];
    auto& head = heads_[n.level][n.slot];
    if (n.prev != none)
      nodes_[n.prev].next = n.next;
    else
      head = n.next;
    if (n.next != none)
      nodes_[n.next].prev = n.prev;
    if (head == none)
      occupied_[n.level] &= ~(tick{1} << n.slot);
    n.armed = false;
  }

  static constexpr std::array<std::array<std::uint32_t, 64>, levels> empty() {
    std::array<std::array<std::uint32_t, 64>, levels> result{};
    for (auto& level : result)
      level.fill(none);
    return result;
  }

  tick now_ = 0;
  std::vector<node> nodes_;
  std::array<std::array<std::uint32_t, 64>, levels> heads_ = empty();
  std::array<std::uint64_t, levels> occupied_{};
};

} // namespace charmer
