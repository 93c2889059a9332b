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
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <signal.h>
#include <unistd.h>

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

/// Whether a process runs. A dead one that its parent, who is not we, has not
/// waited for yet does not.
inline bool process_exists(std::int64_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  std::getline(file, text); // fails quietly if the process goes meanwhile
  auto name_end = text.rfind(')');
  return name_end != text.npos && text[name_end + 2] != 'Z';
}

/// Children of this process that nobody has waited for.
inline std::size_t zombies() {
  std::size_t n = 0;
  for (auto& x : std::filesystem::directory_iterator{"/proc"}) {
    if (x.path().filename().string().find_first_not_of("0123456789")
        != std::string::npos)
      continue;
    std::ifstream file{x.path() / "stat"};
    std::string text;
    std::getline(file, text); // fails quietly if the process goes meanwhile
    auto rest = text.find(") Z " + std::to_string(::getpid()) + ' ');
    n += rest != text.npos;
  }
  return n;
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

  /// So that a test that fails ends.
  ~worker_fixture() {
    for (auto& x : workers)
      caf::anon_send_exit(x, caf::exit_reason::kill);
  }

  started start() { return start_with(profile); }

  started start_with(worker_profile& from) {
    auto host = std::make_shared<recording_host>();
    auto worker =
        from.start_worker(system, {std::make_shared<pool_settings>(settings),
                                   "worker-1", ++incarnations, host});
    REQUIRE(worker);
    workers.push_back(*worker);
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
    outcome result;
    caller
        ->request(to.handle, 20s,
                  invocation{command, payload::json(arguments), {}})
        .receive([&](const reply& x) { result.json = x.value.data; },
                 [&](caf::error& x) { result.error = std::move(x); });
    return result;
  }

  /// Sends the same call many times without waiting in between.
  /// @returns how many were answered, with a value and with an error.
  std::pair<int, int> call_many(const started& to, const std::string& command,
                                const std::string& arguments, int times) {
    int good = 0;
    int bad = 0;
    auto content =
        caf::make_message(invocation{command, payload::json(arguments), {}});
    auto send = [&] { return caller->request(to.handle, 20s, content); };
    std::vector<decltype(send())> pending;
    for (int i = 0; i < times; ++i)
      pending.push_back(send());
    for (auto& x : pending)
      std::move(x).receive([&](const reply&) { ++good; },
                           [&](caf::error&) { ++bad; });
    return {good, bad};
  }

  /// Sends a call whose outcome nobody waits for.
  void begin(const started& to, const std::string& command,
             const std::string& arguments = "[]") {
    caller->request(to.handle, 20s,
                    invocation{command, payload::json(arguments), {}});
  }

  /// Ends a worker in order and waits for it.
  void stop(const started& x) {
    caf::anon_send_exit(x.handle, caf::exit_reason::user_shutdown);
    CHECK(x.host->await_death());
  }

  config configuration;
  caf::actor_system system{configuration};
  /// One for all calls, so that no two have the same id: with leases it is so.
  caf::scoped_actor caller{system};
  process_profile profile;
  pool_settings settings;
  std::uint64_t incarnations = 0;
  std::vector<caf::actor> workers;
};

} // namespace charmer
