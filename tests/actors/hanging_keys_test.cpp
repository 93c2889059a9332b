// Equal keys never overlap, also when the first one hangs in C++, where nobody
// can end it: the others wait until it has ended after all.
#include "native_fixture.hpp"

using namespace charmer_tests;

namespace {

pool_settings impatient() {
  auto x = lab(1);
  x.cancel_grace = 0s;
  x.max_abandoned = 4;
  return x;
}

constexpr auto key = hash_worker("customer 7");

struct hanging : native_fixture {
  hanging() : native_fixture(impatient()) {
    auto hangs = call(wait_at(door), {.timeout = 50ms, .strategy = key});
    REQUIRE(hangs.why == pool_errc::exec_timeout);
    REQUIRE(events.wait_for("charmer.worker.abandoned"));
    REQUIRE(comes_to(1, 0, 0));
  }
};

} // namespace

TEST_CASE("the next one of its key runs when it has ended, others at once") {
  hanging f;
  auto next =
      f.ask(wait_at(f.other),
            {.timeout = limit, .queue_timeout = limit, .strategy = key});
  CHECK(f.comes_to(1, 0, 1));
  CHECK(f.call(work(), {.strategy = hash_worker("customer 8")}));
  CHECK(f.call());
  CHECK(f.other.arrived() == 0);
  f.door.open();
  REQUIRE(f.other.wait_for(1));
  f.other.open();
  auto got = f.answer(next);
  CHECK_MESSAGE(got, describe(got.why));
  CHECK(f.call(work(), {.strategy = key}));
}

TEST_CASE("while it hangs those of its key are told wait_timeout") {
  hanging f;
  std::atomic<int> ran = 0;
  auto late =
      f.call(work([&] { ++ran; }), {.queue_timeout = 50ms, .strategy = key});
  CHECK(late.why == pool_errc::wait_timeout);
  CHECK(ran == 0);
}

TEST_CASE("a stop does not wait for it") {
  hanging f;
  auto next = f.ask(work(), {.queue_timeout = limit, .strategy = key});
  CHECK(f.comes_to(1, 0, 1));
  f.app->stop(1s);
  CHECK(f.answer(next).why == pool_errc::shutting_down);
}
