// A million random operations on the books, one after the other: requests by
// every strategy and of sessions, leases and errands, answers that come twice
// or too late or in parts, deaths, bounces, cancellations, changes of size,
// overflow, recycling, workers with threads, work sent ahead, collections and
// strategies of the application's, and time.
//
// random_world.hpp does them; what must hold at every step is in
// random_model.hpp. At the end every request has had exactly one outcome and
// every worker is idle.
//
// Repeat a run with CHARMER_SEED=n; CHARMER_OPERATIONS=n for another length.
#include "random_world.hpp"

#include <cstdlib>

using namespace charmer_tests;

namespace {

std::uint64_t number_from(const char* variable, std::uint64_t usual) {
  auto* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : usual;
}

core_limits limits_of_round(std::mt19937_64& random) {
  core_limits result;
  result.size = 6;
  result.max_overflow = 3;
  result.overflow_retention = std::chrono::milliseconds(random() % 3 * 20);
  result.queue_size = 20;
  result.cancel_grace = 10ms;
  result.lifo = random() % 3 == 0;
  result.managed = random() % 3 == 0;
  if (random() % 2 == 0)
    result.prefetch = 1ms;
  if (random() % 2 == 0)
    result.overruns = {20ms, static_cast<std::uint32_t>(random() % 4)};
  if (random() % 3 == 0) {
    result.breaker.enabled = true;
    result.breaker.consecutive = 5;
    result.breaker.cooldown = 100ms;
    result.breaker.failures = 1u
                              << static_cast<unsigned>(pool_errc::worker_died);
  }
  result.affinity = static_cast<session_affinity>(random() % 3);
  result.max_sessions = 3 + random() % 5;
  result.session_ttl = std::chrono::milliseconds(1 + random() % 500);
  result.seed = random();
  return result;
}

void check_end(const random_world& w, const core_limits& limits) {
  auto last = w.snapshot();
  w.model().check(last);
  w.model().check_end();
  CHECK(last.workers.size() == limits.size);
  CHECK(last.overflow == 0);
  for (auto& x : last.workers)
    CHECK_MESSAGE((x.state == worker_state::ready && x.running == 0 && !x.held),
                  x.worker, " is in state ", static_cast<int>(x.state),
                  " running ", x.running);
}

std::string text_of(const books& x) {
  auto result = "accepted " + std::to_string(x.accepted);
  for (auto& [name, count] : {std::pair{"replied", x.replied},
                              {"failed", x.failed},
                              {"cancelled", x.cancelled},
                              {"refused", x.refused},
                              {"requeued", x.requeued},
                              {"retried", x.retried},
                              {"stale", x.stale},
                              {"expelled", x.expelled},
                              {"overruns", x.overruns}})
    result += std::string{", "} + name + " " + std::to_string(count);
  return result;
}

} // namespace

TEST_CASE("a million operations leave every request with one outcome") {
  auto seed = number_from("CHARMER_SEED", std::random_device{}());
  auto operations = number_from("CHARMER_OPERATIONS", 1'000'000);
  CAPTURE(seed);
  std::mt19937_64 rounds{seed};
  constexpr std::uint64_t each = 20'000;
  std::uint64_t at_home = 0;
  std::uint64_t ahead = 0;
  std::uint64_t leases = 0;
  std::uint64_t recalled = 0;
  for (std::uint64_t done = 0; done < operations; done += each) {
    CAPTURE(done);
    auto limits = limits_of_round(rounds);
    auto threads = 1 + 2 * static_cast<std::uint32_t>(rounds() % 2);
    random_world w{rounds(), limits, threads};
    for (std::uint64_t i = 0; i < each; ++i) {
      w.step();
      if (i % 16 == 0)
        w.check();
    }
    w.finish();
    REQUIRE(w.at_rest());
    check_end(w, limits);
    if (done == 0)
      MESSAGE("first round: " << text_of(w.snapshot().counts));
    at_home += w.model().at_home();
    ahead += w.model().ahead();
    leases += w.model().leases();
    recalled += w.model().recalled();
  }
  MESSAGE(leases << " leases by hand, " << ahead << " sent ahead, " << at_home
                 << " at home, " << recalled << " with workers taken back");
  if (operations >= 1'000'000) {
    CHECK(at_home > 50);
    CHECK(ahead > 50);
    CHECK(leases > 1000);
    CHECK(recalled > 50);
  }
}
