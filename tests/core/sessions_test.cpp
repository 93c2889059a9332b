// Sessions in the books of a pool: where their requests go.
#include "bench.hpp"

namespace {

core_limits with(session_affinity how, std::uint32_t size = 4) {
  core_limits result;
  result.size = size;
  result.affinity = how;
  return result;
}

using enum session_affinity;

// Workers and a way to ask for a session.
struct office : bench {
  explicit office(core_limits limits = with(prefer)) : bench(limits) {
    for (std::uint32_t i = 1; i <= limits.size; ++i)
      workers.push_back(hire("w" + std::to_string(i)));
  }

  effects ask(std::string session, std::string what = "x") {
    auto x = request(std::move(what));
    x.session = session;
    return submit(std::move(x));
  }

  // Who ran a request of it that was given at once, and is done.
  std::string served(std::string session) {
    auto out = ask(std::move(session));
    auto result = worker_of(out);
    done(out);
    return result;
  }

  std::string worker_of(const effects& out) {
    return out.assignments.empty() ? "nobody" : out.assignments.at(0).to;
  }

  pool_errc code_of(const effects& out) {
    return out.settlements.empty() ? pool_errc::none
                                   : out.settlements.at(0).code;
  }

  std::uint64_t sessions() { return core.snapshot(now).sessions; }

  std::vector<std::uint64_t> workers;
};

} // namespace

TEST_CASE("a session goes to its worker again, others do not drive it away") {
  for (auto how : {prefer, wait, fail}) {
    office b{with(how)};
    auto home = b.served("ann");
    auto other = b.ask("bob"); // the worker that worked last is the first
    CHECK(b.worker_of(other) == home);
    b.done(other);
    auto busy = b.submit("no session");
    b.done(busy);
    for (int i = 0; i < 10; ++i) {
      auto taken = b.ask("eve " + std::to_string(i));
      b.done(taken);
      CHECK(b.served("ann") == home);
    }
    CHECK(b.sessions() == 12);
    CHECK(b.counts().accepted == b.counts().replied);
  }
}

TEST_CASE("prefer: while its worker is busy another one serves it, and it "
          "comes back") {
  office b{with(prefer)};
  auto first = b.ask("ann");
  auto home = b.worker_of(first);
  auto second = b.ask("ann");
  CHECK(b.worker_of(second) != "nobody");
  CHECK(b.worker_of(second) != home);
  b.done(first);
  b.done(second);
  CHECK(b.served("ann") == home);
}

TEST_CASE("prefer: a session waits as any request when all are busy") {
  office b{with(prefer, 2)};
  auto first = b.ask("ann");
  auto second = b.submit("y");
  CHECK(b.worker_of(b.ask("ann", "late")) == "nobody");
  auto given = b.done(second);
  CHECK(b.worker_of(given) == second.assignments.at(0).to);
  b.done(first);
  b.done(given);
  CHECK(b.served("ann") == first.assignments.at(0).to);
}

TEST_CASE("wait: its requests wait for the one worker, in order, whoever else "
          "is idle") {
  office b{with(wait)};
  auto first = b.ask("ann", "1");
  CHECK(b.worker_of(b.ask("ann", "2")) == "nobody");
  CHECK(b.worker_of(b.ask("ann", "3")) == "nobody");
  CHECK(b.dispatch().assignments.empty());
  for (auto next : {"2", "3"}) {
    auto out = b.done(first);
    REQUIRE(out.assignments.size() == 1);
    CHECK(out.assignments[0].what == next);
    CHECK(b.worker_of(out) == b.worker_of(first));
    first = std::move(out);
  }
}

TEST_CASE("wait: a new session that finds all workers busy gets a home at "
          "once") {
  office b{with(wait, 2)};
  auto x = b.submit("x");
  auto y = b.submit("y");
  CHECK(b.worker_of(b.ask("ann", "1")) == "nobody");
  CHECK(b.worker_of(b.ask("ann", "2")) == "nobody");
  auto from_x = b.done(x);
  auto from_y = b.done(y);
  auto& first = from_x.assignments.empty() ? from_y : from_x;
  auto& none = from_x.assignments.empty() ? from_x : from_y;
  CHECK(none.assignments.empty());
  REQUIRE(first.assignments.size() == 1);
  CHECK(first.assignments[0].what == "1");
  auto second = b.done(first);
  REQUIRE(second.assignments.size() == 1);
  CHECK(b.worker_of(second) == b.worker_of(first));
}

