// One message to every worker of a pool: wpool's broadcast and broadcall.
#include "native_fixture.hpp"

using namespace charmer_tests;

namespace {

struct collected {
  gathered all;
  caf::error why;
};

collected ask_all(native_fixture& f, caf::message what,
                  call_options options = {}) {
  collected result;
  broadcall(f.self, f.pool, std::move(what), std::move(options))
      .receive([&](gathered& x) { result.all = std::move(x); },
               [&](caf::error& e) { result.why = std::move(e); });
  return result;
}

} // namespace

TEST_CASE("a broadcast reaches all 19 workers") {
  native_fixture f{lab(19)};
  std::mutex mutex;
  std::set<caf::actor_id> reached;
  broadcast(f.pool, caf::make_message(job{[&](caf::event_based_actor* self) {
              std::lock_guard guard{mutex};
              reached.insert(self->id());
            }}));
  CHECK(f.eventually([](auto& x) { return x.counts.replied == 19; }));
  CHECK(reached.size() == 19);
  std::uint64_t count = 0;
  broadcast(f.self, f.pool, work())
      .receive([&](std::uint64_t x) { count = x; }, [](caf::error&) {});
  CHECK(count == 19);
}

TEST_CASE("a broadcast goes before what waits") {
  native_fixture f{lab(1)};
  std::vector<int> order;
  f.occupy(1);
  CHECK(!f.cast(work([&] { order.push_back(2); })));
  CHECK(!f.cast(work([&] { order.push_back(3); }), {.strategy = next_worker}));
  broadcast(f.pool, work([&] { order.push_back(1); }));
  CHECK(f.stats().counts.waiting == 3);
  f.door.open();
  CHECK(f.comes_to(1, 0, 0));
  CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE("a broadcall collects one reply of each worker") {
  native_fixture f{lab(19)};
  auto got = ask_all(f, work());
  CHECK(!got.why);
  CHECK(got.all.errors.empty());
  CHECK(got.all.replies.size() == 19);
  std::set<std::string> names;
  std::set<std::uint64_t> ids;
  for (auto& x : got.all.replies) {
    names.insert(x.worker);
    REQUIRE(x.value.match_elements<std::uint64_t>());
    ids.insert(x.value.get_as<std::uint64_t>(0));
  }
  CHECK(names.size() == 19);
  CHECK(ids.size() == 19);
}

TEST_CASE("workers that die of a broadcall are errors, the others replies") {
  native_fixture f{lab(6)};
  std::atomic<int> turn{0};
  auto got = ask_all(f, work([&] {
                       if (++turn % 2 == 0)
                         throw std::runtime_error("every second one");
                     }));
  CHECK(!got.why);
  CHECK(got.all.replies.size() == 3);
  CHECK(got.all.errors.size() == 3);
  for (auto& x : got.all.errors)
    CHECK(x.why);
  CHECK(f.comes_to(6, 0, 0));
}

TEST_CASE("workers that are killed while they hold a broadcall are errors") {
  register_native("every_second", [](caf::actor_system& sys) {
    static std::atomic<int> count = 0;
    auto answers = ++count % 2 == 0;
    return sys.spawn([=](caf::event_based_actor* self) -> caf::behavior {
      replace_default_handlers(self);
      auto held = std::make_shared<std::vector<caf::response_promise>>();
      return {[=](job& x) -> caf::result<std::uint64_t> {
        x.run(self);
        if (answers)
          return std::uint64_t{self->id()};
        held->push_back(self->make_response_promise());
        return caf::delegated<std::uint64_t>{};
      }};
    });
  });
  auto x = lab(6);
  x.adapter = "every_second";
  native_fixture f{x};
  f.door.open();
  auto asked = broadcall(f.self, f.pool, wait_at(f.door));
  REQUIRE(f.door.wait_for(6));
  REQUIRE(f.comes_to(3, 3, 0));
  std::set<std::string> doomed;
  for (auto& w : f.stats().workers)
    if (w.running != 0)
      doomed.insert(w.worker);
  auto living = *f.app->workers();
  for (auto& w : living)
    if (doomed.count(w.worker) != 0)
      kill(f.self->address(), w.handle);
  asked.receive(
      [&](gathered& got) {
        CHECK(got.replies.size() == 3);
        CHECK(got.errors.size() == 3);
        for (auto& e : got.errors) {
          CHECK(e.why == pool_errc::worker_died);
          CHECK(doomed.count(e.worker) == 1);
        }
      },
      [](caf::error& e) { FAIL(describe(e)); });
  CHECK(f.events.wait_for("charmer.worker.terminated", 3));
  CHECK(f.eventually([](auto& s) {
    return std::count_if(s.workers.begin(), s.workers.end(),
                         [](auto& w) { return w.state == worker_state::ready; })
           == 6;
  }));
}

TEST_CASE("with one that takes too long the whole broadcall has timed out") {
  native_fixture f{lab(4)};
  std::atomic<int> turn{0};
  auto got = ask_all(f, work([&] {
                       if (++turn == 2)
                         f.door.pass();
                     }),
                     {.timeout = 200ms});
  CHECK(got.why == pool_errc::exec_timeout);
  CHECK(f.stats().counts.replied == 3);
}

TEST_CASE("a busy worker that cannot begin in time counts as timed out") {
  native_fixture f{lab(2)};
  f.occupy(1);
  auto got = ask_all(f, work(), {.queue_timeout = 100ms});
  CHECK(got.why == pool_errc::wait_timeout);
}

TEST_CASE("what no worker understands comes back as errors") {
  native_fixture f{lab(3)};
  auto got = ask_all(f, caf::make_message(std::string{"no job"}));
  CHECK(!got.why);
  CHECK(got.all.replies.empty());
  CHECK(got.all.errors.size() == 3);
  CHECK(f.comes_to(3, 0, 0));
}

TEST_CASE("what no worker takes is answered with the reason") {
  auto x = lab(2);
  x.max_queue_size = 1;
  native_fixture f{x};
  f.occupy(2);
  auto sent_to = [&] {
    std::pair<std::uint64_t, caf::error> result;
    broadcast(f.self, f.pool, work())
        .receive([&](std::uint64_t n) { result.first = n; },
                 [&](caf::error& e) { result.second = std::move(e); });
    return result;
  };
  CHECK(sent_to().first == 2);
  CHECK(sent_to().second == pool_errc::queue_full);
}

TEST_CASE("to a pool without workers nothing is sent, and that is told") {
  auto x = lab(0);
  x.max_overflow = 1;
  native_fixture f{x};
  CHECK(ask_all(f, work()).why == pool_errc::no_available_worker);
  caf::error why;
  broadcast(f.self, f.pool, work())
      .receive([](std::uint64_t) { FAIL("there was a worker"); },
               [&](caf::error& e) { why = std::move(e); });
  CHECK(why == pool_errc::no_available_worker);
  f.app->stop();
  CHECK(ask_all(f, work()).why == pool_errc::shutting_down);
}
