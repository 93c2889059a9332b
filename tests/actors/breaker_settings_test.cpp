// A breaker goes by the settings of its pool.
#include "charmer/actors/circuit_breaker.hpp"
#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/settings.hpp"

#include <doctest/doctest.h>

using namespace charmer;
using namespace std::chrono_literals;

TEST_CASE("the limits of a breaker are those of the settings") {
  auto limits = limits_of({.enabled = true,
                           .consecutive = 7,
                           .rate = 0.25,
                           .minimum = 9,
                           .window = 3s,
                           .cooldown = 4s});
  CHECK(limits.enabled);
  CHECK(limits.consecutive == 7);
  CHECK(limits.rate == 0.25);
  CHECK(limits.minimum == 9);
  CHECK(limits.window == 3s);
  CHECK(limits.cooldown == 4s);
}

TEST_CASE("a breaker counts exactly the failures that the settings name") {
  auto limits = limits_of(breaker_settings{});
  auto last = static_cast<unsigned>(pool_errc::shutting_down);
  for (unsigned code = 0; code <= last; ++code) {
    auto x = static_cast<pool_errc>(code);
    CAPTURE(to_string(x));
    CHECK(limits.counts(x)
          == (x == pool_errc::exec_timeout || x == pool_errc::worker_died
              || x == pool_errc::start_failed
              || x == pool_errc::python_exception));
  }
}
