// Counts the messages that are on their way into a worker's mailbox.
//
// What a dead worker leaves can be settled only when everything that was sent
// to it has arrived, or bounced: the news of its death may overtake a bounce,
// and a request that bounced has never begun. Whoever sends enters under the
// core's lock and leaves without it; only who leaves last from a dead worker
// has to do more.
//
// Threading: all members may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace charmer {

class send_gate {
public:
  /// `worker`: its place in the worker table, for whoever leaves last.
  explicit send_gate(std::uint32_t worker) : worker(worker) {}

  void enter() noexcept { state_.fetch_add(1, std::memory_order_relaxed); }

  /// True: it was the last one, and the worker died meanwhile.
  [[nodiscard]] bool leave() noexcept {
    return state_.fetch_sub(1, std::memory_order_acq_rel) == (dead | 1);
  }

  /// The worker died. True: nothing is on its way to it.
  bool close() noexcept {
    return (state_.fetch_or(dead, std::memory_order_acq_rel) & ~dead) == 0;
  }

  /// Another worker takes the place. Who entered for the last one may still be
  /// on the way.
  void reopen() noexcept { state_.fetch_and(~dead, std::memory_order_acq_rel); }

  bool empty() const noexcept {
    return (state_.load(std::memory_order_acquire) & ~dead) == 0;
  }

  const std::uint32_t worker;

private:
  static constexpr std::uint32_t dead = std::uint32_t{1} << 31;

  std::atomic<std::uint32_t> state_{0};
};

} // namespace charmer
