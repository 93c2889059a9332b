// The table of events against what is really told: everything in it happens
// here, and nothing happens that is not in it.
#include "native_fixture.hpp"
#include "scratch_file.hpp"

#include "charmer/actors/collections.hpp"
#include "charmer/actors/event_table.hpp"
#include "charmer/profiles/process_profile.hpp"
#include "charmer/supervision/supervisor.hpp"

#include <set>

using namespace charmer_tests;

namespace {

// What has been told, in all scenes together.
struct told {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, int> names;
  std::set<std::string> fields;  // "name: field"
  std::set<std::string> strange; // names and fields that the table lacks

  void hear(const event& x) {
    std::lock_guard guard{mutex};
    ++names[x.name];
    changed.notify_all();
    auto kind = find_event_kind(x.name);
    if (!kind) {
      strange.insert(x.name);
      return;
    }
    auto has = [&](const std::string& field) {
      auto in = [&](auto& list) {
        return std::find(list.begin(), list.end(), field) != list.end();
      };
      return in(kind->measurements) || in(kind->metadata);
    };
    // What is a member of each event.
    auto note = [&](const char* field, bool there) {
      if (there)
        fields.insert(x.name + ": " + field);
    };
    note("path", !x.path.empty());
    note("child", !x.child.empty());
    note("restarts", true);
    note("attempt", true);
    note("delay", true);
    note("uptime", true);
    note("reason", !!x.reason);
    for (auto& [field, value] : x.details)
      fields.insert(x.name + ": " + field);
    for (auto& [field, value] : x.details)
      if (!has(field))
        strange.insert(x.name + ": " + field);
    if (x.level < kind->at_least)
      strange.insert(x.name + ": level " + to_string(x.level));
  }

  bool wait_for(const std::string& name) {
    std::unique_lock guard{mutex};
    auto before = names[name];
    auto seen = before != 0 || changed.wait_for(guard, limit, [&] {
      return names[name] != 0;
    });
    CHECK_MESSAGE(seen, name << " was not told");
    return seen;
  }
};

using told_ptr = std::shared_ptr<told>;

handler_spec hearing(const told_ptr& x) {
  return {.name = "told",
          .filter = {.at_least = severity::trace},
          .on_event = [x](const event& e) { x->hear(e); },
          .capacity = 1 << 20};
}

// One application, of which everything is told from its first event on.
class scene {
public:
  scene(told_ptr x, pool_settings pool, bool wait = true)
      : heard(std::move(x)), sys(cfg), self(sys) {
    settings all;
    all.pools = {std::move(pool)};
    auto started = start(sys, std::move(all), {hearing(heard)});
    REQUIRE_MESSAGE(started,
                    describe(started ? caf::error{} : started.error()));
    app.emplace(std::move(*started));
    pool_ = *app->pool();
    if (wait)
      REQUIRE(!app->await_all(limit));
  }

  auto begin(std::string command, arguments args = {},
             call_options options = {}) {
    options.correlation = "of the test";
    return charmer::call(self, pool_, std::move(command), std::move(args),
                         std::move(options));
  }

  caf::error call(std::string command, arguments args = {},
                  call_options options = {}) {
    caf::error result;
    begin(std::move(command), std::move(args), std::move(options))
        .receive([](const reply&) {},
                 [&](caf::error& e) { result = std::move(e); });
    return result;
  }

  void cast(std::string command, arguments args = {},
            call_options options = {}) {
    options.correlation = "of the test";
    charmer::cast(pool_, charmer::command(std::move(command), std::move(args)),
                  std::move(options));
  }

  bool eventually(const std::function<bool(const pool_stats&)>& wanted) {
    auto end = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < end) {
      if (wanted(*app->stats()))
        return true;
      self->receive(caf::after(2ms) >> [] {});
    }
    return false;
  }

  told_ptr heard;
  config cfg;
  caf::actor_system sys;
  caf::scoped_actor self;
  std::optional<runtime> app;
  pool_handle pool_;
};

pool_settings teller(const scratch_file& mood) {
  auto x = shop(1);
  x.adapter = "teller:Teller";
  x.adapter_options = R"({"mood": ")" + mood.path + "\"}";
  return x;
}