TEST_CASE("wait: also the first of a session waits no longer than it may") {
  office b{with(wait)};
  auto first = b.ask("ann");
  b.ask("ann", "late");
  auto out = b.pass(6s);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::wait_timeout);
  b.done(first);
  CHECK(b.counts().failed == 1);
}

TEST_CASE("fail: a session whose worker is busy is refused at once") {
  office b{with(fail)};
  auto first = b.ask("ann");
  auto second = b.ask("ann");
  CHECK(b.code_of(second) == pool_errc::no_available_worker);
  CHECK(second.settlements.at(0).session);
  b.done(first);
  CHECK(b.served("ann") == b.worker_of(first));
  CHECK(b.counts().refused == 1);
}

TEST_CASE("fail: a new session waits as any request") {
  office b{with(fail, 1)};
  auto busy = b.submit("x");
  CHECK(b.code_of(b.ask("ann", "1")) == pool_errc::none);
  CHECK(b.code_of(b.ask("ann", "2")) == pool_errc::no_available_worker);
  auto given = b.done(busy);
  REQUIRE(given.assignments.size() == 1);
  CHECK(given.assignments[0].what == "1");
}

TEST_CASE("the successor of a worker serves its sessions on") {
  for (auto how : {prefer, wait, fail}) {
    office b{with(how)};
    auto home = b.served("ann");
    auto seat = b.seat_of(home);
    b.kill(b.workers.at(seat));
    b.hire(home);
    // Another one worked last, and would be the first choice.
    auto other = b.submit("x");
    b.done(other);
    for (std::uint32_t i = 0; i < 4; ++i)
      if (i != seat) {
        auto out = b.submit("y");
        b.done(out);
      }
    CHECK(b.served("ann") == home);
  }
}

TEST_CASE("while nobody sits at its home a session begins anew elsewhere, and "
          "stays there") {
  for (auto how : {prefer, wait, fail}) {
    office b{with(how)};
    auto home = b.served("ann");
    b.kill(b.workers.at(b.seat_of(home)));
    auto next = b.served("ann");
    CHECK(next != "nobody");
    CHECK(next != home);
    b.hire(home);
    CHECK(b.served("ann") == next);
  }
}

TEST_CASE("wait: what waits for a worker that dies waits for its successor") {
  office b{with(wait)};
  auto first = b.ask("ann", "1");
  auto home = b.worker_of(first);
  b.ask("ann", "2");
  b.kill(b.workers.at(b.seat_of(home)));
  CHECK(b.dispatch().assignments.empty());
  CHECK(b.worker_of(b.ask("ann", "3")) == "nobody");
  b.hire(home);
  REQUIRE(b.met.assignments.size() == 1);
  CHECK(b.met.assignments[0].what == "2");
  CHECK(b.worker_of(b.met) == home);
}

TEST_CASE("wait: a request that had not begun goes back to its own worker") {
  office b{with(wait)};
  auto proof = std::make_shared<told>();
  auto home = b.served("ann");
  auto seat = b.seat_of(home);
  b.kill(b.workers.at(seat));
  auto with_proof = b.hire(home, proof);
  auto out = b.ask("ann", "1");
  REQUIRE(b.worker_of(out) != "nobody");
  if (b.worker_of(out) == home) {
    b.kill(with_proof); // it had not begun
    CHECK(b.dispatch().assignments.empty());
    b.hire(home);
    REQUIRE(b.met.assignments.size() == 1);
    CHECK(b.met.assignments[0].what == "1");
  }
}

