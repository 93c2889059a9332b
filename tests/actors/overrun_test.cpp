// Tasks that run for long: wpool's overrun handlers. Times are real and short;
// they are bounded from below only, because a busy machine is late.
#include "native_fixture.hpp"

#include <iostream>
#include <streambuf>

using namespace charmer_tests;

namespace {

pool_settings watched(timespan warning, std::uint32_t most = 0) {
  auto x = lab(2);
  x.overrun_warning = warning;
  x.max_overrun_warnings = most;
  x.cancel_grace = 0s;
  return x;
}

// What a handler was told.
class reports {
public:
  auto handler() {
    return [this](const overrun& x) {
      std::lock_guard guard{mutex_};
      all_.push_back(x);
      changed_.notify_all();
    };
  }

  bool wait_for(std::size_t count) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, limit,
                             [&] { return all_.size() >= count; });
  }

  std::vector<overrun> all() {
    std::lock_guard guard{mutex_};
    return all_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<overrun> all_;
};

// What is written to stderr while it lives, by whichever thread.
class heard : std::streambuf {
public:
  heard() : before_(std::cerr.rdbuf(this)) {}
  ~heard() override { std::cerr.rdbuf(before_); }

  std::string text() {
    std::lock_guard guard{mutex_};
    return text_;
  }

private:
  std::streamsize xsputn(const char* s, std::streamsize n) override {
    std::lock_guard guard{mutex_};
    text_.append(s, static_cast<std::size_t>(n));
    return n;
  }

  int_type overflow(int_type c) override {
    std::lock_guard guard{mutex_};
    text_ += traits_type::to_char_type(c);
    return c;
  }

  std::mutex mutex_;
  std::string text_;
  std::streambuf* before_;
};

} // namespace

TEST_CASE("a task that runs for longer than the warning is reported once") {
  reports told;
  native_fixture f{watched(300ms)};
  REQUIRE(!f.app->add_overrun_handler("default", "test", told.handler()));
  auto x = f.ask(wait_at(f.door));
  REQUIRE(told.wait_for(1));
  f.door.open(); // before the second report, after 600 ms
  CHECK(f.answer(x));
  CHECK(f.call());
  auto all = told.all();
  REQUIRE(all.size() == 1);
  CHECK(all[0].alert == "overrun");
  CHECK(all[0].pool == "default");
  CHECK(all[0].worker.find("worker-") == 0);
  CHECK(all[0].runtime >= 300ms);
  CHECK(f.stats().counts.overruns == 1);
}

TEST_CASE("without a limit reports come at 1, 2 and 4 times the warning") {
  reports told;
  native_fixture f{watched(50ms)};
  REQUIRE(!f.app->add_overrun_handler("default", "test", told.handler()));
  auto x = f.ask(wait_at(f.door));
  REQUIRE(told.wait_for(3));
  f.door.open();
  CHECK(f.answer(x));
  auto all = told.all();
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(all[i].alert == "overrun");
    CHECK(all[i].runtime >= 50ms * (1 << i));
  }
}

TEST_CASE("with a limit of 2: one report, then the worker is replaced") {
  reports told;
  native_fixture f{watched(200ms, 2)};
  REQUIRE(!f.app->add_overrun_handler("default", "test", told.handler()));
  auto x = f.ask(wait_at(f.door));
  REQUIRE(told.wait_for(1));
  CHECK(f.stats().workers.size() == 2);
  REQUIRE(told.wait_for(2));
  CHECK(f.answer(x).why == pool_errc::exec_timeout);
  auto all = told.all();
  REQUIRE(all.size() == 2);
  CHECK(all[0].alert == "overrun");
  CHECK(all[1].alert == "max_overrun_limit");
  CHECK(all[1].runtime >= 400ms);
  CHECK(all[1].worker == all[0].worker);
  CHECK(f.comes_to(2, 0, 0));
  auto stats = f.stats();
  CHECK(stats.counts.expelled == 1);
  CHECK(stats.abandoned == 1);
  for (auto& e : f.events.all()) {
    CHECK(e.name != "charmer.supervisor.restart_intensity_reached");
    if (e.name == "charmer.worker.terminated")
      CHECK(e.details.at("planned") == "true");
  }
}