void a_day_without_mishaps(const told_ptr& heard) {
  scratch_file mood;
  auto x = teller(mood);
  x.heartbeat = 20ms;
  scene s{heard, x};
  CHECK(!s.call("log", {{"text", "hello"}}));
  CHECK(!s.call("gil_is_back"));
  CHECK(!s.app->recycle_worker("default", "worker-1"));
  CHECK(s.app->resize("default", 2));
  for (auto name : {"charmer.pool.initialised", "charmer.worker.log",
                    "charmer.worker.gil_enabled", "charmer.worker.recycled",
                    "charmer.worker.heartbeat", "charmer.request.dispatched",
                    "charmer.request.executed", "charmer.pool.resized"})
    heard->wait_for(name);
}

void a_worker_that_is_not_well(const told_ptr& heard) {
  scratch_file mood;
  auto x = teller(mood);
  x.health_interval = 20ms;
  x.health_failures = 1'000'000;
  scene s{heard, x};
  mood.write("ill");
  heard->wait_for("charmer.worker.health_check_failed");
  mood.write("will not start");
  CHECK(s.app->recycle_worker("default", "worker-1")
        == pool_errc::start_failed);
  heard->wait_for("charmer.worker.recycle_failed");
}

void calls_without_end(const told_ptr& heard) {
  scratch_file signal;
  auto x = shop(1);
  x.adapter = "crowd:Crowd";
  x.ttl = 100ms;
  scene s{heard, x};
  for (int i = 0; i < 2; ++i) // the second one in the successor
    s.cast("until", {{"path", signal.path}}, {.timeout = infinite});
  heard->wait_for("charmer.worker.recycle_delayed");
  signal.write("go on");
}

void too_much_to_do(const told_ptr& heard) {
  auto x = shop(1);
  x.max_queue_size = 1;
  x.overrun_warning = 10ms;
  scene s{heard, x};
  s.cast("sleep", {{"seconds", 1}});
  CHECK(s.eventually([](auto& p) { return p.counts.running == 1; }));
  s.cast("add", {{"a", 1}, {"b", 1}}, {.queue_timeout = 300ms});
  CHECK(s.call("ping") == pool_errc::queue_full);
  for (auto name : {"charmer.pool.capacity_reached", "charmer.pool.saturated",
                    "charmer.pool.queue_timeout", "charmer.worker.overrun"})
    heard->wait_for(name);
}

void requests_that_nobody_wants(const told_ptr& heard) {
  auto x = shop(1);
  x.cancel_grace = 20s;
  scene s{heard, x};
  CHECK(s.call("wait_for_cancel", {}, {.timeout = 50ms})
        == pool_errc::exec_timeout);
  heard->wait_for("charmer.request.stale");
  auto running = s.begin("wait_for_cancel");
  running.cancel();
  running.receive([](const reply&) {}, [](caf::error&) {});
  s.cast("fail", {{"text", "nobody hears"}});
  heard->wait_for("charmer.request.cancelled");
  heard->wait_for("charmer.request.failed");
}

void deaths(const told_ptr& heard) {
  auto x = shop(1);
  x.prefetch = 1s;
  x.intensity = 2;
  x.restart_backoff = {.minimum = 10ms, .maximum = 50ms};
  scene s{heard, x};
  // Retried, then quarantined, then degraded.
  auto poisoned = s.call("poison");
  CHECK_MESSAGE(poisoned == pool_errc::poisoned, describe(poisoned));
  CHECK(s.eventually([](auto& p) {
    return p.workers.size() == 1 && p.workers[0].state == worker_state::ready;
  }));
  for (int i = 0; i < 5; ++i)
    CHECK(!s.call("sleep", {{"seconds", 0}}));
  auto victim = s.app->metadata()->at(0).pid;
  s.cast("sleep", {{"seconds", 600}});
  s.cast("sleep", {{"seconds", 0}}); // lies behind the first one
  // The first one has begun, too.
  CHECK(s.eventually([&](auto& p) {
    auto all = s.app->metadata();
    return p.workers.at(0).ahead == 1 && all->at(0).load == 1;
  }));
  kill(static_cast<pid_t>(victim), SIGKILL);
  auto why = s.call("print", {{"text", "hello"}});
  CHECK_MESSAGE(!why, describe(why));
  for (auto name : {"charmer.request.retried", "charmer.request.quarantined",
                    "charmer.request.requeued", "charmer.pool.degraded",
                    "charmer.pool.recovered", "charmer.worker.stderr"})
    heard->wait_for(name);
}

