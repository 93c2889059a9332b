// The rules of the books, one at a time, with time moved by hand.
#include "bench.hpp"

TEST_CASE("a request that finds an idle worker goes to it at once") {
  bench b;
  b.hire("w");
  auto out = b.submit("a");
  REQUIRE(out.assignments.size() == 1);
  CHECK(out.assignments[0].to == "w");
  CHECK(b.counts().running == 1);
  b.answer(out.assignments[0].lease);
  CHECK(b.answered == "a");
  CHECK(b.counts().replied == 1);
}

TEST_CASE("a second answer to the same lease is stale and changes nothing") {
  bench b;
  b.hire("w");
  auto lease = b.submit("a").assignments[0].lease;
  b.answer(lease);
  b.answer(lease);
  CHECK(!b.answered);
  CHECK(b.counts().stale == 1);
  CHECK(b.counts().replied == 1);
}

TEST_CASE("waiting requests are served in the order in which they came") {
  bench b;
  b.hire("w");
  auto lease = b.submit("a").assignments[0].lease;
  b.submit("b");
  b.submit("c");
  auto out = b.answer(lease);
  REQUIRE(out.assignments.size() == 1);
  CHECK(out.assignments[0].what == "b");
  out = b.answer(out.assignments[0].lease);
  CHECK(out.assignments[0].what == "c");
}

TEST_CASE("a full queue refuses, in requests and in bytes") {
  core_limits limits;
  limits.queue_size = 2;
  limits.queue_bytes = 100;
  bench b{limits};
  b.hire("w");
  b.submit("a");
  CHECK(b.submit("b").settlements.empty());
  auto big = b.request("big");
  big.bytes = 101;
  auto out = b.submit(big);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::queue_full);
  CHECK(b.submit("c").settlements.empty());
  out = b.submit("d");
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::queue_full);
  CHECK(b.counts().refused == 2);
}

TEST_CASE("a request whose time is up before it waits never runs") {
  bench b;
  b.hire("w");
  auto x = b.request("a");
  x.deadline = b.now;
  auto out = b.submit(x);
  CHECK(out.assignments.empty());
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::wait_timeout);
}

TEST_CASE("a request that waits too long gets wait_timeout and never runs") {
  bench b;
  b.hire("w");
  auto lease = b.submit("a").assignments[0].lease;
  b.submit("b");
  CHECK(b.pass(4999ms).settlements.empty());
  auto out = b.pass(2ms);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::wait_timeout);
  CHECK(out.settlements[0].who == "b");
  CHECK(!out.settlements[0].begun);
  CHECK(b.answer(lease).assignments.empty());
}

