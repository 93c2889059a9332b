// Many callers, while workers, queue manager, pool and task monitor are killed
// at random: nothing is lost, nothing is answered twice, the books balance.
//
// Repeat a run with CHARMER_SEED=n.
#include "pool_fixture.hpp"

#include "../seed_of_run.hpp"

#include "charmer/profiles/native_profile.hpp"
#include "charmer/supervision/messages.hpp"

#include <map>
#include <random>
#include <thread>

using namespace charmer_tests;

namespace {

struct tally {
  pool_handle pool;
  std::atomic<int> replies = 0;
  std::atomic<int> errors = 0;
  std::atomic<int> surprises = 0;
  std::mutex mutex;
  std::map<std::string, int> by_code;

  void fail(const caf::error& e) {
    ++errors;
    std::lock_guard guard{mutex};
    ++by_code[describe(e).substr(0, describe(e).find(':'))];
  }
};

struct caller_state {
  int left = 0;
  int open = 0;
  std::mt19937_64 random;
};

using caller = caf::stateful_actor<caller_state>;

// Keeps a few calls open until all have their outcome, then ends.
template <class Call>
void step(caller* self, tally* t, Call call) {
  auto& st = self->state;
  while (st.left > 0 && st.open < 8) {
    --st.left;
    ++st.open;
    auto done = [=] {
      --self->state.open;
      step(self, t, call);
    };
    call(self, t, done);
  }
  if (st.left == 0 && st.open == 0)
    self->quit();
}

template <class Call>
void run_callers(pool_fixture& f, tally& t, int callers, int each,
                 std::uint64_t seed, Call call) {
  for (int i = 0; i < callers; ++i)
    f.self->spawn<caf::monitored>([=, &t](caller* self) -> caf::behavior {
      self->state.left = each;
      self->state.random.seed(seed + static_cast<std::uint64_t>(i));
      self->send(self, 0);
      return {[=, &t](int) { step(self, &t, call); }};
    });
  for (int i = 0; i < callers; ++i) {
    auto down = false;
    f.self->receive([&](const caf::down_msg&) { down = true; },
                    caf::after(limit) >> [] {});
    REQUIRE_MESSAGE(down, "a caller still waits for an outcome");
  }
}

// The actors of the pool's tree but its worker supervisor.
class assassin {
public:
  explicit assassin(pool_fixture& f) : f_(f), self_(f.sys) {
    for (auto& x : children(f.app->supervisor()))
      if (x.id == "pool default")
        pool_supervisor_ = x.handle;
    for (auto& x : children(pool_supervisor_))
      if (x.id == "workers")
        worker_supervisor_ = x.handle;
  }

  // Kills one of the parts, or a worker.
  void strike(std::mt19937_64& random) {
    auto victims = children(pool_supervisor_);
    std::erase_if(victims, [](auto& x) { return x.id == "workers"; });
    if (random() % 2 == 0)
      victims = children(worker_supervisor_);
    if (victims.empty())
      return;
    auto& victim = victims[random() % victims.size()];
    if (!victim.handle)
      return;
    // Half of the workers die as processes do.
    auto pid = random() % 2 == 0 ? pid_of(victim.id) : 0;
    if (pid != 0)
      kill(pid, SIGKILL);
    else
      caf::anon_send_exit(victim.handle, caf::exit_reason::kill);
    ++strikes;
  }

  int strikes = 0;

private:
  std::vector<child_info> children(const caf::actor& of) {
    std::vector<child_info> result;
    self_->request(of, 10s, which_children_atom_v)
        .receive([&](std::vector<child_info>& xs) { result = std::move(xs); },
                 [](caf::error&) {});
    return result;
  }

  // From the last event that told it.
  pid_t pid_of(const std::string& worker) {
    pid_t result = 0;
    for (auto& x : f_.events.all())
      if (x.name == "charmer.worker.ready" && x.child == worker
          && x.details.count("pid") == 1)
        result = std::stoi(x.details.at("pid"));
    return result;
  }

  pool_fixture& f_;
  caf::scoped_actor self_;
  caf::actor pool_supervisor_;
  caf::actor worker_supervisor_;
};

template <class Call>
void survive(pool_settings x, int callers, int each, timespan pause,
             Call call) {
  auto seed = seed_of_run();
  CAPTURE(seed);
  x.intensity = 1'000'000;
  x.pool_sup_intensity = 1'000'000;
  x.restart_backoff = {.minimum = 1ms, .maximum = 5ms};
  pool_fixture f{x};
  tally t;
  t.pool = f.pool;
  std::atomic<bool> stop = false;
  std::atomic<bool> balanced = true;
  auto strikes = 0;
  std::thread chaos{[&] {
    std::mt19937_64 random{seed};
    assassin killer{f};
    while (!stop) {
      killer.strike(random);
      balanced = balanced && f.stats().counts.balanced();
      std::this_thread::sleep_for(pause); // paces the load, waits for nothing
    }
    strikes = killer.strikes;
  }};
  run_callers(f, t, callers, each, seed, call);
  stop = true;
  chaos.join();
  CHECK(f.eventually([&](auto& s) {
    return s.counts.running == 0 && s.workers.size() == x.size;
  }));
  auto counts = f.stats().counts;
  MESSAGE(strikes, " kills, ", t.replies.load(), " replies, ", t.errors.load(),
          " errors, requeued ", counts.requeued, ", retried ", counts.retried,
          ", stale ", counts.stale);
  for (auto& [code, n] : t.by_code)
    MESSAGE(code, " ", n);
  CHECK(strikes > 0);
  CHECK(balanced);
  CHECK(counts.balanced());
  CHECK(counts.waiting == 0);
  CHECK(t.surprises == 0);
  CHECK(t.replies + t.errors == callers * each);
  CHECK(counts.accepted + counts.refused
        == static_cast<std::uint64_t>(callers) * each);
}

} // namespace

TEST_CASE("Python workers: every request has one outcome under random kills") {
  auto x = shop(3);
  x.idempotent = {"add"};
  x.poison_after = 100;
  survive(x, 16, 500, 5ms, [](caller* self, tally* t, auto done) {
    auto a = static_cast<int>(self->state.random() % 1000);
    charmer::call(self, t->pool, "add", {{"a", a}, {"b", 1}})
        .then(
            [=](const reply& r) {
              ++t->replies;
              if (r.json() != a + 1)
                ++t->surprises;
              done();
            },
            [=](caf::error& e) {
              t->fail(e);
              done();
            });
  });
}

TEST_CASE("native workers: every request has one outcome under random kills") {
  register_native("increment", [](caf::actor_system& sys) {
    return caf::actor{sys.spawn([](caf::event_based_actor* self) {
      self->set_default_handler(caf::drop);
      return caf::behavior{[](int x) { return x + 1; }};
    })};
  });
  pool_settings x;
  x.profile = "native";
  x.adapter = "increment";
  x.size = 4;
  survive(x, 16, 10'000, 1ms, [](caller* self, tally* t, auto done) {
    auto a = static_cast<int>(self->state.random() % 1000);
    self->request(t->pool.actor(), caf::infinite, a)
        .then(
            [=](int r) {
              ++t->replies;
              if (r != a + 1)
                ++t->surprises;
              done();
            },
            [=](caf::error& e) {
              t->fail(e);
              done();
            });
  });
}
