// An actor system in which workers are started without a pool.
#pragma once

#include "profiles/recording_host.hpp"

#include "charmer/profiles/process_profile.hpp"
#include "charmer/supervision/caf.hpp"
#include "charmer/wire/operating_system.hpp"

#include <caf/io/middleman.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <signal.h>

namespace charmer {

using namespace std::chrono_literals;

/// Asks again until `condition` holds; false after 20 seconds.
inline bool eventually(const std::function<bool()>& condition) {
  auto end = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

inline bool process_exists(std::int64_t pid) {
  return ::kill(static_cast<pid_t>(pid), 0) == 0;
}

/// Open descriptors of this process.
inline std::size_t open_descriptors() {
  std::size_t n = 0;
  for ([[maybe_unused]] auto& x :
       std::filesystem::directory_iterator{"/proc/self/fd"})
    ++n;
  return n;
}

struct worker_fixture {
  struct config : caf::actor_system_config {
    config() {
      load<caf::io::middleman>();
      set("scheduler.policy", caf::atom("sharing"));
      set("scheduler.max-threads", std::size_t{2});
    }
  };

  struct started {
    caf::actor handle;
    std::shared_ptr<recording_host> host;
  };

  /// One outcome of a call.
  struct outcome {
    std::string json;
    caf::error error;
  };

  worker_fixture() {
    settings.name = "test";
    settings.adapter = "shared_workers";
    settings.python_path = {CHARMER_TEST_DATA};
  }

  started start() { return start_with(profile); }

  started start_with(worker_profile& from) {
    auto host = std::make_shared<recording_host>();
    auto worker =
        from.start_worker(system, {std::make_shared<pool_settings>(settings),
                                   "worker-1", ++incarnations, host});
    REQUIRE(worker);
    return {*worker, host};
  }

  started start_ready() {
    auto x = start();
    auto info = x.host->await_ready();
    if (!info)
      FAIL("not ready: " << describe(x.host->await_death()->reason));
    return x;
  }

  outcome call(const started& to, const std::string& command,
               const std::string& arguments = "[]") {
    caf::scoped_actor self{system};
    outcome result;
    self->request(to.handle, 20s,
                  invocation{command, payload::json(arguments), {}})
        .receive([&](const reply& x) { result.json = x.value.data; },
                 [&](caf::error& x) { result.error = std::move(x); });
    return result;
  }

  /// Sends a call whose outcome nobody waits for.
  void begin(const started& to, const std::string& command,
             const std::string& arguments = "[]") {
    caf::scoped_actor self{system};
    self->request(to.handle, 20s,
                  invocation{command, payload::json(arguments), {}});
  }

  /// Ends a worker in order and waits for it.
  void stop(const started& x) {
    caf::anon_send_exit(x.handle, caf::exit_reason::user_shutdown);
    CHECK(x.host->await_death());
  }

  config configuration;
  caf::actor_system system{configuration};
  process_profile profile;
  pool_settings settings;
  std::uint64_t incarnations = 0;
};

} // namespace charmer
