// Handles that are typed as the workers are, and handles with options.
#include "native_fixture.hpp"

using namespace charmer_tests;

namespace {

using adder = caf::typed_actor<caf::replies_to<int, int>::with<int>,
                               caf::replies_to<std::string>::with<std::string>>;

// Accepts a part of what an adder does.
using summing = caf::typed_actor<caf::replies_to<int, int>::with<int>>;

using negating = caf::typed_actor<caf::replies_to<int>::with<int>>;

adder::behavior_type add(adder::pointer) {
  return {
      [](int a, int b) { return a + b; },
      [](const std::string& x) { return x + x; },
  };
}

pool_settings adders() {
  register_native<adder>("adder",
                         [](caf::actor_system& sys) { return sys.spawn(add); });
  auto x = lab(2);
  x.adapter = "adder";
  return x;
}

// What a message to a typed pool may consist of.
template <class Pool, class... Ts>
constexpr bool accepts = caf::response_type<
    typename std::decay_t<decltype(std::declval<Pool>().actor())>::signatures,
    Ts...>::valid;

} // namespace

TEST_CASE("the compiler checks what is sent to a typed pool") {
  static_assert(accepts<pool_of<adder>, int, int>);
  static_assert(accepts<pool_of<adder>, std::string>);
  static_assert(!accepts<pool_of<adder>, int>);
  static_assert(!accepts<pool_of<adder>, double, double>);
  static_assert(!accepts<pool_of<summing>, std::string>);
}

TEST_CASE("a typed pool answers as its workers do") {
  pool_fixture f{adders()};
  auto pool = f.app->pool_of<adder>();
  REQUIRE_MESSAGE(pool, describe(pool ? caf::error{} : pool.error()));
  auto sum = 0;
  f.self->request(pool->actor(), caf::infinite, 1, 2)
      .receive([&](int x) { sum = x; }, [](caf::error&) {});
  CHECK(sum == 3);
  std::string twice;
  f.self->request(pool->actor(), caf::infinite, std::string{"ab"})
      .receive([&](const std::string& x) { twice = x; }, [](caf::error&) {});
  CHECK(twice == "abab");
  CHECK(f.stats().counts.replied == 2);
  CHECK(pool->name() == "default");
}

TEST_CASE("a part of what the workers accept will do, more will not") {
  pool_fixture f{adders()};
  auto part = f.app->pool_of<summing>();
  REQUIRE(part);
  auto sum = 0;
  f.self->request(part->actor(), caf::infinite, 20, 22)
      .receive([&](int x) { sum = x; }, [](caf::error&) {});
  CHECK(sum == 42);
  auto wrong = f.app->pool_of<negating>();
  REQUIRE(!wrong);
  CHECK(wrong.error() == pool_errc::unsupported);
  CHECK(f.app->pool_of<adder>("none").error() == pool_errc::no_such_pool);
}

TEST_CASE("workers that were registered without a type have no typed handle") {
  native_fixture f{lab(1)};
  auto x = f.app->pool_of<adder>();
  REQUIRE(!x);
  CHECK(x.error() == pool_errc::unsupported);
  CHECK(failure_of(x.error()).text.find("register_native")
        != std::string::npos);
}

TEST_CASE("an untyped handle takes what the workers accept, as it is") {
  pool_fixture f{adders()};
  auto sum = 0;
  f.self->request(f.pool.actor(), caf::infinite, 1, 2)
      .receive([&](int x) { sum = x; }, [](caf::error&) {});
  CHECK(sum == 3);
  caf::error why;
  f.self->request(f.pool.actor(), caf::infinite, 1.5)
      .receive([](int) {}, [&](caf::error& e) { why = std::move(e); });
  CHECK(why);
  f.self->request(f.pool.actor(), caf::infinite, 2, 2)
      .receive([&](int x) { sum = x; }, [](caf::error&) {});
  CHECK(sum == 4);
}

