// The strategies that are measured, and how a pool of native workers is asked
// with each of them.
//
// Threading: plain values; ask_adders runs in the calling actor.
#pragma once

#include "charmer/charmer.hpp"

#include <array>
#include <cstdint>

namespace bench {

struct strategy {
  const char* name; ///< as wpool calls it
  charmer::call_options (*of_call)(std::uint64_t n);
};

/// One line each; the default comes first.
inline constexpr std::array strategies{
    strategy{"available_worker",
             [](std::uint64_t) { return charmer::call_options{}; }},
};

/// The n-th call of a caller to a pool whose workers add two numbers. One that
/// finds no worker free (next_available_worker) is made again.
template <class Done>
void ask_adders(caf::event_based_actor* self, const caf::actor& door,
                const strategy& s, std::uint64_t n, Done done) {
  self->request(door, caf::infinite, s.of_call(n), caf::make_message(5, 3))
      .then([done](int sum) { done(sum == 8); },
            [=, &s](const caf::error& e) {
              if (e == charmer::pool_errc::no_available_worker)
                ask_adders(self, door, s, n, done);
              else
                done(false);
            });
}

} // namespace bench
