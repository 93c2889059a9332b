// Takes a mutex that others hold only for a moment.
//
// To sleep until it is free, and to wake who sleeps, costs more than what is
// done under it; so one looks again a few times first. Who holds it may have
// lost its core, and then it is better to sleep: the looking ends after about a
// microsecond.
//
// Threading: as std::mutex. Errors: none.
//
//   auto guard = brief_lock(mutex_);
#pragma once

#include <mutex>

namespace charmer {

/// Tells the core that its thread is only waiting.
inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

[[nodiscard]] inline std::unique_lock<std::mutex> brief_lock(std::mutex& x) {
  std::unique_lock guard{x, std::try_to_lock};
  for (int i = 0; i < 30 && !guard.owns_lock(); ++i) {
    relax();
    guard.try_lock();
  }
  if (!guard.owns_lock())
    guard.lock();
  return guard;
}

} // namespace charmer
