// Row 10: a worker is killed with SIGKILL while it runs a call: how soon its
// caller has the typed error, beside how soon somebody who reads from the pipe
// of a bare Python process sees its end.
//
// Two workers are busy, one is killed: its caller must get worker_died, and the
// other one its answer.
//
// The kernel gives a process' memory back before it closes its pipes, and that
// is the larger part of the time. So the floor is a process that is as large as
// a worker; the one that imports nothing stands beside it, and is not judged.

#include "one_call.hpp"
#include "rows.hpp"
#include "script_process.hpp"

#include "charmer/profiles/python_command.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include <signal.h>

namespace bench {

namespace {

using clock = stopwatch::clock;
using std::chrono::milliseconds;

double milliseconds_since(clock::time_point begin, clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

// -- bare ---------------------------------------------------------------------

double bare_death(const conditions& x, const char* script,
                  const std::vector<std::string>& arguments) {
  std::vector<double> times;
  for (auto end = clock::now() + x.time; clock::now() < end;) {
    script_process victim{x.python, script, arguments};
    std::array<char, 1> byte{'x'};
    victim.write({byte.data(), 1});
    victim.read(byte); // it has started
    auto begin = clock::now();
    victim.kill();
    victim.await_end_of_file(std::chrono::seconds(10));
    times.push_back(milliseconds_since(begin, clock::now()));
  }
  return median(std::move(times));
}

// -- charmer ------------------------------------------------------------------

struct death {
  double told = 0;  ///< milliseconds until the caller had its error
  double whole = 0; ///< until both workers were ready again
};

constexpr std::uint32_t workers = 2;

charmer::pool_settings pool_of_mortals(const std::string& python) {
  auto x = python_workers(python, workers);
  x.intensity = 1'000'000; // it is not the budget that is measured
  return x;
}

std::array<std::future<outcome>, workers> ask_both(charmer_stack& stack,
                                                   int milliseconds) {
  auto ask = [&] {
    return call_once(stack, "process_after", {{"milliseconds", milliseconds}});
  };
  return {ask(), ask()};
}

bool is_whole(charmer_stack& stack) {
  caf::scoped_actor self{stack.system()};
  std::uint64_t ready = 0;
  self->request(stack.pool().actor(), caf::infinite, charmer::status_atom_v)
      .receive(
          [&](const charmer::pool_status& x) {
            ready = x.idle_workers + x.busy_workers;
          },
          call_failed);
  return ready == workers;
}

void require(bool x, const char* what) {
  if (!x)
    throw std::runtime_error{what};
}

// Nothing if the machine was too slow: one worker ran both calls, or the call
// of the one that was killed had not begun, and so it went on to another.
std::optional<death> kill_one(charmer_stack& stack) {
  auto [first, second] = ask_both(stack, 20);
  auto victim = std::stoi(answer_of(std::move(first)));
  auto other = std::stoi(answer_of(std::move(second)));
  if (victim == other)
    return {};
  auto calls = ask_both(stack, 60);
  std::this_thread::sleep_for(milliseconds{20}); // both have begun
  auto begin = clock::now();
  ::kill(victim, SIGKILL);
  std::array got{calls[0].get(), calls[1].get()};
  if (!got[0].error)
    std::swap(got[0], got[1]);
  if (!got[0].error)
    return {};
  require(got[0].error == charmer::pool_errc::worker_died,
          "the victim's caller was not told");
  require(!got[1].error && std::stoi(got[1].text) == other,
          "the other call failed");
  death result{.told = milliseconds_since(begin, got[0].when)};
  for (auto end = begin + std::chrono::seconds(10); !is_whole(stack);
       std::this_thread::sleep_for(std::chrono::microseconds(100)))
    require(clock::now() < end, "the pool is not whole again");
  result.whole = milliseconds_since(begin, clock::now());
  return result;
}

death deaths(const conditions& x) {
  charmer_stack stack{pool_of_mortals(x.python)};
  std::vector<double> told;
  std::vector<double> whole;
  auto begin = clock::now();
  while (clock::now() < begin + 2 * x.time || told.empty()) {
    require(clock::now() < begin + std::chrono::minutes(2),
            "no call could be killed");
    if (auto one = kill_one(stack)) {
      told.push_back(one->told);
      whole.push_back(one->whole);
    }
  }
  return {median(std::move(told)), median(std::move(whole))};
}

} // namespace

std::vector<result> killed_workers(const conditions& x) {
  death last;
  auto package = charmer::python_package_folder();
  if (!package)
    throw std::runtime_error{charmer::describe(package.error())};
  auto bare = "end of file of a process as large";
  auto smallest = "end of file of one that imports nothing";
  auto told = "worker_died";
  auto whole = "the pool is whole again";
  auto unit = "10 ms";
  auto all = measure(
      {{smallest, [&] { return bare_death(x, "bare_echo.py", {}); }},
       {bare, [&] { return bare_death(x, "bare_worker.py", {*package}); }},
       {told,
        [&] {
          last = deaths(x);
          return last.told;
        }},
       {whole, [&] { return last.whole; }},
       {unit, [] { return 10.0; }}},
      x.rounds);
  return {compare({10, "ms after kill -9", told, bare, at_most(2), {}}, all),
          compare({10, "ms after kill -9", told, smallest, {}, {}}, all),
          compare({10, "ms after kill -9", whole, unit, {}, at_most(1)}, all)};
}

} // namespace bench
