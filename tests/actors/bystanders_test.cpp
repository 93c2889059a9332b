// Requests that share a process with one that hangs.
#include "concurrent_calls.hpp"
#include "scratch_file.hpp"

using namespace charmer_tests;

namespace {

pool_settings crowd() {
  auto x = shop(1);
  x.profile = "thread";
  x.threads_per_worker = 4;
  x.adapter = "crowd:Crowd";
  x.cancel_grace = 50ms;
  x.queue_timeout = limit;
  return x;
}

std::size_t count_of(pool_fixture& f, const std::string& name) {
  auto all = f.events.all();
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [&](auto& e) { return e.name == name; }));
}

} // namespace

TEST_CASE("one of four threads hangs: the others end what they do, beside a "
          "successor") {
  scratch_file signal;
  auto x = crowd();
  x.worker_shutdown = 50ms; // that is for those that have no deadline
  pool_fixture f{x};
  auto pid = f.call("pid").json();
  caf::scoped_actor other{f.sys};
  auto innocent = charmer::call(other, f.pool, "until", {{"path", signal.path}},
                                {.timeout = limit});
  CHECK(f.eventually([](auto& s) { return s.counts.running == 1; }));
  auto hanging = f.call("hang", {}, {.timeout = 200ms});
  CHECK(hanging.why == pool_errc::exec_timeout);
  CHECK(hanging.what().traceback.find("in hang") != std::string::npos);
  // The successor serves while the innocent one is still at it.
  CHECK(f.eventually([](auto& s) { return s.workers.size() == 2; }));
  auto after = f.call("pid", {}, {.timeout = limit});
  REQUIRE_MESSAGE(!after.why, describe(after.why));
  CHECK(after.json() != pid);
  auto end = std::chrono::steady_clock::now() + 500ms;
  CHECK(f.eventually(
      [=](auto&) { return std::chrono::steady_clock::now() > end; }));
  CHECK(count_of(f, "charmer.worker.terminated") == 0);
  signal.write("go on");
  innocent.receive([](const reply& r) { CHECK(r.json() == "done"); },
                   [](caf::error& e) { FAIL(describe(e)); });
  CHECK(f.events.wait_for("charmer.worker.terminated"));
  CHECK(f.eventually(
      [](auto& s) { return s.workers.size() == 1 && s.counts.expelled == 1; }));
}

TEST_CASE("who has no deadline beside one that hangs and is not done is tried "
          "again if idempotent, else told why, and blamed for nothing") {
  scratch_file marker;
  auto x = crowd();
  x.worker_shutdown = 300ms;
  x.poison_after = 1;
  pool_fixture f{x};
  caf::scoped_actor first{f.sys};
  caf::scoped_actor second{f.sys};
  auto once = charmer::call(first, f.pool, "sleep", {{"seconds", 600}},
                            {.timeout = infinite});
  auto again = charmer::call(second, f.pool, "at_the_second_attempt",
                             {{"marker", marker.path}}, {.timeout = infinite});
  CHECK(marker.wait_for(1));
  CHECK(f.eventually([](auto& s) { return s.counts.running == 2; }));
  CHECK(f.call("hang", {}, {.timeout = 200ms}).why == pool_errc::exec_timeout);
  once.receive([](const reply&) { FAIL("it sleeps for long"); },
               [](caf::error& e) {
                 CHECK(e == pool_errc::worker_died);
                 auto what = failure_of(e);
                 CHECK(what.text.find("another request") != std::string::npos);
                 CHECK(what.begun);
               });
  again.receive([](const reply& r) { CHECK(r.json() == 2); },
                [](caf::error& e) { FAIL(describe(e)); });
  CHECK(count_of(f, "charmer.request.quarantined") == 0);
  CHECK(f.stats().counts.retried == 1);
}

TEST_CASE(
    "with more that hang than the pool has workers the first of them goes, "
    "and what ran beside") {
  scratch_file signal;
  pool_fixture f{crowd()};
  caf::scoped_actor first{f.sys};
  caf::scoped_actor second{f.sys};
  // Each beside one that hangs.
  auto begin = [&](caf::scoped_actor& who) {
    CHECK(f.eventually([](auto& s) {
      return std::any_of(s.workers.begin(), s.workers.end(), [](auto& w) {
        return w.state == worker_state::ready;
      });
    }));
    auto before = f.stats().counts.running;
    auto result = charmer::call(who, f.pool, "until", {{"path", signal.path}},
                                {.timeout = limit});
    CHECK(f.eventually([=](auto& s) { return s.counts.running > before; }));
    CHECK(f.call("hang", {}, {.timeout = 200ms}).why
          == pool_errc::exec_timeout);
    return result;
  };
  auto unlucky = begin(first);
  CHECK(f.eventually([](auto& s) { return s.workers.size() == 2; }));
  auto innocent = begin(second);
  unlucky.receive([](const reply&) { FAIL("its worker was to be ended"); },
                  [](caf::error& e) {
                    CHECK(e == pool_errc::worker_died);
                    auto what = failure_of(e);
                    CHECK(what.text.find("another request")
                          != std::string::npos);
                  });
  CHECK(f.eventually(
      [](auto& s) { return s.workers.size() == 2 && s.counts.expelled == 1; }));
  CHECK(f.events.wait_for([](auto& e) {
    return e.name == "charmer.worker.terminated" && e.details.count("command")
           && e.details.at("command") == "\"hang\"";
  }));
  signal.write("go on");
  innocent.receive([](const reply& r) { CHECK(r.json() == "done"); },
                   [](caf::error& e) { FAIL(describe(e)); });
}
