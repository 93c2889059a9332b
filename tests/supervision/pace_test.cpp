// When restarts come: others are served between two attempts, and what died
// together does not come back together.
#include "world.hpp"

#include <set>

using namespace test;

namespace {

/// Steps until the answer is there, a few messages of one actor at a time.
template <class T>
void step_until(world& w, const answer<T>& x) {
  while (!x.came() && w.step())
    ;
}

/// How long after each death the next attempt comes.
std::vector<timespan> delays_of(const world& w) {
  std::vector<timespan> result;
  for (const auto& e : w.named(event_name::child_restarting))
    result.push_back(e.delay);
  return result;
}

/// Children that die together, twice: the second time they have to wait.
struct herd : world {
  std::vector<timespan> die_twice(std::uint64_t seed, double jitter = 0.5) {
    supervisor_spec spec{
        .name = "root", .intensity = {.intensity = 1000}, .seed = seed};
    for (int i = 0; i < 10; ++i) {
      auto x = worker("w" + std::to_string(i));
      x.retry = backoff{.minimum = 1s, .maximum = 30s, .jitter = jitter};
      spec.children.push_back(x);
    }
    supervise(spec);
    for (int times = 0; times < 2; ++times) {
      for (auto& [id, handle] : handles)
        caf::anon_send(handle, caf::ok_atom::value,
                       caf::error{caf::sec::runtime_error});
      run();
    }
    auto all = delays_of(*this);
    REQUIRE(all.size() == 20);
    return {all.begin() + 10, all.end()};
  }
};

} // namespace

TEST_CASE("a supervisor serves others between two attempts without a delay") {
  for (auto how :
       {strategy::one_for_one, strategy::one_for_all, strategy::rest_for_one}) {
    INFO(to_string(how));
    world w;
    w.supervise({.name = "root",
                 .strategy = how,
                 .intensity = {.intensity = 1000},
                 .children = {w.worker("a")}});
    w.refuse["a"] = 500;
    caf::anon_send(w.handles["a"], caf::ok_atom::value,
                   caf::error{caf::sec::runtime_error});
    // Comes when the child is down and cannot be started.
    auto asked = w.ask_later<child_counts>(w.root, count_children_atom_v);
    step_until(w, asked);
    REQUIRE(asked.ok());
    CHECK(w.starts["a"] > 1);
    CHECK(w.starts["a"] < 20);
    CHECK(asked.value() == child_counts{1, 0, 0, 1});
    // Also what starts something, unless that depends on the one that fails.
    auto added =
        w.ask_later<caf::actor>(w.root, start_child_atom_v, w.worker("b"));
    step_until(w, added);
    CHECK(added.ok());
    if (how == strategy::one_for_one)
      CHECK(w.starts["a"] < 40);
    else
      CHECK(w.starts["b"] == 1);
    w.run();
    CHECK(w.starts["a"] == 502);
    CHECK(w.alive("a"));
  }
}

TEST_CASE("what died together does not come back together") {
  herd w;
  auto waits = w.die_twice(1);
  CHECK(std::set<timespan>(waits.begin(), waits.end()).size() == 10);
  for (auto x : waits) {
    CHECK(x >= 500ms);
    CHECK(x <= 1500ms);
  }
  CHECK(*std::min_element(waits.begin(), waits.end()) < 900ms);
  CHECK(*std::max_element(waits.begin(), waits.end()) > 1100ms);
  // And it is as long as was told.
  auto first = *std::min_element(waits.begin(), waits.end());
  auto starts_in_all = [&] {
    int result = 0;
    for (auto& [id, n] : w.starts)
      result += n;
    return result;
  };
  CHECK(starts_in_all() == 20);
  w.scheduler.advance_time(first - 1ns);
  w.run();
  CHECK(starts_in_all() == 20);
  w.scheduler.advance_time(1ns);
  w.run();
  CHECK(starts_in_all() == 21);
}

TEST_CASE("the same seed gives the same delays, another one others") {
  herd a, b, c;
  auto first = a.die_twice(7);
  CHECK(b.die_twice(7) == first);
  CHECK(c.die_twice(8) != first);
}

TEST_CASE("without a seed each supervisor has delays of its own") {
  herd a, b;
  CHECK(a.die_twice(0) != b.die_twice(0));
}

TEST_CASE_FIXTURE(world, "no delay is longer than the maximum") {
  auto a = worker("a");
  a.retry =
      backoff{.minimum = 100ms, .maximum = 2s, .factor = 2, .jitter = 0.9};
  a.intensity = restart_intensity::unlimited();
  supervise({.name = "root", .children = {a}});
  refuse["a"] = 1000;
  crash("a");
  for (int i = 0; i < 2000 && !alive("a"); ++i) {
    scheduler.advance_time(2s);
    run();
  }
  CHECK(alive("a"));
  auto all = delays_of(*this);
  REQUIRE(all.size() == 1001);
  CHECK(*std::max_element(all.begin(), all.end()) == 2s);     // cut
  CHECK(*std::min_element(all.begin() + 20, all.end()) < 1s); // spread
}