TEST_CASE("ending many that overran is no crash, and uses up no budget") {
  reports told;
  auto settings = watched(20ms, 1);
  settings.intensity = 2;
  settings.max_abandoned = 100;
  native_fixture f{settings};
  REQUIRE(!f.app->add_overrun_handler("default", "test", told.handler()));
  for (int i = 0; i < 10; ++i)
    CHECK(f.call(wait_at(f.door)).why == pool_errc::exec_timeout);
  REQUIRE(told.wait_for(10));
  CHECK(f.call());
  for (auto& e : f.events.all())
    CHECK(e.name != "charmer.supervisor.restart_intensity_reached");
}

TEST_CASE("a handler that blocks or throws delays and loses nothing") {
  reports told;
  gate stuck;
  native_fixture f{watched(30ms)};
  auto& app = *f.app;
  REQUIRE(!app.add_overrun_handler("default", "stuck",
                                   [&](const overrun&) { stuck.pass(); }));
  REQUIRE(!app.add_overrun_handler("default", "angry", [](const overrun&) {
    throw std::runtime_error("not again");
  }));
  REQUIRE(!app.add_overrun_handler("default", "calm", told.handler()));
  auto x = f.ask(wait_at(f.door));
  REQUIRE(told.wait_for(3));
  CHECK(stuck.arrived() == 1);
  CHECK(f.events.wait_for("charmer.events.handler_removed"));
  CHECK(f.call());
  f.door.open();
  CHECK(f.answer(x));
  stuck.open();
}

TEST_CASE("handlers come and go by name while the pool works") {
  reports first;
  reports second;
  native_fixture f{watched(30ms)};
  auto& app = *f.app;
  CHECK(!app.add_overrun_handler("default", "one", first.handler()));
  CHECK(app.add_overrun_handler("default", "one", second.handler())
        == pool_errc::already_started);
  auto x = f.ask(wait_at(f.door));
  REQUIRE(first.wait_for(1));
  CHECK(!app.add_overrun_handler("default", "two", second.handler()));
  REQUIRE(second.wait_for(1));
  CHECK(!app.remove_overrun_handler("default", "one"));
  CHECK(app.remove_overrun_handler("default", "one")
        == pool_errc::no_such_pool);
  f.door.open();
  CHECK(f.answer(x));
}

TEST_CASE("what waits is no overrun") {
  reports told;
  auto settings = watched(300ms);
  settings.size = 1;
  native_fixture f{settings};
  REQUIRE(!f.app->add_overrun_handler("default", "test", told.handler()));
  auto first = f.ask(wait_at(f.door));
  auto second = f.ask(work());
  REQUIRE(told.wait_for(1));
  f.door.open();
  CHECK(f.answer(first));
  CHECK(f.answer(second));
  CHECK(told.all().size() == 1);
}

TEST_CASE("who asks for nothing reads of it on stderr") {
  heard stderr_text;
  log_overrun({"overrun", "default", "worker-1", "solve", 1500ms});
  CHECK(stderr_text.text()
        == "charmer: pool default: worker-1 has run solve for 1.5 s\n");
  native_fixture f{watched(50ms)};
  auto x = f.ask(wait_at(f.door));
  CHECK(f.eventually([&](auto&) {
    return stderr_text.text().find("has run a request for ")
           != std::string::npos;
  }));
  f.door.open();
  CHECK(f.answer(x));
}

TEST_CASE("the handler that writes to stderr can be removed") {
  native_fixture f{watched(1h)};
  auto nothing = [](const overrun&) {};
  CHECK(f.app->add_overrun_handler("default", "default", nothing)
        == pool_errc::already_started);
  CHECK(!f.app->remove_overrun_handler("default", "default"));
  CHECK(f.app->remove_overrun_handler("default", "default")
        == pool_errc::no_such_pool);
}
