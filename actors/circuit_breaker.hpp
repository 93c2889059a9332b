// When a pool stops taking requests because those it takes fail.
//
// Closed: every request is let in, and failures are counted. So many of them in
// a row, or so large a share of those that ended within a window, open it.
// Open: nothing is let in until the cooldown is over. Then it is half open:
// exactly one request is let in as a probe; if it succeeds the breaker closes,
// if it fails the breaker opens for another cooldown. As PhoenixGenApi's
// breaker, with the share beside the count.
//
// What ends after the breaker has opened says nothing new and changes nothing;
// only the probe does. A request that ends in neither way (cancelled, not a
// failure of the worker's) is not reported at all, unless it was the probe.
//
// Threading: a plain value; the pool core calls it under its lock. Time comes
// from the caller. Cost: constant in time and memory, whatever comes in.
//
//   circuit_breaker breaker{{.enabled = true, .consecutive = 5}};
//   auto allowed = breaker.permit(now);
//   …
//   auto change = breaker.failed(later, allowed == permission::probe);
//   if (change == breaker_change::opened)
//     tell();
#pragma once

#include "charmer/profiles/pool_errc.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace charmer {

struct breaker_settings;

/// What a breaker goes by; see breaker_settings for each of them.
struct breaker_limits {
  bool enabled = false;
  std::uint32_t consecutive = 5;
  double rate = 0.5;
  std::uint32_t minimum = 20;
  std::chrono::nanoseconds window = std::chrono::seconds(10);
  std::chrono::nanoseconds cooldown = std::chrono::seconds(60);
  /// One bit for each pool_errc that counts as a failure.
  std::uint64_t failures = 0;

  /// Whether a request that ended so has failed.
  bool counts(pool_errc x) const {
    return (failures >> static_cast<unsigned>(x) & 1) != 0;
  }
};

/// REQUIRES: the settings are valid.
breaker_limits limits_of(const breaker_settings& x);

enum class breaker_state : std::uint8_t { closed, open, half_open };

enum class permission : std::uint8_t {
  admit,
  probe, ///< admitted, and the state of the breaker hangs on it
  refuse,
};

/// What is to be told.
enum class breaker_change : std::uint8_t { none, opened, closed };

class circuit_breaker {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using nanoseconds = std::chrono::nanoseconds;

  explicit circuit_breaker(breaker_limits limits) : limits_(limits) {}

  /// Whether a request may enter. A probe has to be reported by one of the
  /// three functions below; until then no other one is let in.
  permission permit(time_point now) {
    switch (state(now)) {
      case breaker_state::closed:
        return permission::admit;
      case breaker_state::open:
        return permission::refuse;
      case breaker_state::half_open:
        break;
    }
    state_ = breaker_state::half_open;
    if (probing_)
      return permission::refuse;
    probing_ = true;
    return permission::probe;
  }

  /// Whether a worker may be checked out: not while the breaker is open. That
  /// is never the probe, for it says nothing about requests and may take long.
  permission admits_lease(time_point now) const {
    return state(now) == breaker_state::open ? permission::refuse
                                             : permission::admit;
  }

  /// A request that was let in ended well.
  breaker_change succeeded(time_point now, bool was_probe) {
    if (was_probe)
      return end_probe() ? close() : breaker_change::none;
    if (counting()) {
      in_a_row_ = 0;
      present(now).ended += 1;
    }
    return breaker_change::none;
  }

  /// A request that was let in failed.
  breaker_change failed(time_point now, bool was_probe) {
    if (was_probe)
      return end_probe() ? open(now) : breaker_change::none;
    if (!counting())
      return breaker_change::none;
    ++in_a_row_;
    auto& slot = present(now);
    slot.ended += 1;
    slot.failed += 1;
    return too_many() ? open(now) : breaker_change::none;
  }

  /// The probe never ran, or was cancelled: the next request may be one.
  void abandoned_probe() { end_probe(); }

  /// Half open as soon as the cooldown is over, whether a probe is out or not.
  breaker_state state(time_point now) const {
    auto cooled =
        state_ == breaker_state::open && now - opened_at_ >= limits_.cooldown;
    return cooled ? breaker_state::half_open : state_;
  }

  const breaker_limits& limits() const noexcept { return limits_; }

private:
  // The window moves in steps of a tenth: what is older than the window by less
  // than that has gone already.
  static constexpr std::int64_t slots = 10;

  struct slot {
    std::uint64_t ended = 0;
    std::uint64_t failed = 0;
  };

  bool counting() const {
    return limits_.enabled && state_ == breaker_state::closed;
  }

  // The slot of this moment; those that time has passed since are emptied.
  slot& present(time_point now) {
    auto step = std::max<std::int64_t>(limits_.window.count() / slots, 1);
    auto turn = now.time_since_epoch().count() / step;
    if (turn - turn_ >= slots)
      window_ = {};
    else
      while (turn_ < turn)
        window_[static_cast<std::size_t>(++turn_ % slots)] = {};
    turn_ = std::max(turn_, turn);
    return window_[static_cast<std::size_t>(turn_ % slots)];
  }

  bool too_many() const {
    if (limits_.consecutive != 0 && in_a_row_ >= limits_.consecutive)
      return true;
    slot sum;
    for (auto& x : window_) {
      sum.ended += x.ended;
      sum.failed += x.failed;
    }
    return limits_.rate > 0 && sum.ended >= limits_.minimum
           && static_cast<double>(sum.failed)
                  >= limits_.rate * static_cast<double>(sum.ended);
  }

  // Whether there was one.
  bool end_probe() {
    auto result = probing_;
    probing_ = false;
    return result;
  }

  breaker_change open(time_point now) {
    state_ = breaker_state::open;
    opened_at_ = now;
    return breaker_change::opened;
  }

  breaker_change close() {
    state_ = breaker_state::closed;
    in_a_row_ = 0;
    window_ = {};
    return breaker_change::closed;
  }

  breaker_limits limits_;
  breaker_state state_ = breaker_state::closed;
  bool probing_ = false;
  std::uint32_t in_a_row_ = 0;
  std::int64_t turn_ = 0;
  std::array<slot, static_cast<std::size_t>(slots)> window_;
  time_point opened_at_;
};

} // namespace charmer
