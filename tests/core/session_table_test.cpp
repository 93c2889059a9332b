// The sessions of a pool as values: names, homes, what is forgotten and when.
#include "charmer/actors/session_table.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>

#include <malloc.h>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

session_table::time_point at(std::chrono::nanoseconds x) {
  return session_table::time_point{} + 1000s + x;
}

// A request of the session that goes to a seat and ends at once.
std::uint32_t use(session_table& x, std::string_view name, std::uint32_t seat,
                  session_table::time_point now) {
  auto i = x.enter(name, now);
  if (i == no_index)
    return i;
  x.settle(i, seat);
  x.leave(i, now);
  return i;
}

// Where it is at home, if it is known.
std::uint32_t home_of(session_table& x, std::string_view name,
                      session_table::time_point now) {
  auto i = x.enter(name, now);
  auto result = x.home(i);
  x.leave(i, now);
  return result;
}

} // namespace

TEST_CASE("a session is at home where it was put, under its name") {
  session_table x{10, 1h};
  use(x, "ann", 3, at(0s));
  use(x, "bob", 5, at(0s));
  CHECK(home_of(x, "ann", at(1s)) == 3);
  CHECK(home_of(x, "bob", at(1s)) == 5);
  CHECK(home_of(x, "eve", at(1s)) == no_index);
  CHECK(x.size(at(1s)) == 2);
}

TEST_CASE("long names need no more memory than short ones") {
  auto used = [] {
    auto x = mallinfo2();
    return x.uordblks + x.hblkhd;
  };
  session_table x{100, 1h};
  auto before = used();
  for (int i = 0; i < 100; ++i)
    use(x, std::string(1 << 20, static_cast<char>('0' + i)), 3, at(0s));
  CHECK(x.size(at(0s)) == 100);
  CHECK(used() < before + (1 << 20));
}

TEST_CASE("a session that came nowhere is not remembered") {
  session_table x{1, 1h};
  auto i = x.enter("refused", at(0s));
  CHECK(x.size(at(0s)) == 1);
  x.leave(i, at(0s));
  CHECK(x.size(at(0s)) == 0);
  CHECK(x.enter("next", at(0s)) != no_index);
}

TEST_CASE("a session is forgotten its ttl after its last use, not before") {
  session_table x{10, 60s};
  use(x, "ann", 3, at(0s));
  CHECK(home_of(x, "ann", at(59s)) == 3); // is a use
  CHECK(home_of(x, "ann", at(118s)) == 3);
  CHECK(x.size(at(177s)) == 1);
  CHECK(x.size(at(178s)) == 0);
  CHECK(home_of(x, "ann", at(178s)) == no_index);
}

TEST_CASE("while one of its requests is under way a session is remembered") {
  session_table x{10, 60s};
  auto i = x.enter("ann", at(0s));
  x.settle(i, 3);
  CHECK(x.enter("ann", at(1s)) == i);
  CHECK(x.requests(i) == 2);
  x.leave(i, at(2s));
  CHECK(x.size(at(2h)) == 1);
  CHECK(x.enter("bob", at(2h)) != i);
  x.leave(i, at(2h));
  CHECK(x.size(at(2h + 59s)) == 2);
  CHECK(x.size(at(2h + 60s)) == 1); // bob is under way
}

TEST_CASE("there are only so many, and those that are due make room") {
  session_table x{2, 60s};
  use(x, "ann", 0, at(0s));
  use(x, "bob", 1, at(30s));
  CHECK(use(x, "eve", 0, at(59s)) == no_index);
  CHECK(home_of(x, "bob", at(59s)) == 1);
  CHECK(use(x, "eve", 0, at(60s)) != no_index); // ann is due
  CHECK(use(x, "joe", 0, at(60s)) == no_index);
  CHECK(x.size(at(60s)) == 2);
}

TEST_CASE("an infinite ttl forgets nothing") {
  session_table x{10, std::chrono::nanoseconds::max()};
  use(x, "ann", 3, at(0s));
  CHECK(home_of(x, "ann", at(24h * 3650)) == 3);
}

TEST_CASE("sessions agree with a map of them on random sequences") {
  struct known {
    std::uint32_t home = no_index;
    std::uint32_t requests = 0;
    std::chrono::nanoseconds used{0};
  };
  for (unsigned seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random{seed};
    session_table x{5, 50ns};
    std::map<std::string, known> model;
    std::multimap<std::string, std::uint32_t> under_way;
    std::chrono::nanoseconds now{0};
    for (int step = 0; step < 400; ++step) {
      now += std::chrono::nanoseconds(random() % 10);
      std::erase_if(model, [&](auto& entry) {
        return entry.second.requests == 0 && now - entry.second.used >= 50ns;
      });
      REQUIRE(x.size(at(now)) == model.size());
      if (random() % 2 == 0) {
        auto name = std::string(1, char('a' + random() % 8));
        auto i = x.enter(name, at(now));
        auto fits = model.count(name) > 0 || model.size() < 5;
        REQUIRE((i != no_index) == fits);
        if (!fits)
          continue;
        auto& m = model[name];
        ++m.requests;
        REQUIRE(x.home(i) == m.home);
        REQUIRE(x.requests(i) == m.requests);
        REQUIRE(x.hash(i) == stable_hash(name));
        if (random() % 2 == 0)
          x.settle(i, m.home = random() % 4);
        under_way.emplace(name, i);
      } else if (!under_way.empty()) {
        auto entry = under_way.begin();
        std::advance(entry, random() % under_way.size());
        auto [name, i] = *entry;
        under_way.erase(entry);
        x.leave(i, at(now));
        auto& m = model[name];
        m.used = now;
        if (--m.requests == 0 && m.home == no_index)
          model.erase(name);
      }
    }
  }
}
