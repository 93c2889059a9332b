// How a worker is chosen for a request: wpool's strategies.
//
//   available_worker       the first that is free; until then the request
//                          waits (the default)
//   next_available_worker  one that is free now, else no_available_worker
//   best_worker            the least loaded, by what waits and what runs
//   next_worker            each in its turn
//   random_worker          any
//   hash_worker(key)       the same one for the same key; equal keys never
//                          overlap and run in the order sent, also across
//                          the death of the worker; those of a native worker
//                          that hangs wait until it has ended after all
//   custom_worker(name)    what a function of the application's says
//
// Those that choose a worker that is not free let the request wait in a line of
// that worker's own. They choose among the pool's `size` workers; those of the
// overflow serve who will take any. While no worker is ready, requests wait for
// the first that is, whatever their strategy; but for next_available_worker,
// which never waits.
//
// Threading: plain values.
//
//   charmer::call(self, pool, "add", args,
//                 {.strategy = charmer::hash_worker("customer 7")});
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>

namespace charmer {

enum class choice : std::uint8_t {
  unsaid, ///< the pool's default_strategy
  available_worker,
  next_available_worker,
  best_worker,
  next_worker,
  random_worker,
  hash_worker,
  custom_worker,
  /// A certain incarnation, before everything else that waits; how a broadcast
  /// reaches its workers.
  this_worker,
};

struct worker_strategy {
  choice kind = choice::unsaid;
  /// The hash of the key, of the function's name, or the incarnation.
  std::uint64_t value = 0;

  friend bool operator==(const worker_strategy&,
                         const worker_strategy&) = default;
};

inline constexpr worker_strategy available_worker{choice::available_worker};
inline constexpr worker_strategy next_available_worker{
    choice::next_available_worker};
inline constexpr worker_strategy best_worker{choice::best_worker};
inline constexpr worker_strategy next_worker{choice::next_worker};
inline constexpr worker_strategy random_worker{choice::random_worker};

/// The same on every machine (FNV-1a).
constexpr std::uint64_t stable_hash(std::string_view x) noexcept {
  std::uint64_t result = 14695981039346656037ull;
  for (auto c : x)
    result = (result ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return result;
}

/// Over the eight bytes of the number.
constexpr std::uint64_t stable_hash(std::uint64_t x) noexcept {
  std::uint64_t result = 14695981039346656037ull;
  for (int i = 0; i < 8; ++i, x >>= 8)
    result = (result ^ (x & 0xff)) * 1099511628211ull;
  return result;
}

/// What becomes of a request whose session is at home with a worker that is
/// busy. See call_options::session.
enum class session_affinity : std::uint8_t {
  prefer, ///< any other may take it; the session stays at home where it was
  wait,   ///< it waits for that one worker
  fail,   ///< it is answered no_available_worker at once
};

constexpr worker_strategy hash_worker(std::string_view key) noexcept {
  return {choice::hash_worker, stable_hash(key)};
}

constexpr worker_strategy hash_worker(std::integral auto key) noexcept {
  return {choice::hash_worker, stable_hash(static_cast<std::uint64_t>(key))};
}

/// See register_strategy.
constexpr worker_strategy custom_worker(std::string_view name) noexcept {
  return {choice::custom_worker, stable_hash(name)};
}

/// The strategy that settings call by this name. A name that is none of the
/// built-in ones is a custom_worker's; "hash_worker" has no key, and such
/// requests share one worker.
constexpr worker_strategy strategy_named(std::string_view name) noexcept {
  if (name == "available_worker")
    return available_worker;
  if (name == "next_available_worker")
    return next_available_worker;
  if (name == "best_worker")
    return best_worker;
  if (name == "next_worker")
    return next_worker;
  if (name == "random_worker")
    return random_worker;
  if (name == "hash_worker")
    return hash_worker("");
  return custom_worker(name);
}

} // namespace charmer