void last_words(const told_ptr& heard) {
  scene s{heard, shop(1)};
  CHECK(s.call("speak_and_die", {{"lines", 5000}}) == pool_errc::worker_died);
  heard->wait_for("charmer.worker.output_dropped");
}

void functions_that_do_not_return(const told_ptr& heard) {
  gate door;
  auto x = shop(1);
  x.adapter = "streams:Streams";
  scene s{heard, x};
  s.app->register_function("waits", [&](const host_call&) -> host_answer {
    door.pass();
    return nullptr;
  });
  CHECK(!s.call("ask_in_vain", {{"function", "waits"}, {"n", 256}}));
  CHECK(!s.call("ask_until_refused", {{"function", "waits"}}));
  heard->wait_for("charmer.worker.host_calls_stuck");
  door.open();
}

void a_pool_that_gives_up(const told_ptr& heard) {
  auto x = shop(1);
  x.breaker = {.enabled = true, .consecutive = 2, .cooldown = 20ms};
  scene s{heard, x};
  for (int i = 0; i < 2; ++i)
    CHECK(s.call("fail", {{"text", "no"}}) == pool_errc::python_exception);
  heard->wait_for("charmer.breaker.opened");
  CHECK(s.eventually([&](auto&) {
    return !s.call("add", {{"a", 1}, {"b", 1}});
  }));
  heard->wait_for("charmer.breaker.closed");
}

void native_workers(const told_ptr& heard) {
  register_strategy("confused", [](auto&, auto&) -> caf::actor {
    throw std::runtime_error("no idea");
  });
  gate door;
  auto x = lab(1);
  x.cancel_grace = 10ms;
  scene s{heard, x};
  auto run = [&](caf::message what, call_options how) {
    charmer::cast(s.self, s.pool_, std::move(what), std::move(how))
        .receive([] {}, [](caf::error&) {});
  };
  run(work(), {.strategy = custom_worker("confused")});
  heard->wait_for("charmer.strategy.failed");
  run(wait_at(door), {.timeout = 50ms});
  heard->wait_for("charmer.worker.abandoned");
  door.open();
}

struct no_memory : ordered_callers {
  std::optional<waiting_caller> pop() override {
    throw std::runtime_error{"who?"};
  }
};

void a_collection_that_fails(const told_ptr& heard) {
  register_callers("no_memory", [] { return std::make_unique<no_memory>(); });
  auto x = lab(1);
  x.waiting_callers_impl = "no_memory";
  scene s{heard, x};
  charmer::cast(s.self, s.pool_, work()).receive([] {}, [](caf::error&) {});
  heard->wait_for("charmer.collection.failed");
}

void a_profile_that_fails(const told_ptr& heard) {
  struct forgetful : process_profile {
    std::uint64_t get_memory(const worker_info&) const override {
      throw std::runtime_error{"where was I?"};
    }
  };
  register_profile("forgetful", std::make_shared<forgetful>());
  auto x = shop(1);
  x.profile = "forgetful";
  scene s{heard, x};
  heard->wait_for("charmer.profile.failed");
}

caf::actor spawn_stubborn(caf::actor_system& sys, gate& where) {
  return sys.spawn<caf::detached>(
      [&](caf::event_based_actor* self) -> caf::behavior {
        replace_default_handlers(self);
        self->send(self, 1);
        return {[&](int) { where.pass(); }};
      });
}

caf::actor spawn_sulky(caf::actor_system& sys) {
  return sys.spawn([](caf::event_based_actor* self) -> caf::behavior {
    replace_default_handlers(self);
    self->set_exit_handler(
        [=](caf::exit_msg&) { self->quit(caf::sec::bad_function_call); });
    return {[](int) {}};
  });
}