TEST_CASE("a handle with options gives them to messages that cannot say") {
  native_fixture f{lab(6)};
  auto keyed = f.pool.with({.strategy = hash_worker("customer 7")});
  std::set<std::uint64_t> reached;
  for (int i = 0; i < 12; ++i) {
    f.self->request(keyed.actor(), caf::infinite, job{[](auto*) {}})
        .receive([&](std::uint64_t x) { reached.insert(x); },
                 [](caf::error& e) { FAIL(describe(e)); });
  }
  CHECK(reached.size() == 1);
  CHECK(keyed.name() == f.pool.name());
}

TEST_CASE("what a request says itself wins over its handle") {
  native_fixture f{lab(1)};
  f.occupy(1);
  auto hasty = f.pool.with({.timeout = 20ms});
  auto plain = std::exchange(f.pool, hasty);
  CHECK(f.call().why == pool_errc::wait_timeout);
  auto patient = f.ask(work(), {.timeout = limit});
  f.self->receive(caf::after(50ms) >> [] {});
  CHECK(f.status().queued_tasks == 1);
  f.door.open();
  CHECK(f.answer(patient));
  CHECK(f.comes_to(1, 0, 0));
  f.pool = plain;
}

TEST_CASE("a typed handle with options, a cast and a lease through it") {
  pool_fixture f{adders()};
  auto pool = *f.app->pool_of<adder>();
  auto mine = pool.with({.strategy = next_worker});
  std::set<std::string> workers;
  for (int i = 0; i < 2; ++i)
    CHECK(!run(f.self, mine.untyped(), [&](lease& x, timespan) {
      workers.insert(x.worker());
      auto sum = 0;
      f.self->request(x.actor(), caf::infinite, i, 1)
          .receive([&](int y) { sum = y; }, [](caf::error&) {});
      CHECK(sum == i + 1);
    }));
  CHECK(workers.size() == 2);
  auto accepted = false;
  charmer::cast(f.self, mine.untyped(), caf::make_message(1, 2))
      .receive([&] { accepted = true; }, [](caf::error&) {});
  CHECK(accepted);
  CHECK(f.eventually([](auto& x) { return x.counts.replied == 5; }));
}

TEST_CASE("a pool refuses to be part of a composition of actors, and says so") {
  native_fixture f{lab(1)};
  auto outer = f.sys.spawn([](caf::event_based_actor* self) {
    replace_default_handlers(self);
    return caf::behavior{[](std::uint64_t x) { return x + 1; }};
  });
  for (const auto& pool : {f.pool, f.pool.with({.timeout = limit})}) {
    caf::error why;
    f.self->request(outer * pool.actor(), caf::infinite, work())
        .receive([](std::uint64_t) {}, [&](caf::error& e) { why = e; });
    CHECK_MESSAGE(why == pool_errc::unsupported, describe(why));
  }
}

TEST_CASE("an actor gets a handle in a message, and uses it as any other") {
  native_fixture f{lab(1)};
  auto user = f.sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
    replace_default_handlers(self);
    return {[=](const pool_handle& pool) {
      auto answer = self->make_response_promise<std::string, std::uint64_t>();
      self->request(pool.actor(), caf::infinite, work())
          .then([=](std::uint64_t who) mutable {
            answer.deliver(pool.name(), who);
          });
      return answer;
    }};
  });
  std::string name;
  std::uint64_t who = 0;
  f.self->request(user, limit, f.pool)
      .receive(
          [&](const std::string& x, std::uint64_t y) {
            name = x;
            who = y;
          },
          [](caf::error& e) { FAIL(describe(e)); });
  CHECK(name == "default");
  CHECK(who != 0);
}

TEST_CASE("an empty handle is answered with an error, whatever is asked") {
  native_fixture f{lab(1)};
  pool_handle none;
  caf::error why;
  auto note = [&](caf::error& e) { why = std::move(e); };
  call(f.self, none, "add").receive([](reply&) {}, note);
  CHECK(std::exchange(why, {}));
  broadcall(f.self, none, work()).receive([](gathered&) {}, note);
  CHECK(std::exchange(why, {}));
  checkout(f.self, none).receive([](lease) {}, note);
  CHECK(std::exchange(why, {}));
}
