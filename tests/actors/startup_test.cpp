// How pools get their workers: so many at once, and each pool for itself.
#include "pool_fixture.hpp"

#include "charmer/actors/task.hpp"
#include "charmer/profiles/native_profile.hpp"

#include <limits>
#include <map>

using namespace charmer_tests;

namespace {

// Workers that wait, starting, until they are let. What they are told they
// answer with 1.
class nursery : public worker_profile {
public:
  caf::expected<caf::actor> start_worker(caf::actor_system& sys,
                                         worker_start what) override {
    auto host = what.host;
    auto who = sys.spawn([host](caf::event_based_actor* self) -> caf::behavior {
      replace_default_handlers(self);
      self->set_exit_handler([=](caf::exit_msg& x) {
        host->retiring();
        self->quit(x.reason);
      });
      return {[=](caf::ok_atom) { host->ready({.handle = caf::actor{self}}); },
              [](const std::string&) { return 1; }};
    });
    on_exit(who, [this, host, id = who.id()](const caf::error& why) {
      leave(id);
      host->died({make_error(pool_errc::worker_died, std::string{"gone"}),
                  why == caf::exit_reason::user_shutdown});
    });
    std::lock_guard guard{mutex_};
    starting_.emplace(who.id(), who);
    all_.emplace(who.id(), who);
    most_ = std::max(most_, starting_.size());
    return who;
  }

  std::uint32_t get_capacity(const pool_settings&) const override { return 1; }

  std::size_t starting() {
    std::lock_guard guard{mutex_};
    return starting_.size();
  }

  /// The most that were starting at once.
  std::size_t most() {
    std::lock_guard guard{mutex_};
    return most_;
  }

  /// One more is ready. False: none is starting.
  bool let_one() {
    std::lock_guard guard{mutex_};
    if (starting_.empty())
      return false;
    caf::anon_send(starting_.begin()->second, caf::ok_atom_v);
    starting_.erase(starting_.begin());
    return true;
  }

  void kill_all() {
    std::map<caf::actor_id, caf::actor> all;
    {
      std::lock_guard guard{mutex_};
      all = all_;
    }
    for (auto& [id, who] : all)
      caf::anon_send_exit(who, caf::exit_reason::kill);
  }

private:
  void leave(caf::actor_id id) {
    std::lock_guard guard{mutex_};
    starting_.erase(id);
    all_.erase(id);
  }

  std::mutex mutex_;
  std::map<caf::actor_id, caf::actor> starting_;
  std::map<caf::actor_id, caf::actor> all_;
  std::size_t most_ = 0;
};

// Says nothing of its workers.
class tight_lipped : public nursery {
public:
  std::uint32_t get_load(const worker_view&) const override { silence(); }
  std::uint64_t get_memory(const worker_info&) const override { silence(); }
  worker_metadata get_metadata(const worker_view&) const override { silence(); }

  std::optional<health_question>
  health_check(const worker_view&) const override {
    silence();
  }

private:
  [[noreturn]] static void silence() { throw std::runtime_error{"no comment"}; }
};

// Registered under its own name, and never removed.
struct kindergarten {
  explicit kindergarten(
      const std::string& name, std::uint32_t size,
      std::shared_ptr<nursery> who = std::make_shared<nursery>())
      : profile(std::move(who)) {
    register_profile(name, profile);
    pool.name = name;
    pool.profile = name;
    pool.size = size;
    pool.restart_backoff = {.minimum = 10ms, .maximum = 50ms};
  }

  std::shared_ptr<nursery> profile;
  pool_settings pool;
};

// Several pools.
struct town {
  explicit town(std::vector<pool_settings> pools) : self(sys) {
    auto started = start(sys, settings{.pools = std::move(pools)});
    REQUIRE_MESSAGE(started,
                    describe(started ? caf::error{} : started.error()));
    app.emplace(std::move(*started));
  }

  std::size_t ready(const std::string& pool) {
    return app->workers(pool)->size();
  }

  // Polls until it holds.
  bool eventually(const std::function<bool()>& holds) {
    auto end = std::chrono::steady_clock::now() + limit;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end)
        return false;
      self->receive(caf::after(1ms) >> [] {});
    }
    return true;
  }

  // Lets one after the other be ready until so many are. Whether they become
  // that many.
  bool grow_up(kindergarten& x, std::size_t count) {
    auto left = count == x.pool.size ? std::numeric_limits<std::size_t>::max()
                                     : count - ready(x.pool.name);
    return eventually([&] {
      if (left > 0 && x.profile->let_one())
        --left;
      return ready(x.pool.name) == count;
    });
  }

  config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self;
  std::optional<runtime> app;
};

} // namespace

TEST_CASE("a hundred workers are started in batches, and again after all of "
          "them have died") {
  kindergarten children{"hundred", 100};
  children.pool.start_batch = 8;
  town t{{children.pool}};
  CHECK(t.eventually([&] { return children.profile->starting() == 8; }));
  CHECK(t.grow_up(children, 100));
  CHECK(children.profile->most() == 8);
  children.profile->kill_all();
  CHECK(t.eventually([&] { return t.ready("hundred") == 0; }));
  CHECK(t.grow_up(children, 100));
  CHECK(children.profile->most() == 8);
}