TEST_CASE("a pool that shrinks gives its sessions new homes") {
  for (auto how : {prefer, wait, fail}) {
    office b{with(how)};
    std::vector<effects> running;
    for (auto name : {"a", "b", "c", "d"})
      running.push_back(b.ask(name)); // each with a worker of its own
    if (how == wait)
      for (auto name : {"a", "b", "c", "d"})
        b.ask(name, "second");
    effects out;
    b.core.resize(1, b.now, out);
    for (auto& x : running) {
      auto more = b.done(x);
      while (!more.assignments.empty())
        more = b.done(more);
    }
    for (auto name : {"a", "b", "c", "d"})
      CHECK(b.served(name) == "w1");
    CHECK(b.counts().failed == 0);
    CHECK(b.counts().waiting == 0);
  }
}

TEST_CASE("a session is forgotten after its ttl, by the pool's own clock") {
  auto limits = with(wait);
  limits.session_ttl = 10min;
  office b{limits};
  auto home = b.served("ann");
  b.pass(9min);
  CHECK(b.sessions() == 1);
  CHECK(b.served("ann") == home);
  b.pass(10min);
  CHECK(b.sessions() == 0);
  auto busy = b.submit("x"); // whoever worked last
  CHECK(b.worker_of(busy) == home);
  CHECK(b.served("ann") != home);
  CHECK(b.sessions() == 1);
}

TEST_CASE("one session too many is refused, the others are served") {
  auto limits = with(prefer);
  limits.max_sessions = 2;
  office b{limits};
  b.served("ann");
  b.served("bob");
  auto out = b.ask("eve");
  CHECK(b.code_of(out) == pool_errc::queue_full);
  CHECK(out.settlements.at(0).session);
  CHECK(b.served("ann") != "nobody");
  CHECK(b.worker_of(b.submit("none")) != "nobody");
  CHECK(b.counts().refused == 1);
}

TEST_CASE("a request that names a strategy goes where that says, and its "
          "session stays at home") {
  office b{with(wait)};
  auto home = b.served("ann");
  for (int i = 0; i < 4; ++i) {
    auto x = b.request("x");
    x.session = "ann";
    x.how = next_worker;
    auto out = b.submit(std::move(x));
    CHECK(b.worker_of(out) == "w" + std::to_string(i + 1));
    b.done(out);
  }
  auto other = b.submit("y");
  b.done(other);
  CHECK(b.served("ann") == home);
}

TEST_CASE("with every strategy as the default a session stays at home, but "
          "where all share one worker") {
  for (auto usual : {available_worker, next_available_worker, best_worker,
                     next_worker, random_worker, hash_worker("")})
    for (auto how : {prefer, wait, fail}) {
      auto limits = with(how);
      limits.usual = usual;
      office b{limits};
      auto home = b.served("ann");
      for (int i = 0; i < 5; ++i) {
        b.done(b.submit("x"));
        CHECK(b.served("ann") == home);
      }
      CHECK(b.counts().replied == 11);
    }
}

TEST_CASE("an overflow worker is nobody's home") {
  for (auto how : {prefer, wait, fail}) {
    auto limits = with(how, 1);
    limits.max_overflow = 1;
    limits.overflow_retention = 1h;
    office b{limits};
    auto busy = b.submit("x");
    b.submit("y");
    b.hire("overflow-1");
    REQUIRE(b.met.assignments.size() == 1);
    b.done(b.met);
    auto out = b.ask("ann");
    if (how == prefer) {
      CHECK(b.worker_of(out) == "overflow-1");
      b.done(out);
      CHECK(b.sessions() == 0);
    } else { // it waits for the worker that stays
      CHECK(b.worker_of(out) == "nobody");
      auto given = b.done(busy);
      CHECK(b.worker_of(given) == "w1");
      CHECK(b.sessions() == 1);
    }
  }
}

TEST_CASE("without workers a session waits, and is at home with the first") {
  for (auto how : {prefer, wait, fail}) {
    auto limits = with(how, 1);
    bench b{limits};
    auto x = b.request("1");
    x.session = "ann";
    b.submit(std::move(x));
    b.hire("w1");
    auto given = b.met.assignments.empty() ? b.dispatch() : b.met;
    REQUIRE(given.assignments.size() == 1);
    b.done(given);
    CHECK(b.core.snapshot(b.now).sessions == 1);
    CHECK(b.counts().replied == 1);
  }
}
