// wpool's strategies, as far as the books know them.
#include "bench.hpp"

namespace {

core_limits six() {
  core_limits result;
  result.size = 6;
  return result;
}

// Six workers and a way to ask by strategy.
struct six_workers : bench {
  explicit six_workers(core_limits limits = six()) : bench(limits) {
    for (int i = 1; i <= 6; ++i)
      hire("w" + std::to_string(i));
  }

  effects ask(worker_strategy how, std::string what = "x") {
    auto x = request(std::move(what));
    x.how = how;
    return submit(std::move(x));
  }

  std::string worker_of(const effects& out) { return out.assignments.at(0).to; }

  std::vector<std::uint64_t> lines() {
    std::vector<std::uint64_t> result;
    for (auto& w : core.snapshot(now).workers)
      result.push_back(w.line);
    return result;
  }
};

} // namespace

TEST_CASE("next_worker takes each in its turn, again and again") {
  six_workers b;
  std::vector<std::string> first;
  std::vector<std::string> second;
  for (auto* turn : {&first, &second})
    for (int i = 0; i < 6; ++i) {
      auto out = b.ask(next_worker);
      turn->push_back(b.worker_of(out));
      b.done(out);
    }
  CHECK(std::set<std::string>(first.begin(), first.end()).size() == 6);
  CHECK(first == second);
}

TEST_CASE("next_worker keeps its turn when workers come and go") {
  six_workers b;
  b.done(b.ask(next_worker)); // w1
  b.done(b.ask(next_worker)); // w2
  auto w = b.core.snapshot(b.now).workers.at(0).incarnation;
  b.kill(w);
  auto out = b.ask(next_worker);
  CHECK(b.worker_of(out) == "w3");
  b.done(out);
  b.hire("w1");
  CHECK(b.worker_of(b.ask(next_worker)) == "w4");
}

TEST_CASE("random_worker reaches all of them") {
  six_workers b;
  std::set<std::string> seen;
  for (int i = 0; i < 120; ++i) {
    auto out = b.ask(random_worker);
    seen.insert(b.worker_of(out));
    b.done(out);
  }
  CHECK(seen.size() == 6);
}

TEST_CASE("best_worker counts what runs and what waits") {
  six_workers b;
  std::set<std::string> seen;
  for (int i = 0; i < 6; ++i)
    seen.insert(b.worker_of(b.ask(best_worker)));
  CHECK(seen.size() == 6);
  for (std::uint64_t waiting : {1, 2}) {
    for (int i = 0; i < 6; ++i)
      CHECK(b.ask(best_worker).assignments.empty());
    CHECK(b.lines() == std::vector<std::uint64_t>(6, waiting));
  }
}

TEST_CASE("available_worker waits centrally, nobody has a line") {
  six_workers b;
  for (int i = 0; i < 12; ++i)
    b.ask(available_worker);
  CHECK(b.lines() == std::vector<std::uint64_t>(6, 0));
  CHECK(b.counts().waiting == 6);
}

TEST_CASE("next_available_worker never waits") {
  six_workers b;
  std::vector<effects> given;
  for (int i = 0; i < 6; ++i)
    given.push_back(b.ask(next_available_worker));
  auto out = b.ask(next_available_worker);
  CHECK(out.settlements.at(0).code == pool_errc::no_available_worker);
  b.done(given[2]);
  CHECK(b.worker_of(b.ask(next_available_worker))
        == given[2].assignments[0].to);
  CHECK(b.ask(next_available_worker).settlements.size() == 1);
}

TEST_CASE("hash_worker gives equal keys the same worker, and reaches all") {
  six_workers b;
  std::map<int, std::set<std::string>> by_key;
  std::set<std::string> all;
  for (int i = 0; i < 120; ++i) {
    auto out = b.ask(hash_worker(i % 2));
    by_key[i % 2].insert(b.worker_of(out));
    b.done(out);
    auto other = b.ask(hash_worker(i + 1));
    all.insert(b.worker_of(other));
    b.done(other);
  }
  CHECK(by_key[0].size() == 1);
  CHECK(by_key[1].size() == 1);
  CHECK(by_key[0] != by_key[1]);
  CHECK(all.size() == 6);
}

TEST_CASE("equal keys never overlap, even with capacity for both") {
  core_limits one;
  one.size = 1;
  bench b{one};
  b.hire("w", nullptr, 4);
  auto ask = [&](std::string what, worker_strategy how) {
    auto x = b.request(std::move(what));
    x.how = how;
    return b.submit(std::move(x));
  };
  auto a1 = ask("a1", hash_worker("a"));
  CHECK(a1.assignments.size() == 1);
  CHECK(ask("a2", hash_worker("a")).assignments.empty());
  CHECK(ask("a3", hash_worker("a")).assignments.empty());
  CHECK(ask("b1", hash_worker("b")).assignments.size() == 1);
  auto a2 = b.done(a1);
  REQUIRE(a2.assignments.size() == 1);
  CHECK(a2.assignments[0].what == "a2");
  auto a3 = b.done(a2);
  CHECK(a3.assignments.at(0).what == "a3");
}

TEST_CASE("equal keys keep their order across the death of their worker") {
  six_workers b;
  auto first = b.ask(hash_worker("k"), "1");
  auto name = b.worker_of(first);
  b.ask(hash_worker("k"), "2");
  b.ask(hash_worker("k"), "3");
  std::uint64_t victim = 0;
  for (auto& w : b.core.snapshot(b.now).workers)
    if (w.worker == name)
      victim = w.incarnation;
  effects ignored;
  b.core.bounced(first.assignments[0].lease, true, b.now, ignored);
  b.kill(victim);
  CHECK(b.counts().waiting == 3);
  b.hire(name);
  std::string order;
  for (auto out = b.met; !out.assignments.empty(); out = b.done(out)) {
    CHECK(out.assignments.size() == 1);
    CHECK(b.worker_of(out) == name);
    order += out.assignments[0].what;
  }
  CHECK(order == "123");
}

