// Requests that run: parts of answers, where they are, those within others.
#include "bench.hpp"

namespace {

core_limits seats(std::uint32_t n) {
  core_limits result;
  result.size = n;
  return result;
}

core_type::submission named(bench& b, std::uint64_t number,
                            std::vector<request_key> chain = {}) {
  auto x = b.request("r" + std::to_string(number));
  x.key = {1, number};
  x.chain = std::move(chain);
  return x;
}

// Why it was refused, or none.
pool_errc refusal(const effects& out) {
  return out.settlements.empty() ? pool_errc::none : out.settlements[0].code;
}

} // namespace

TEST_CASE("a part of an answer goes to who asked, as long as it is theirs") {
  bench b{seats(1)};
  b.hire("w", std::make_shared<told>());
  auto lease = b.submit(named(b, 1)).assignments.at(0).lease;
  CHECK(b.core.part(lease) == "r1");
  CHECK(b.core.part(lease) == "r1");
  effects out;
  CHECK(b.core.cancel({1, 1}, b.now, out));
  CHECK(!b.core.part(lease));
  b.answer(lease);
  CHECK(!b.core.part(lease));
}

TEST_CASE("a request of which a part was delivered is not tried again") {
  for (auto delivered : {false, true}) {
    bench b{seats(1)};
    auto proof = std::make_shared<told>();
    auto first = b.hire("w", proof);
    auto x = named(b, 1);
    x.idempotent = true;
    auto lease = b.submit(x).assignments.at(0).lease;
    proof->leases.insert(lease);
    if (delivered)
      b.core.part(lease);
    auto out = b.kill(first);
    CHECK(refusal(out)
          == (delivered ? pool_errc::worker_died : pool_errc::none));
    CHECK(b.counts().retried == (delivered ? 0u : 1u));
  }
}

TEST_CASE("where a request runs, and how much time it has") {
  bench b{seats(1)};
  b.hire("w", std::make_shared<told>());
  auto lease = b.submit(named(b, 1)).assignments.at(0).lease;
  b.submit(named(b, 2));
  auto at = b.core.location({1, 1});
  REQUIRE(at);
  CHECK(at->first == "w");
  CHECK(at->second == lease);
  CHECK(!b.core.location({1, 2})); // it waits
  CHECK(!b.core.location({1, 3}));
  CHECK(b.core.time_left(lease, b.now + 10s) == 50s);
  CHECK(b.core.time_left(lease, b.now + 90s) == 1ns);
  CHECK(b.core.running(lease) == "r1");
  b.answer(lease);
  CHECK(!b.core.running(lease));
  CHECK(b.core.time_left(lease, b.now) == std::chrono::nanoseconds::max());
}

TEST_CASE("streams and requests within others are not sent ahead, nor is "
          "anything behind them") {
  auto limits = ahead();
  limits.size = 1;
  bench b{limits};
  b.hire("w", std::make_shared<told>());
  for (int i = 0; i < 20; ++i) // known to be quick
    b.answer(b.submit("a").assignments.at(0).lease, verdict::success, 1us);
  auto running = b.submit("a").assignments.at(0).lease;
  auto plain = b.submit("b");
  CHECK(plain.assignments.size() == 1);
  auto x = b.request("s");
  x.stream = true;
  CHECK(b.submit(x).assignments.empty());
  CHECK(b.submit(named(b, 7, {{9, 9}})).assignments.empty());
  b.answer(running, verdict::success, 1us);
  auto out = b.answer(plain.assignments[0].lease, verdict::success, 1us);
  REQUIRE(out.assignments.size() == 1);
  CHECK(out.assignments[0].what == "s");
  CHECK(b.submit("c").assignments.empty());
}

TEST_CASE("a request that all workers wait for would deadlock") {
  bench b{seats(1)};
  b.hire("w");
  auto outer = b.submit(named(b, 1)).assignments.at(0).lease;
  CHECK(refusal(b.submit(named(b, 2, {{1, 1}}))) == pool_errc::would_deadlock);
  CHECK(b.counts().refused == 1);
  // Who is not waited for may wait.
  CHECK(refusal(b.submit(named(b, 3))) == pool_errc::none);
  CHECK(refusal(b.submit(named(b, 4, {{2, 2}}))) == pool_errc::none);
  b.answer(outer);
}

