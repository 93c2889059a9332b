// Durations and sizes as people write them.
#include "charmer/profiles/units.hpp"

#include <doctest/doctest.h>

using namespace charmer;
using namespace std::chrono_literals;

TEST_CASE("durations are numbers with a unit") {
  CHECK(parse_duration("90s") == 90s);
  CHECK(parse_duration("1h") == 1h);
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("2m") == 2min);
  CHECK(parse_duration("1.5s") == 1500ms);
  CHECK(parse_duration("0.3d") == 25920s);
  CHECK(parse_duration("5 minutes") == 5min);
  CHECK(parse_duration("1 day") == 24h);
  CHECK(parse_duration("0s") == 0s);
  CHECK(parse_duration("infinity") == infinite);
  CHECK(parse_duration(5, "minutes") == 5min);
  CHECK(parse_duration(1, "hour") == 1h);
}

TEST_CASE("what is no duration is refused") {
  for (auto text : {"", "90", "s", "-1s", "1e3s", "1.s", ".5s", "1..5s", "nan",
                    "inf", "1 fortnight", "1s ", "90S", "1h30m", "0.5ns",
                    "300000d", "99999999999999999999s"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text).has_value());
  }
  CHECK_FALSE(parse_duration(-1, "seconds").has_value());
  CHECK_FALSE(parse_duration(1e300, "seconds").has_value());
  CHECK_FALSE(parse_duration(1, "").has_value());
}

TEST_CASE("rendered durations are read back without loss") {
  for (auto x : {timespan{0}, timespan{1}, timespan{90s}, timespan{1h},
                 timespan{250ms}, timespan{1234567890123456789}, infinite}) {
    CAPTURE(render_duration(x));
    CHECK(parse_duration(render_duration(x)) == x);
  }
  CHECK(render_duration(90s) == "90s");
  CHECK(render_duration(2min) == "2m");
  CHECK(render_duration(1500ms) == "1500ms");
}

TEST_CASE("sizes are bytes or numbers with a unit") {
  CHECK(parse_size("4096") == 4096);
  CHECK(parse_size("512MB") == 512'000'000);
  CHECK(parse_size("64MiB") == 64ull << 20);
  CHECK(parse_size("1.5KiB") == 1536);
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("18446744073709551615") == ~0ull);
  for (auto text : {"", "MB", "-1MB", "12 parsecs", "0.5B", "64mb", "1e6",
                    "18446744073709551616", "99999999TiB"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text).has_value());
  }
}

TEST_CASE("rendered sizes are read back without loss") {
  for (auto x : {0ull, 1ull, 4096ull, 512'000'000ull, 64ull << 20, ~0ull}) {
    CAPTURE(render_size(x));
    CHECK(parse_size(render_size(x)) == x);
  }
  CHECK(render_size(64ull << 20) == "64MiB");
  CHECK(render_size(512'000'000) == "512MB");
}