TEST_CASE("a request that waits for its key and expires lets the next one go") {
  six_workers b;
  auto first = b.ask(hash_worker("k"), "1");
  b.ask(hash_worker("k"), "2");
  b.pass(2s);
  b.ask(hash_worker("k"), "3");
  CHECK(b.pass(3001ms).settlements.at(0).who == "2");
  CHECK(b.done(first).assignments.at(0).what == "3");
}

TEST_CASE("what waited for one worker alone goes elsewhere when it dies") {
  six_workers b;
  for (int i = 0; i < 12; ++i)
    b.ask(next_worker, std::to_string(i));
  auto victim = b.core.snapshot(b.now).workers.at(0).incarnation;
  b.kill(victim);
  CHECK(b.lines() == std::vector<std::uint64_t>(5, 1));
  CHECK(b.counts().waiting == 6);
}

TEST_CASE("without a queue only strategies that choose at once work") {
  auto limits = six();
  limits.queue = false;
  six_workers b{limits};
  CHECK(b.ask(available_worker).settlements.at(0).code
        == pool_errc::unsupported);
  CHECK(b.ask(next_available_worker).settlements.at(0).code
        == pool_errc::unsupported);
  for (auto how : {best_worker, next_worker, random_worker, hash_worker("k")})
    CHECK(b.ask(how).settlements.empty());
}

TEST_CASE("lifo serves the newest first") {
  auto limits = six();
  limits.lifo = true;
  limits.size = 1;
  bench b{limits};
  b.hire("w");
  auto out = b.submit("busy");
  for (auto what : {"1", "2", "3"})
    b.submit(what);
  std::string order;
  for (out = b.done(out); !out.assignments.empty(); out = b.done(out))
    order += out.assignments[0].what;
  CHECK(order == "321");
}

TEST_CASE("high priority goes before normal, and normal before low") {
  core_limits limits;
  limits.size = 1;
  bench b{limits};
  b.hire("w");
  auto out = b.submit("busy");
  for (auto what : {"2a", "1n", "0h", "2b", "0i"}) {
    auto x = b.request(what);
    x.priority = static_cast<std::uint8_t>(what[0] - '0');
    b.submit(std::move(x));
  }
  std::string order;
  for (out = b.done(out); !out.assignments.empty(); out = b.done(out))
    order += out.assignments[0].what.substr(1);
  CHECK(order == "hinab");
}

TEST_CASE("requests by any strategy wait while no worker is ready") {
  core_limits limits;
  limits.size = 2;
  bench b{limits};
  for (auto how : {best_worker, next_worker, random_worker, hash_worker(7)}) {
    auto x = b.request("x");
    x.how = how;
    CHECK(b.submit(std::move(x)).settlements.empty());
  }
  CHECK(b.counts().waiting == 4);
  b.hire("a");
  b.hire("b");
  CHECK(b.counts().running == 2);
}

TEST_CASE("a line of one worker has the limit of the queue") {
  core_limits limits;
  limits.size = 1;
  limits.queue_size = 2;
  bench b{limits};
  b.hire("w");
  auto ask = [&] {
    auto x = b.request("x");
    x.how = next_worker;
    return b.submit(std::move(x));
  };
  ask();
  ask();
  CHECK(ask().settlements.empty());
  CHECK(ask().settlements.at(0).code == pool_errc::queue_full);
}

TEST_CASE("an application's strategy decides elsewhere, and nothing is lost") {
  six_workers b;
  auto out = b.ask(custom_worker("mine"), "a");
  CHECK(out.wake);
  CHECK(out.assignments.empty());
  auto open = b.core.undecided(10);
  REQUIRE(open.size() == 1);
  CHECK(open[0].function == stable_hash("mine"));
  CHECK(b.core.undecided(10).size() == 1); // until it is told
  auto members = b.core.members();
  effects more;
  b.core.decide(open[0].reference, members.at(3).incarnation, b.now, more);
  CHECK(more.assignments.at(0).to == members[3].handle);
  b.core.decide(open[0].reference, members.at(4).incarnation, b.now, more);
  CHECK(more.assignments.size() == 1); // only the first word counts

  b.ask(custom_worker("mine"), "nobody");
  effects none;
  b.core.decline(b.core.undecided(1).at(0).reference, b.now, none);
  CHECK(none.settlements.at(0).code == pool_errc::no_available_worker);

  b.ask(custom_worker("mine"), "dead");
  b.kill(members[5].incarnation);
  effects dead;
  b.core.decide(b.core.undecided(1).at(0).reference, members[5].incarnation,
                b.now, dead);
  CHECK(dead.settlements.at(0).code == pool_errc::no_available_worker);

  b.ask(custom_worker("mine"), "threw");
  effects fallback;
  b.core.decide(b.core.undecided(1).at(0).reference, 0, b.now, fallback);
  CHECK(fallback.wake);
  CHECK(b.dispatch().assignments.at(0).what == "threw");
}

TEST_CASE("orders go before everything that waits") {
  core_limits limits;
  limits.size = 1;
  bench b{limits};
  auto w = b.hire("w");
  auto out = b.submit("busy");
  b.submit("waits");
  auto x = b.request("order");
  x.how = {choice::this_worker, w};
  b.submit(std::move(x));
  CHECK(b.done(out).assignments.at(0).what == "order");
  auto y = b.request("second");
  y.how = {choice::this_worker, w};
  b.submit(std::move(y));
  CHECK(b.kill(w).settlements.size() == 1);
}
