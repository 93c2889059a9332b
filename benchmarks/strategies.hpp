// The strategies that are measured, and how a pool of native workers is asked
// with each of them.
//
// Threading: plain values; ask_adders runs in the calling actor.
#pragma once

#include "charmer/charmer.hpp"

#include <array>
#include <cstdint>
#include <utility>

namespace bench {

struct strategy {
  const char* name; ///< as wpool calls it
  charmer::worker_strategy (*of_call)(std::uint64_t n);
};

/// One line each; the default comes first. hash_worker gets another key with
/// every call.
inline constexpr std::array strategies{
    strategy{"available_worker",
             [](std::uint64_t) { return charmer::available_worker; }},
    strategy{"best_worker", [](std::uint64_t) { return charmer::best_worker; }},
    strategy{"next_worker", [](std::uint64_t) { return charmer::next_worker; }},
    strategy{"random_worker",
             [](std::uint64_t) { return charmer::random_worker; }},
    strategy{"next_available_worker",
             [](std::uint64_t) { return charmer::next_available_worker; }},
    strategy{"hash_worker",
             [](std::uint64_t n) { return charmer::hash_worker(n); }},
};

/// A pool whose workers add two numbers, as its callers see it.
struct adders {
  adders(caf::actor_system& sys, caf::actor door)
      : pool(std::move(door)), turnstile(sys.spawn(let_pass)) {}

  caf::actor pool;
  caf::actor turnstile; ///< to go through it is to let others run first

private:
  static caf::behavior let_pass(caf::event_based_actor*) {
    return {[](int x) { return x; }};
  }
};

/// The n-th call of a caller. If it finds no worker free
/// (next_available_worker), others are let run first, as with erlang:yield,
/// and it is made again.
///
/// REQUIRES: `to` outlives the call; a handle that is copied is counted by all
/// threads.
template <class Done>
void ask_adders(caf::event_based_actor* self, const adders& to,
                const strategy& s, std::uint64_t n, Done done) {
  self->request(to.pool, caf::infinite,
                charmer::call_options{.strategy = s.of_call(n)},
                caf::make_message(5, 3))
      .then([done](int sum) { done(sum == 8); },
            [=, &s, &to](const caf::error& e) {
              if (e != charmer::pool_errc::no_available_worker) {
                done(false);
                return;
              }
              self->request(to.turnstile, caf::infinite, 0)
                  .then(
                      [=, &s, &to](int) { ask_adders(self, to, s, n, done); });
            });
}

} // namespace bench
