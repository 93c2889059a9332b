// A pool whose requests fail refuses new ones for a while.
#include "native_fixture.hpp"

using namespace charmer_tests;

namespace {

// Does jobs, and answers every text with an error of its own.
pool_settings fallible() {
  auto x = lab(3);
  register_native("fallible", [](caf::actor_system& sys) {
    return sys.spawn<caf::detached>(
        [](caf::event_based_actor* self) -> caf::behavior {
          replace_default_handlers(self);
          return {[=](job& x) {
                    x.run(self);
                    return std::uint64_t{self->id()};
                  },
                  [](const std::string&) -> caf::result<std::uint64_t> {
                    return caf::make_error(caf::sec::runtime_error);
                  }};
        });
  });
  x.adapter = "fallible";
  return x;
}

pool_settings with_breaker(std::uint32_t consecutive, timespan cooldown) {
  auto x = fallible();
  x.breaker.enabled = true;
  x.breaker.consecutive = consecutive;
  x.breaker.rate = 0;
  x.breaker.cooldown = cooldown;
  x.intensity = 1000;
  return x;
}

// Fails without harm to its worker.
caf::message failing() {
  return caf::make_message(std::string{"no job"});
}

std::size_t count(native_fixture& f, const std::string& name) {
  auto all = f.events.all();
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [&](auto& e) { return e.name == name; }));
}

constexpr auto opened = "charmer.breaker.opened";
constexpr auto closed = "charmer.breaker.closed";

} // namespace

TEST_CASE("the threshold opens it, which is told once; what waits is served") {
  native_fixture f{with_breaker(3, limit)};
  f.occupy(2);
  auto running = f.ask(wait_at(f.other));
  REQUIRE(f.other.wait_for(1));
  std::vector<native_fixture::asked> bad;
  for (int i = 0; i < 3; ++i)
    bad.push_back(f.ask(failing()));
  auto accepted = f.ask(work());
  f.other.open();
  CHECK(f.answer(running));
  for (auto& x : bad)
    CHECK(f.answer(x).why);
  CHECK(f.answer(accepted));
  CHECK(f.stats().circuit_open);
  CHECK(f.status().circuit_open);
  for (int i = 0; i < 5; ++i)
    CHECK(f.call().why == pool_errc::circuit_open);
  CHECK(f.cast(work()) == pool_errc::circuit_open);
  f.door.open();
  CHECK(f.comes_to(3, 0, 0));
  CHECK(f.events.wait_for(opened));
  CHECK(count(f, opened) == 1);
  CHECK(count(f, closed) == 0);
}

TEST_CASE("a caller who sends what no worker understands opens no breaker") {
  native_fixture f{with_breaker(3, limit)};
  for (int i = 0; i < 20; ++i)
    CHECK(f.call(caf::make_message(4711, "what?")).why
          == caf::sec::unexpected_message);
  CHECK(!f.stats().circuit_open);
  CHECK(f.call());
  CHECK(count(f, opened) == 0);
}

TEST_CASE("after the cooldown exactly one probe runs; its success closes it") {
  native_fixture f{with_breaker(2, 300ms)};
  for (int i = 0; i < 2; ++i)
    CHECK(f.call(failing()).why);
  CHECK(f.call().why == pool_errc::circuit_open);
  std::optional<native_fixture::asked> probe;
  auto end = std::chrono::steady_clock::now() + limit;
  while (f.other.arrived() == 0 && std::chrono::steady_clock::now() < end) {
    probe.emplace(f.ask(wait_at(f.other)));
    if (!f.eventually([&](auto& s) {
          return f.other.arrived() != 0 || s.counts.running == 0;
        }))
      break;
    if (f.other.arrived() == 0)
      CHECK(f.answer(*probe).why == pool_errc::circuit_open);
  }
  REQUIRE(f.other.arrived() == 1);
  for (int i = 0; i < 3; ++i)
    CHECK(f.call().why == pool_errc::circuit_open);
  CHECK(count(f, closed) == 0);
  f.other.open();
  CHECK(f.answer(*probe));
  CHECK(f.events.wait_for(closed));
  CHECK(!f.stats().circuit_open);
  CHECK(f.call());
  CHECK(count(f, opened) == 1);
  CHECK(count(f, closed) == 1);
}

TEST_CASE("a probe that fails opens it again") {
  native_fixture f{with_breaker(2, 300ms)};
  auto fail_until = [&](std::uint64_t failures) {
    return f.eventually([&](auto& s) {
      if (s.counts.failed < failures)
        CHECK(f.call(failing()).why);
      return s.counts.failed >= failures;
    });
  };
  REQUIRE(fail_until(4)); // two that open it, two probes
  CHECK(f.call().why == pool_errc::circuit_open);
  CHECK(f.events.wait_for(opened, 3));
  CHECK(count(f, closed) == 0);
}

TEST_CASE("the death of workers counts, what callers do does not") {
  native_fixture f{with_breaker(3, limit)};
  f.occupy(3);
  for (int i = 0; i < 5; ++i) {
    auto id = call_id::next();
    auto x = f.ask(work(), {.id = id});
    charmer::cast(f.pool.actor(), cancel_atom_v, id);
    CHECK(f.answer(x).why == pool_errc::cancelled);
    CHECK(f.call(work(), {.timeout = 1ms}).why == pool_errc::wait_timeout);
    CHECK(f.call(work(), {.strategy = next_available_worker}).why
          == pool_errc::no_available_worker);
  }
  f.door.open();
  CHECK(f.comes_to(3, 0, 0));
  CHECK(!f.stats().circuit_open);
  for (int i = 0; i < 3; ++i)
    CHECK(f.call(work([] { throw std::runtime_error("crash"); })).why);
  CHECK(f.call().why == pool_errc::circuit_open);
}

TEST_CASE("one pool's breaker is not another's") {
  native_fixture f{with_breaker(2, limit)};
  auto x = with_breaker(2, limit);
  x.name = "other";
  auto other = f.app->start_pool(x);
  REQUIRE(other);
  REQUIRE(!f.app->await_all(limit));
  for (int i = 0; i < 2; ++i)
    CHECK(f.call(failing()).why);
  CHECK(f.call().why == pool_errc::circuit_open);
  f.pool = *other;
  CHECK(f.call());
}

TEST_CASE("a worker that is taken by hand is never the probe, and not refused "
          "while one is due") {
  auto x = lab(1);
  x.breaker.enabled = true;
  x.breaker.consecutive = 1;
  x.breaker.cooldown = 1ms;
  native_fixture f{x};
  CHECK(f.call(work([] { throw std::runtime_error("crash"); })).why);
  CHECK(f.events.wait_for("charmer.breaker.opened"));
  CHECK(f.eventually([&](const pool_stats&) {
    return !run(f.self, f.pool, [](lease&, timespan) {});
  }));
  CHECK(f.stats().circuit_open);
  CHECK(f.call());
  CHECK(f.events.wait_for("charmer.breaker.closed"));
}
