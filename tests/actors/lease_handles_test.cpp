// A lease as a pool of its own: what is said to it reaches the worker that is
// held, and no other.
#include "native_fixture.hpp"

using namespace charmer_tests;

namespace {

struct held_worker : native_fixture {
  held_worker() : native_fixture(lab(3)) {
    checkout(self, pool)
        .receive([&](lease x) { mine = std::move(x); },
                 [](const caf::error& e) { FAIL(describe(e)); });
    self->request(mine.actor(), caf::infinite, work())
        .receive([&](std::uint64_t x) { id = x; },
                 [](caf::error& e) { FAIL(describe(e)); });
  }

  // Who did what everybody is told to do through the lease.
  auto telling(std::set<std::uint64_t>& reached) {
    return caf::make_message(job{[&](caf::event_based_actor* worker) {
      std::lock_guard guard{mutex};
      reached.insert(worker->id());
    }});
  }

  lease mine;
  std::uint64_t id = 0;
  std::mutex mutex;
};

} // namespace

TEST_CASE("a broadcast through a lease reaches the held worker, once") {
  held_worker f;
  std::set<std::uint64_t> reached;
  std::uint64_t count = 0;
  broadcast(f.self, f.mine.pool(), f.telling(reached))
      .receive([&](std::uint64_t n) { count = n; },
               [](caf::error& e) { FAIL(describe(e)); });
  CHECK(count == 1);
  CHECK(f.eventually([](auto& x) { return x.counts.replied == 2; }));
  CHECK(reached == std::set{f.id});
}

TEST_CASE("a broadcall through a lease has one answer") {
  held_worker f;
  broadcall(f.self, f.mine.pool(), work())
      .receive(
          [&](gathered& x) {
            CHECK(x.errors.empty());
            REQUIRE(x.replies.size() == 1);
            CHECK(x.replies[0].worker == f.mine.worker());
            CHECK(x.replies[0].value.get_as<std::uint64_t>(0) == f.id);
          },
          [](caf::error& e) { FAIL(describe(e)); });
}

TEST_CASE("a cast through a lease runs on the held worker, whatever it says") {
  held_worker f;
  std::set<std::uint64_t> reached;
  for (auto how : {random_worker, next_worker, hash_worker("key")})
    charmer::cast(f.mine.pool(), f.telling(reached), {.strategy = how});
  CHECK(f.eventually([](auto& x) { return x.counts.replied == 4; }));
  CHECK(reached == std::set{f.id});
}

TEST_CASE("a worker that is held cannot be checked out again") {
  held_worker f;
  caf::error why;
  checkout(f.self, f.mine.pool())
      .receive([](lease) { FAIL("it is held already"); },
               [&](caf::error& e) { why = std::move(e); });
  CHECK(why == pool_errc::unsupported);
  CHECK(failure_of(why).text.find("checked out again") != std::string::npos);
  // And the lease is as it was.
  f.self->request(f.mine.actor(), caf::infinite, work())
      .receive([&](std::uint64_t x) { CHECK(x == f.id); },
               [](caf::error& e) { FAIL(describe(e)); });
}

TEST_CASE("after its end all of this is answered no_available_worker") {
  held_worker f;
  auto pool = f.mine.pool();
  f.mine.give_back();
  CHECK(f.comes_to(3, 0, 0));
  std::vector<caf::error> errors(3);
  broadcast(f.self, pool, work())
      .receive([](std::uint64_t) {}, [&](caf::error& e) { errors[0] = e; });
  broadcall(f.self, pool, work())
      .receive([](gathered&) {}, [&](caf::error& e) { errors[1] = e; });
  charmer::cast(f.self, pool, work())
      .receive([] {}, [&](caf::error& e) { errors[2] = e; });
  for (auto& e : errors) {
    CHECK(e == pool_errc::no_available_worker);
    CHECK(failure_of(e).text.find("lease") != std::string::npos);
  }
}