void supervisors(const told_ptr& heard) {
  gate door;
  config cfg;
  caf::actor_system sys{cfg};
  auto hub = std::make_shared<event_hub>(sys);
  REQUIRE(!hub->add(hearing(heard)));
  supervisor_spec spec;
  spec.name = "root";
  spec.events = hub;
  spec.kill_grace = 20ms;
  auto child = [&](std::string id, auto spawn) {
    child_spec x;
    x.id = std::move(id);
    x.stop = shutdown::after(20ms);
    x.start = [=, &sys](const start_context&) -> caf::expected<started> {
      return started{spawn(sys)};
    };
    return x;
  };
  spec.children = {
      child("stubborn",
            [&door](caf::actor_system& s) { return spawn_stubborn(s, door); }),
      child("sulky", spawn_sulky)};
  auto root = start_supervisor(sys, std::move(spec));
  REQUIRE(root);
  CHECK(door.wait_for(1));
  caf::anon_send_exit(*root, caf::exit_reason::user_shutdown);
  heard->wait_for(std::string{event_name::child_abandoned});
  heard->wait_for(std::string{event_name::shutdown_error});
  heard->wait_for(std::string{event_name::supervisor_stopped});
  door.open();
}

void handlers_that_fail(const told_ptr& heard) {
  config cfg;
  caf::actor_system sys{cfg};
  auto hub = std::make_shared<event_hub>(sys);
  REQUIRE(!hub->add(hearing(heard)));
  auto slow = std::make_shared<gate>();
  REQUIRE(!hub->add({.name = "slow",
                     .filter = {.name = "test"},
                     .on_event = [slow](const event&) { slow->pass(); },
                     .capacity = 1,
                     .blocking = true}));
  REQUIRE(!hub->add(
      {.name = "broken",
       .filter = {.name = "test"},
       .on_event = [](const event&) { throw std::runtime_error("broken"); }}));
  for (int i = 0; i < 3; ++i)
    hub->notify({.name = "test"});
  heard->wait_for(std::string{event_name::handler_removed});
  heard->wait_for(std::string{event_name::handler_overflow});
  slow->open();
}

} // namespace

TEST_CASE("everything in the table of events happens, and nothing else does") {
  // Fields that no scene here brings about.
  const std::set<std::string> elsewhere{
      "charmer.worker.log: dropped_before",
      "charmer.worker.stderr: dropped_before",
      // Only of one that hung.
      "charmer.worker.terminated: command",
      // Its worker is gone, and the next one not known.
      "charmer.request.retried: worker_id",
      "charmer.request.retried: incarnation",
  };
  auto heard = std::make_shared<told>();
  a_day_without_mishaps(heard);
  a_worker_that_is_not_well(heard);
  calls_without_end(heard);
  too_much_to_do(heard);
  requests_that_nobody_wants(heard);
  deaths(heard);
  last_words(heard);
  functions_that_do_not_return(heard);
  a_pool_that_gives_up(heard);
  native_workers(heard);
  a_collection_that_fails(heard);
  a_profile_that_fails(heard);
  supervisors(heard);
  handlers_that_fail(heard);
  std::lock_guard guard{heard->mutex};
  heard->strange.erase("test");
  for (auto& x : heard->strange)
    CHECK_MESSAGE(false, "not in the table: " << x);
  for (auto& x : event_table()) {
    CAPTURE(x.name);
    CHECK(heard->names.count(std::string{x.name}) == 1);
    // What a child told at its end is not the same for all.
    if (x.name.starts_with("charmer.supervisor."))
      continue;
    for (auto* list : {&x.measurements, &x.metadata})
      for (auto& field : *list) {
        auto whole = std::string{x.name} + ": " + std::string{field};
        CHECK_MESSAGE(heard->fields.count(whole) + elsewhere.count(whole) == 1,
                      "not told, or told after all: " << whole);
      }
  }
}

TEST_CASE("the table of events says what each is, once") {
  std::set<std::string_view> names;
  for (auto& x : event_table()) {
    CAPTURE(x.name);
    CHECK(names.insert(x.name).second);
    CHECK(!x.when.empty());
    CHECK(find_event_kind(x.name) == &x);
    CHECK(event_table_text().find(x.name) != std::string::npos);
  }
  auto json = nlohmann::json::parse(event_table_json());
  CHECK(json.size() == event_table().size());
  CHECK(!find_event_kind("charmer.no.such"));
}
