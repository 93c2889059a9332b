// Requests that nobody needs any more are destroyed outside the core's lock:
// what they carry may run code of the application's, which may call the pool.
#include "charmer/actors/pool_core.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

struct at_end {
  std::function<void()> f;

  ~at_end() { f(); }
};

struct unknown {
  bool begun(std::uint64_t) const { return true; }
};

struct traits {
  using request = std::shared_ptr<at_end>;
  using worker = std::string;
  using cause = std::string;
  using evidence = unknown;
};

using core_type = pool_core<traits>;

int caller;

} // namespace

TEST_CASE("what a request carries may call the pool when it is destroyed") {
  core_limits limits;
  std::atomic<bool> asked = false;
  limits.size = 1;
  limits.traced = &asked;
  core_type::time_point now{1000s};
  core_type core{limits, now};
  auto calls = 0;
  std::uint64_t running = 0;
  auto submit = [&](bool lease) {
    core_type::submission x;
    x.what = std::make_shared<at_end>([&] {
      ++calls;
      CHECK(core.snapshot(now).counts.balanced()); // would lock up
    });
    x.caller = &caller;
    x.deadline = x.queue_deadline = now + 60s;
    x.lease = lease;
    core_type::effects out;
    core.submit(std::move(x), now, out);
    if (!out.assignments.empty())
      running = out.assignments[0].lease;
  };
  auto finish = [&] {
    core_type::effects out;
    core.finish(running, verdict::success, std::nullopt, now, out);
  };
  {
    core_type::effects out;
    core.worker_ready(core.add_worker({"w", 0}), "w", 1, nullptr, now, out);
  }
  submit(true);  // is held
  submit(false); // waits
  {
    core_type::effects out;
    core.caller_died(&caller, now, out);
  }
  CHECK(calls == 2);
  submit(false); // runs
  {
    core_type::effects out;
    core.caller_died(&caller, now, out);
  }
  CHECK(calls == 3);
  finish();
  // What is told of it if it is answered too late is there until it is not.
  asked = true;
  submit(false);
  {
    core_type::effects out;
    core.caller_died(&caller, now, out);
  }
  CHECK(calls == 3);
  asked = false;
  finish();
  CHECK(calls == 4);
}