TEST_CASE("the one that closes the ring is refused, not those before it") {
  bench b{seats(3)};
  std::vector<std::uint64_t> outer;
  for (auto name : {"u", "v", "w"})
    b.hire(name);
  for (std::uint64_t n : {1, 2, 3})
    outer.push_back(b.submit(named(b, n)).assignments.at(0).lease);
  CHECK(refusal(b.submit(named(b, 11, {{1, 1}}))) == pool_errc::none);
  CHECK(refusal(b.submit(named(b, 12, {{1, 2}}))) == pool_errc::none);
  CHECK(refusal(b.submit(named(b, 13, {{1, 3}}))) == pool_errc::would_deadlock);
  // The third can end now; an inner one takes its place.
  auto out = b.answer(outer[2]);
  REQUIRE(out.assignments.size() == 1);
  CHECK(out.assignments[0].what == "r11");
  // What runs is no ring: it will make room.
  CHECK(refusal(b.submit(named(b, 14, {{1, 2}}))) == pool_errc::none);
}

TEST_CASE("an inner request that was answered blocks nobody any more") {
  bench b{seats(2)};
  b.hire("v");
  b.hire("w");
  b.submit(named(b, 1));
  auto second = b.submit(named(b, 2)).assignments.at(0).lease;
  b.submit(named(b, 11, {{1, 1}}));
  effects out;
  CHECK(b.core.cancel({1, 11}, b.now, out));
  CHECK(refusal(b.submit(named(b, 12, {{1, 2}}))) == pool_errc::none);
  b.answer(second);
}

TEST_CASE("what a request that runs here waits for goes before all others") {
  bench b{seats(2)};
  b.hire("v");
  b.hire("w");
  b.submit(named(b, 1));
  auto second = b.submit(named(b, 2)).assignments.at(0).lease;
  auto urgent = named(b, 3);
  urgent.priority = 0;
  CHECK(b.submit(urgent).assignments.empty());
  auto elsewhere = named(b, 4, {{9, 9}});
  elsewhere.priority = 0;
  CHECK(b.submit(elsewhere).assignments.empty());
  auto inner = named(b, 11, {{1, 1}});
  inner.priority = 2;
  CHECK(b.submit(inner).assignments.empty());
  auto next = b.answer(second);
  CHECK(next.assignments.at(0).what == "r11");
  next = b.done(next);
  CHECK(next.assignments.at(0).what == "r3");
  CHECK(b.done(next).assignments.at(0).what == "r4");
}

TEST_CASE("of many outer requests that each ask for one inner, one of each "
          "round is refused") {
  bench b{seats(2)};
  b.hire("v");
  b.hire("w");
  std::map<std::string, std::uint64_t> runs;
  std::vector<std::string> done;
  auto refused = 0;
  auto take = [&](const effects& out) {
    for (auto& x : out.assignments)
      runs[x.what] = x.lease;
  };
  for (std::uint64_t n = 1; n <= 6; ++n)
    take(b.submit(named(b, n)));
  while (!runs.empty()) {
    auto [what, lease] = *runs.begin();
    auto number = std::stoull(what.substr(1));
    runs.erase(what);
    if (number < 10) { // asks for its inner one first
      auto out = b.submit(named(b, 10 + number, {{1, number}}));
      if (refusal(out) != pool_errc::would_deadlock) {
        take(out);
        continue;
      }
      ++refused;
    } else {
      // With its inner one an outer one is done.
      done.push_back(what);
    }
    take(b.answer(lease));
    if (number > 10)
      if (auto outer = b.core.location({1, number - 10}))
        take(b.answer(outer->second));
  }
  CHECK(refused == 3);
  CHECK(done.size() == 3);
}

TEST_CASE("no deadlock where another worker may come") {
  for (auto overflow : {0u, 1u}) {
    auto limits = seats(overflow == 0 ? 2 : 1);
    limits.max_overflow = overflow;
    bench b{limits};
    b.hire("w");
    b.submit(named(b, 1));
    CHECK(refusal(b.submit(named(b, 2, {{1, 1}}))) == pool_errc::none);
  }
}

TEST_CASE("a worker with room for several is no ring until all are in it") {
  bench b{seats(1)};
  b.hire("w", std::make_shared<told>(), 2);
  b.submit(named(b, 1));
  b.submit(named(b, 2));
  CHECK(refusal(b.submit(named(b, 11, {{1, 1}}))) == pool_errc::none);
  CHECK(refusal(b.submit(named(b, 12, {{1, 2}}))) == pool_errc::would_deadlock);
}

TEST_CASE("who must wait for one worker that waits for it would deadlock") {
  bench b{seats(2)};
  auto first = b.hire("v");
  b.hire("w");
  auto x = named(b, 1);
  x.how = {choice::this_worker, first};
  b.submit(x);
  auto inner = named(b, 2, {{1, 1}});
  inner.how = {choice::this_worker, first};
  CHECK(refusal(b.submit(inner)) == pool_errc::would_deadlock);
  inner.how = {};
  CHECK(refusal(b.submit(inner)) == pool_errc::none);
}