TEST_CASE("a request that runs too long is cancelled, then its worker goes") {
  bench b;
  auto w = b.hire("w");
  auto lease = b.submit("a").assignments[0].lease;
  auto out = b.pass(60'001ms);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::exec_timeout);
  REQUIRE(out.cancellations.size() == 1);
  CHECK(out.cancellations[0].lease == lease);
  CHECK(b.submit("b").assignments.empty());
  out = b.pass(501ms);
  REQUIRE(out.expulsions.size() == 1);
  CHECK(out.expulsions[0] == "w");
  CHECK(b.counts().expelled == 1);
  b.kill(w);
  b.hire("w");
  CHECK(b.met.assignments.size() == 1);
}

TEST_CASE("a worker that does not begin what it was given goes, two graces "
          "after the deadline") {
  bench b;
  b.hire("w", std::make_shared<told>());
  b.submit("a");
  auto out = b.pass(60'001ms);
  REQUIRE(out.settlements.size() == 1);
  CHECK(!out.settlements[0].begun);
  CHECK(b.pass(501ms).expulsions.empty());
  CHECK(b.pass(501ms).expulsions.size() == 1);
  CHECK(b.counts().expelled == 1);
}

TEST_CASE("a cancelled request that lies behind another harms nobody") {
  bench b{ahead()};
  auto proof = std::make_shared<told>();
  b.hire("w", proof);
  // So short that the next one is sent ahead.
  for (int i = 0; i < 20; ++i)
    b.answer(b.submit("quick").assignments.at(0).lease, verdict::success, 1us);
  auto x = b.request("a");
  x.deadline = core_type::time_point::max();
  auto first = b.submit(x).assignments.at(0).lease;
  proof->leases.insert(first);
  auto y = b.request("b");
  y.deadline = b.now + 1s;
  REQUIRE(b.submit(y).assignments.size() == 1);
  CHECK(b.pass(1'001ms).cancellations.size() == 1);
  for (int i = 0; i < 10; ++i)
    CHECK(b.pass(501ms).expulsions.empty());
  // It is first from here on; its worker has a grace to say so.
  b.answer(first);
  CHECK(b.pass(501ms).expulsions.empty());
}

TEST_CASE("a worker that listens to a cancellation is kept") {
  bench b;
  b.hire("w");
  auto lease = b.submit("a").assignments[0].lease;
  b.pass(60'001ms);
  b.answer(lease, verdict::failure);
  CHECK(!b.answered);
  CHECK(b.pass(10s).expulsions.empty());
  CHECK(b.submit("b").assignments.size() == 1);
}

TEST_CASE("the caller cancels by the name it gave") {
  bench b;
  b.hire("w");
  b.submit("a");
  auto x = b.request("b");
  x.key = {7, 1};
  b.submit(x);
  effects out;
  CHECK(b.core.cancel({7, 1}, b.now, out));
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::cancelled);
  CHECK(!b.core.cancel({7, 1}, b.now, out));
  CHECK(b.counts().cancelled == 1);
}

TEST_CASE("a dead caller leaves nothing behind and is not answered") {
  bench b;
  b.hire("w");
  int caller = 0;
  for (auto* what : {"a", "b", "c"}) {
    auto x = b.request(what);
    x.caller = &caller;
    auto out = b.submit(x);
    CHECK((out.watch != nullptr) == (what == std::string{"a"}));
  }
  effects out;
  b.core.caller_died(&caller, b.now, out);
  CHECK(out.settlements.empty());
  CHECK(out.cancellations.size() == 1);
  CHECK(b.counts().cancelled == 3);
  CHECK(b.counts().waiting == 0);
}

TEST_CASE("what had begun fails with its worker, what had not runs elsewhere") {
  bench b{ahead()};
  b.core.declare("f", false);
  auto proof = std::make_shared<told>();
  auto w = b.hire("w", proof);
  // A few quick answers, so that requests are sent ahead.
  for (int i = 0; i < 20; ++i)
    b.answer(b.submit("x").assignments.at(0).lease, verdict::success, 1us);
  auto first = b.submit("first").assignments.at(0).lease;
  CHECK(b.submit("second").assignments.size() == 1);
  CHECK(b.submit("third").assignments.size() == 1);
  CHECK(b.counts().running == 1);
  CHECK(b.counts().waiting == 2);
  proof->leases.insert(first);
  auto out = b.kill(w);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::worker_died);
  CHECK(out.settlements[0].who == "first");
  CHECK(out.settlements[0].begun);
  CHECK(out.wake);
  b.hire("w2");
  REQUIRE(b.met.assignments.size() == 1);
  CHECK(b.met.assignments[0].what == "second");
  CHECK(b.counts().requeued == 2);
}

TEST_CASE("whoever looked at the clock before a request ran finds that it ran "
          "for no time") {
  bench b;
  auto w = b.hire("w", std::make_shared<told>()); // will not have begun it
  auto x = b.request("a");
  x.queue_deadline = core_type::time_point::max();
  REQUIRE(b.submit(x).assignments.size() == 1);
  b.now -= 1ms;
  CHECK(b.core.snapshot(b.now).workers.at(0).running_for == 0s);
  b.kill(w);
  CHECK(b.counts().requeued == 1);
}

TEST_CASE("an idempotent request is tried again until it is poisoned") {
  bench b;
  b.core.declare("f", true);
  b.submit("a");
  for (int i = 0; i < 3; ++i) {
    auto w = b.hire("w");
    auto out = b.met;
    REQUIRE(out.assignments.size() == 1);
    b.arrived(out.assignments[0]);
    out = b.kill(w);
    if (i < 2) {
      CHECK(out.settlements.empty());
    } else {
      REQUIRE(out.settlements.size() == 1);
      CHECK(out.settlements[0].code == pool_errc::poisoned);
      CHECK(out.settlements[0].deaths == 3);
    }
  }
  CHECK(b.counts().retried == 2);
}

TEST_CASE("what is asked before a worker has said what it can do is known when "
          "it has") {
  bench b;
  b.submit("a");
  b.core.declare("f", true);
  auto w = b.hire("w");
  REQUIRE(b.met.assignments.size() == 1);
  CHECK(b.core.snapshot(b.now).workers.at(0).task == "f");
  b.arrived(b.met.assignments[0]);
  CHECK(b.kill(w).settlements.empty());
  CHECK(b.counts().retried == 1);
}

TEST_CASE(
    "names of commands that callers make up are not remembered for ever") {
  command_table x;
  for (int i = 0; i < 1000; ++i)
    x.meet("early " + std::to_string(i));
  CHECK(x.meet("early 1") != 0);
  CHECK(x.meet("early 999") == 0);
  CHECK(x.meet(std::string(10'000, 'x')) == 0);
  command_table y;
  y.settle();
  CHECK(y.meet("late") == 0);
  y.declare("late", false);
  CHECK(y.meet("late") != 0);
}

TEST_CASE("what the request says of idempotence wins over the command") {
  bench b;
  b.core.declare("f", true);
  auto w = b.hire("w");
  auto x = b.request("a");
  x.idempotent = false;
  b.arrived(b.submit(x).assignments[0]);
  auto out = b.kill(w);
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::worker_died);
}

TEST_CASE("a message that bounced off a corpse never began") {
  bench b;
  auto w = b.hire("w");
  auto lease = b.submit("a").assignments[0].lease;
  effects out;
  b.core.bounced(lease, true, b.now, out);
  CHECK(out.wake);
  CHECK(b.kill(w).settlements.empty());
  b.hire("w");
  CHECK(b.met.assignments.at(0).what == "a");
}

TEST_CASE("a request that bounces off one worker after another is given up") {
  for (auto idempotent : {false, true}) {
    CAPTURE(idempotent);
    bench b;
    auto w = b.hire("w");
    auto x = b.request("a");
    x.idempotent = idempotent;
    auto given = b.submit(std::move(x));
    effects last;
    for (int i = 0; i < 3; ++i) {
      REQUIRE(given.assignments.size() == 1);
      CHECK(last.settlements.empty());
      last = {};
      b.core.bounced(given.assignments[0].lease, true, b.now, last);
      CHECK(b.kill(w).settlements.empty());
      w = b.hire("w");
      given = std::move(b.met);
    }
    CHECK(given.assignments.empty());
    REQUIRE(last.settlements.size() == 1);
    CHECK(last.settlements[0].bounces == 3);
    CHECK(last.settlements[0].begun);
    CHECK(last.settlements[0].code
          == (idempotent ? pool_errc::poisoned : pool_errc::worker_died));
    CHECK(b.submit("another").assignments.size() == 1);
  }
}

TEST_CASE("a request that bounces off workers which it cannot have ended is "
          "never given up") {
  bench b;
  auto w = b.hire("w");
  auto given = b.submit("a");
  for (int i = 0; i < 10; ++i) {
    effects out;
    b.core.bounced(given.assignments.at(0).lease, false, b.now, out);
    CHECK(out.settlements.empty());
    b.kill(w);
    w = b.hire("w");
    given = std::move(b.met);
  }
  CHECK(b.answer(given.assignments.at(0).lease).settlements.empty());
  CHECK(b.answered == "a");
}

TEST_CASE("nor is one that did not begin, as the worker's evidence says") {
  bench b;
  auto w = b.hire("w", std::make_shared<told>());
  auto given = b.submit("a");
  for (int i = 0; i < 10; ++i) {
    effects out;
    b.core.bounced(given.assignments.at(0).lease, true, b.now, out);
    CHECK(out.settlements.empty());
    b.kill(w);
    w = b.hire("w", std::make_shared<told>());
    given = std::move(b.met);
  }
  CHECK(given.assignments.size() == 1);
}

TEST_CASE("a death that overtakes the delivery waits for the bounce") {
  bench b;
  auto w = b.hire("w");
  auto sent = b.submit("a").assignments[0];
  CHECK(b.kill(w).settlements.empty());
  auto out = b.arrived(sent); // it did not bounce: it was consumed
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::worker_died);
  CHECK(b.core.snapshot(b.now).workers.empty());
}

TEST_CASE("a successor takes over and its predecessor gets nothing more") {
  bench b;
  auto old = b.hire("w");
  auto lease = b.submit("a").assignments[0].lease;
  b.hire("w");
  CHECK(b.submit("b").assignments.size() == 1);
  b.answer(lease);
  CHECK(b.submit("c").assignments.empty());
  b.kill(old);
  CHECK(b.counts().failed == 0);
}

TEST_CASE("a degraded pool answers at once and recovers with a worker") {
  bench b;
  b.submit("a");
  effects out;
  CHECK(b.core.degrade("no interpreter", b.now, out));
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::pool_degraded);
  CHECK(out.settlements[0].why == "no interpreter");
  out = b.submit("b");
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::pool_degraded);
  b.hire("w");
  CHECK(b.submit("c").assignments.size() == 1);
}

TEST_CASE("a pool that is drained refuses, finishes, and then is empty") {
  bench b;
  b.hire("w");
  auto lease = b.submit("a").assignments[0].lease;
  b.core.drain();
  auto out = b.submit("b");
  REQUIRE(out.settlements.size() == 1);
  CHECK(out.settlements[0].code == pool_errc::shutting_down);
  CHECK(!b.core.wait_until_empty({}));
  b.answer(lease);
  CHECK(b.core.wait_until_empty({}));
}

TEST_CASE("closing settles all that is left") {
  bench b;
  b.hire("w");
  b.submit("a");
  b.submit("b");
  effects out;
  b.core.close(b.now, out);
  CHECK(out.settlements.size() == 2);
  CHECK(b.counts().failed == 2);
}

TEST_CASE("nothing is sent ahead behind a command that takes long") {
  bench b{ahead()};
  b.core.declare("f", false);
  b.hire("w", std::make_shared<told>());
  for (int i = 0; i < 20; ++i)
    b.answer(b.submit("x").assignments.at(0).lease, verdict::success, 10ms);
  CHECK(b.submit("a").assignments.size() == 1);
  CHECK(b.submit("b").assignments.empty());
}

TEST_CASE("what lies behind a command that hangs is not taken for hung") {
  bench b{ahead()};
  b.core.declare("f", false);
  auto proof = std::make_shared<told>();
  b.hire("w", proof);
  for (int i = 0; i < 20; ++i)
    b.answer(b.submit("x").assignments.at(0).lease, verdict::success, 1us);
  proof->leases.insert(b.submit("hangs").assignments.at(0).lease);
  auto x = b.request("behind");
  x.key = {7, 1};
  REQUIRE(b.submit(x).assignments.size() == 1);
  effects out;
  REQUIRE(b.core.cancel({7, 1}, b.now, out));
  CHECK(!out.settlements.at(0).begun);
  CHECK(b.pass(10s).expulsions.empty());
}

TEST_CASE("who asks is told each step of a request, and nobody else") {
  std::atomic<bool> asked = false;
  core_limits limits;
  limits.traced = &asked;
  bench b{limits};
  auto w = b.hire("w");
  CHECK(b.submit("a").notes.empty());
  asked = true;
  auto out = b.submit("b");
  REQUIRE(out.notes.size() == 1);
  CHECK(out.notes[0].step == request_step::waiting);
  CHECK(out.notes[0].queued == 1);
  out = b.kill(w); // a native worker: what it had may have begun
  b.now += 2s;
  b.hire("w");
  REQUIRE(b.met.notes.size() == 1);
  CHECK(b.met.notes[0].step == request_step::dispatched);
  CHECK(b.met.notes[0].what == "b");
  CHECK(b.met.notes[0].worker == "w");
  CHECK(b.met.notes[0].took == 2s);
  auto lease = b.met.assignments.at(0).lease;
  out = b.answer(lease, verdict::success, 5ms);
  REQUIRE(out.notes.size() == 1);
  CHECK(out.notes[0].step == request_step::executed);
  CHECK(out.notes[0].took == 5ms);
  out = b.answer(lease);
  REQUIRE(out.notes.size() == 1);
  CHECK(out.notes[0].step == request_step::stale);
}

TEST_CASE("what is ended because of a command that does not stop has its name, "
          "though that stops after all") {
  core_limits limits;
  limits.cancel_grace = 1s;
  bench b{limits};
  b.core.declare("f", false);
  b.hire("w");
  auto lease = b.submit("a").assignments.at(0).lease;
  b.pass(61s);
  REQUIRE(b.pass(2s).expulsions.size() == 1);
  CHECK(b.core.snapshot(b.now).workers.at(0).task == "f");
  b.answer(lease);
  CHECK(b.core.snapshot(b.now).workers.at(0).task == "f");
}

TEST_CASE("who asks is told what it was that is answered too late") {
  std::atomic<bool> asked = true;
  core_limits limits;
  limits.traced = &asked;
  bench b{limits};
  b.hire("w");
  for (bool told : {true, false}) { // its caller of the outcome
    auto x = b.request("a");
    x.key = {7, told ? 1U : 2U};
    x.caller = &limits;
    auto lease = b.submit(x).assignments.at(0).lease;
    effects out;
    if (told)
      REQUIRE(b.core.cancel({7, 1}, b.now, out));
    else
      b.core.caller_died(x.caller, b.now, out);
    out = b.answer(lease);
    REQUIRE(out.notes.size() == 1);
    CHECK(out.notes[0].step == request_step::stale);
    CHECK(out.notes[0].what == "a");
    CHECK(out.discarded == std::vector<std::string>{"a"});
  }
}

TEST_CASE("one tick is pending, for the earliest deadline") {
  bench b;
  auto first = b.submit("a");
  REQUIRE(first.tick_at);
  CHECK(*first.tick_at >= b.now + 5s);
  CHECK(!b.submit("b").tick_at);
  auto x = b.request("c");
  x.queue_deadline = b.now + 1s;
  auto sooner = b.submit(x);
  REQUIRE(sooner.tick_at);
  CHECK(*sooner.tick_at < *first.tick_at);
}
