#include "real_system.hpp"

#include "charmer/wire/spawner.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace charmer::wire;
using namespace std::chrono_literals;

namespace {

using child_ptr = std::unique_ptr<child_process>;
using result = caf::expected<child_ptr>;

bool eventually(const std::function<bool()>& condition) {
  auto end = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

command_line shell(const std::string& text) {
  return {.arguments = {"/bin/sh", "-c", text},
          .environment = {"PATH=/usr/bin:/bin"}};
}

result start(spawner& from, const command_line& what) {
  auto promise = std::make_shared<std::promise<result>>();
  auto future = promise->get_future();
  from.start([what] { return what; },
             [promise](result x) { promise->set_value(std::move(x)); });
  REQUIRE(future.wait_for(20s) == std::future_status::ready);
  return future.get();
}

child_ptr started(spawner& from, const std::string& text) {
  auto x = start(from, shell(text));
  if (!x)
    FAIL(caf::to_string(x.error().context()));
  return std::move(*x);
}

std::string text_of(const caf::error& x) {
  return caf::to_string(x.context());
}

// Reads until the other end is closed.
std::string read_all(const unique_fd& fd) {
  std::string all;
  char buffer[4096];
  pollfd waiting{fd.get(), POLLIN, 0};
  while (::poll(&waiting, 1, 20'000) == 1) {
    auto n = ::read(fd.get(), buffer, sizeof buffer);
    if (n == 0)
      break;
    if (n > 0)
      all.append(buffer, static_cast<std::size_t>(n));
  }
  return all;
}

exit_status wait_for(child_process& x) {
  std::optional<exit_status> status;
  CHECK(eventually([&] {
    status = x.collect();
    return status.has_value();
  }));
  return status.value_or(exit_status{});
}

std::size_t open_descriptors() {
  std::size_t n = 0;
  for ([[maybe_unused]] auto& x :
       std::filesystem::directory_iterator{"/proc/self/fd"})
    ++n;
  return n;
}

// Whether no child of ours waits to be reaped.
bool no_zombies() {
  siginfo_t info{};
  ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
  return info.si_pid == 0;
}

bool runs(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  std::getline(file, text); // fails quietly if the process goes meanwhile
  auto name_end = text.rfind(')');
  return name_end != text.npos && text[name_end + 2] != 'Z';
}

// The real system, of which one function fails.
class faulty_system : public charmer_tests::real_system {
public:
  std::atomic<int> pipes_left{1000};
  std::atomic<bool> no_memory{false};
  std::atomic<bool> no_process{false};

  caf::expected<pipe_ends> pipe() override {
    if (--pipes_left < 0)
      return system_error("cannot make a pipe", EMFILE);
    return real().pipe();
  }

  caf::expected<unique_fd> shared_memory(const char* name,
                                         std::size_t bytes) override {
    if (no_memory)
      return system_error("cannot make shared memory", ENOMEM);
    return real().shared_memory(name, bytes);
  }

  caf::expected<launched> launch(const command_line& what,
                                 const child_descriptors& fds) override {
    if (no_process)
      return system_error("cannot start a process", EAGAIN);
    return real().launch(what, fds);
  }
};

} // namespace

TEST_SUITE_BEGIN("spawner");

TEST_CASE("a child has its three pipes, its page and its own group") {
  spawner from{operating_system::real()};
  auto child = started(from, "read line; echo \"got $line\"; echo bad >&2;"
                             "wc -c <&3; exit 3");
  CHECK_EQ(::write(child->input.get(), "hi\n", 3), 3);
  CHECK_EQ(read_all(child->output), "got hi\n8320\n");
  CHECK_EQ(read_all(child->errors), "bad\n");
  CHECK_EQ(::getpgid(child->pid()), child->pid());
  CHECK_EQ(wait_for(*child), exit_status{.code = 3});
}

TEST_CASE("a signal is told by its name") {
  spawner from{operating_system::real()};
  auto child = started(from, "exec sleep 600");
  child->signal(SIGTERM);
  auto status = wait_for(*child);
  CHECK_EQ(status, exit_status{.signal = SIGTERM});
  CHECK_EQ(status.text(), "killed by SIGTERM");
}

TEST_CASE("the page of a child tells what it wrote") {
  spawner from{operating_system::real()};
  // Word 0 of the first thread's block, and the first word of its ring.
  auto child = started(
      from, "printf '\\001\\0\\0\\0\\0\\0\\0\\0' |"
            " dd of=/proc/self/fd/3 bs=8 seek=520 conv=notrunc 2>/dev/null;"
            "printf '\\052\\0\\0\\0\\0\\0\\0\\0' |"
            " dd of=/proc/self/fd/3 bs=8 seek=528 conv=notrunc 2>/dev/null;"
            "kill -9 $$");
  CHECK_EQ(wait_for(*child).signal, SIGKILL);
  CHECK(child->page->begun(42));
  CHECK_FALSE(child->page->begun(41));
}

TEST_CASE("who lets go of a child ends it and what it started") {
  spawner from{operating_system::real()};
  auto child = started(from, "sleep 600 & echo $!; wait");
  char line[32] = {};
  CHECK(eventually(
      [&] { return ::read(child->output.get(), line, sizeof line - 1) > 0; }));
  auto grandchild = static_cast<pid_t>(std::atoi(line));
  auto pid = child->pid();
  CHECK(runs(grandchild));
  child.reset();
  CHECK(eventually([&] { return !runs(pid) && !runs(grandchild); }));
}

TEST_CASE("a buried child is dead when that is told") {
  spawner from{operating_system::real()};
  auto child = started(from, "trap '' TERM; while :; do sleep 1; done");
  auto pid = child->pid();
  std::promise<exit_status> told;
  child->bury([&](exit_status x) { told.set_value(x); });
  auto future = told.get_future();
  REQUIRE(future.wait_for(20s) == std::future_status::ready);
  CHECK_EQ(future.get().signal, SIGKILL);
  CHECK_EQ(::kill(pid, 0), -1); // no zombie either
}

TEST_CASE("what cannot be started says why") {
  spawner from{operating_system::real()};
  auto missing = start(from, {.arguments = {"/no/such/program"}});
  REQUIRE_FALSE(missing);
  CHECK(
      text_of(missing.error()).find("cannot execute /no/such/program: No such")
      != std::string::npos);
  auto nowhere = shell("true");
  nowhere.directory = "/no/such/folder";
  auto lost = start(from, nowhere);
  REQUIRE_FALSE(lost);
  CHECK(text_of(lost.error()).find("/no/such/folder: No such")
        != std::string::npos);
  CHECK(no_zombies()); // nobody was left behind
}

TEST_CASE("a host that runs out of anything gets an error and leaks nothing") {
  faulty_system os;
  spawner from{os};
  auto first = started(from, "true");
  auto pid = first->pid();
  first.reset();
  CHECK(eventually([&] { return !runs(pid) && no_zombies(); }));
  auto before = open_descriptors();
  auto refused = [&](const char* text) {
    auto x = start(from, shell("true"));
    REQUIRE_FALSE(x);
    CHECK(text_of(x.error()).find(text) != std::string::npos);
  };
  for (int pipes : {0, 1, 2}) {
    os.pipes_left = pipes;
    refused("Too many open files");
  }
  os.pipes_left = 1000;
  os.no_memory = true;
  refused("Cannot allocate memory");
  os.no_memory = false;
  os.no_process = true;
  refused("Resource temporarily unavailable");
  os.no_process = false;
  CHECK_EQ(open_descriptors(), before);
  auto child = started(from, "exit 0");
  CHECK_EQ(wait_for(*child).code, 0);
}

TEST_CASE("many starts and ends leave no descriptor and no process") {
  spawner from{operating_system::real()};
  auto first = started(from, "true");
  auto pid = first->pid();
  first.reset();
  CHECK(eventually([&] { return !runs(pid) && no_zombies(); }));
  auto before = open_descriptors();
  for (int i = 0; i < 50; ++i) {
    auto child = started(from, i % 2 ? "exit 0" : "exec sleep 600");
    if (i % 2)
      wait_for(*child);
  }
  CHECK(eventually([&] { return open_descriptors() == before; }));
  CHECK(no_zombies());
}

TEST_CASE("a child outlives the thread that asked for it") {
  spawner from{operating_system::real()};
  child_ptr child;
  std::thread{[&] { child = started(from, "exec sleep 600"); }}.join();
  std::this_thread::sleep_for(50ms);
  CHECK_FALSE(child->collect());
}

TEST_CASE("nothing is left when the host is killed") {
  // A host of its own: this program again would need a mode for it, a fork with
  // a spawner in it does not.
  int told[2];
  REQUIRE_EQ(::pipe(told), 0);
  auto host = ::fork();
  if (host == 0) {
    spawner from{operating_system::real()};
    std::promise<child_ptr> promise;
    from.start([] { return shell("sleep 600 & echo $!; wait"); },
               [&](result x) { promise.set_value(std::move(*x)); });
    auto child = promise.get_future().get();
    pid_t pids[2] = {child->pid(), 0};
    char line[32] = {};
    while (::read(child->output.get(), line, sizeof line - 1) <= 0)
      ::usleep(1000);
    pids[1] = std::atoi(line);
    [[maybe_unused]] auto n = ::write(told[1], pids, sizeof pids);
    ::pause();
    ::_exit(0);
  }
  pid_t pids[2] = {};
  pollfd waiting{told[0], POLLIN, 0};
  REQUIRE_EQ(::poll(&waiting, 1, 20'000), 1);
  REQUIRE_EQ(::read(told[0], pids, sizeof pids),
             static_cast<ssize_t>(sizeof pids));
  CHECK(runs(pids[0]));
  ::kill(host, SIGKILL);
  ::waitpid(host, nullptr, 0);
  CHECK(eventually([&] { return !runs(pids[0]); }));
  CHECK(eventually([&] { return !runs(pids[1]); }));
  ::close(told[0]);
  ::close(told[1]);
}

TEST_SUITE_END();