TEST_CASE("a profile that throws is told as such, and keeps nobody from being "
          "looked after") {
  kindergarten silent{"silent", 1, std::make_shared<tight_lipped>()};
  silent.pool.health_interval = 20ms;
  silent.pool.heartbeat = 20ms;
  silent.pool.memory_limit = 1 << 30;
  auto other = native_pool("other");
  register_native("idler", [](caf::actor_system& sys) {
    return caf::actor{
        sys.spawn([]() -> caf::behavior { return {[](int x) { return x; }}; })};
  });
  other.adapter = "idler";
  other.size = 1;
  other.ttl = 100ms;
  town t{{silent.pool, other}};
  auto heard = std::make_shared<recorder>();
  t.app->observe([heard](const event& e) { heard->add(e); },
                 {.at_least = severity::trace});
  CHECK(t.grow_up(silent, 1));
  CHECK(heard->wait_for("charmer.worker.recycled", 3));
  for (auto question : {"get_load", "get_memory", "health_check"})
    CHECK(heard->wait_for([&](const event& e) {
      return e.name == "charmer.profile.failed"
             && e.text.find(question) != std::string::npos
             && e.text.find("no comment") != std::string::npos;
    }));
  CHECK(t.app->stats("silent"));
  CHECK(t.app->metadata("silent")->at(0).worker == "worker-1");
}

TEST_CASE("a profile whose workers can do nothing is refused") {
  struct idle : nursery {
    std::uint32_t get_capacity(const pool_settings&) const override {
      return 0;
    }
  };
  kindergarten children{"idle", 1, std::make_shared<idle>()};
  config cfg;
  caf::actor_system sys{cfg};
  auto app = start(sys, settings{.pools = {children.pool}});
  REQUIRE(!app);
  CHECK(app.error() == pool_errc::invalid_settings);
  CHECK(describe(app.error()).find("get_capacity") != std::string::npos);
}

TEST_CASE("processes are started in batches") {
  std::atomic<int> starting = 0;
  std::atomic<int> most = 0;
  config cfg;
  caf::actor_system sys{cfg};
  auto x = shop(12);
  x.start_batch = 3;
  handler_spec counting;
  counting.name = "counting";
  counting.on_event = [&](const event& e) {
    if (e.name == "charmer.worker.spawned")
      most = std::max<int>(most, ++starting);
    else if (e.name == "charmer.worker.ready")
      --starting;
  };
  auto app = start(sys, settings{.pools = {x}}, {counting});
  REQUIRE(app);
  CHECK(!app->await_all(limit));
  CHECK(!app->stop());
  CHECK(most == 3);
  CHECK(starting == 0);
}

TEST_CASE("await_ready waits for the first worker of each pool, await_all for "
          "all") {
  kindergarten first{"first", 2};
  kindergarten second{"second", 2};
  town t{{first.pool, second.pool}};
  CHECK(t.app->await_ready(50ms) == pool_errc::start_failed);
  CHECK(t.grow_up(first, 1));
  auto why = t.app->await_ready(50ms);
  CHECK(failure_of(why).pool == "second");
  CHECK(t.grow_up(second, 1));
  CHECK(!t.app->await_ready(limit));
  CHECK(t.ready("first") == 1);
  CHECK(t.app->await_all(50ms) == pool_errc::start_failed);
  CHECK(t.grow_up(first, 2));
  CHECK(t.grow_up(second, 2));
  CHECK(!t.app->await_all(limit));
}

TEST_CASE("of two pools one is broken: it is named, and the other serves") {
  auto broken = shop(1);
  broken.name = "broken"; // comes first
  broken.adapter = "no_such_module";
  auto good = shop(1);
  good.name = "good";
  good.adapter = "crowd:Crowd";
  good.adapter_options = R"({"start_seconds": 1})";
  town t{{broken, good}};
  auto why = t.app->await_ready(limit);
  CHECK(why == pool_errc::start_failed);
  CHECK(failure_of(why).pool == "broken");
  CHECK(describe(why).find("no_such_module") != std::string::npos);
  // Whoever hears that knows that the others need not be waited for.
  CHECK(t.ready("good") == 1);
  std::string answer;
  charmer::call(t.self, *t.app->pool("good"), "sleep", {{"seconds", 0}})
      .receive([&](const reply& x) { answer = x.text(); },
               [](caf::error& e) { FAIL(describe(e)); });
  CHECK(answer == "0");
  charmer::call(t.self, *t.app->pool("broken"), "sleep", {{"seconds", 0}})
      .receive([](const reply&) { FAIL("there is nobody"); },
               [](caf::error& e) { CHECK(e == pool_errc::pool_degraded); });
}

TEST_CASE("a pool that becomes smaller before it was full is initialised") {
  kindergarten children{"shrinking", 4};
  town t{{children.pool}};
  std::atomic<int> told = 0;
  t.app->observe([&](const event&) { ++told; },
                 {.name = "charmer.pool.initialised"});
  CHECK(t.grow_up(children, 2));
  CHECK(t.app->resize("shrinking", 2));
  CHECK(t.eventually([&] { return told == 1; }));
  CHECK(!t.app->stop());
  CHECK(told == 1);
}
