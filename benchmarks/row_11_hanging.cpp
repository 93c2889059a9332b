// Row 11: a request that hangs: how long after its deadline the caller is told,
// and how long after deadline and grace the worker is gone.
//
// The command computes and does not listen, so that cancelling it has to end
// in a kill.

#include "one_call.hpp"
#include "rows.hpp"

#include "charmer/wire/unique_fd.hpp"

#include <stdexcept>
#include <utility>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bench {

namespace {

using clock = stopwatch::clock;
using std::chrono::milliseconds;

constexpr milliseconds limit_of_call{50};
constexpr milliseconds grace{50};

struct overshoot {
  double told = 0; ///< milliseconds after the deadline
  double gone = 0; ///< milliseconds after deadline and grace
};

double milliseconds_since(clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(clock::now() - begin)
      .count();
}

// Blocks until the process has ended.
void await_end(const charmer::wire::unique_fd& process) {
  pollfd waiting{process.get(), POLLIN, 0};
  if (::poll(&waiting, 1, 10'000) != 1)
    throw std::runtime_error{"a worker that hangs is not replaced"};
}

overshoot hang(charmer_stack& stack) {
  auto pid = std::stoi(
      answer_of(call_once(stack, "process_after", {{"milliseconds", 0}})));
  charmer::wire::unique_fd process{
      static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  auto deadline = clock::now() + limit_of_call;
  auto got = call_once(stack, "work", {{"milliseconds", 60'000}},
                       {.timeout = limit_of_call})
                 .get();
  if (got.error != charmer::pool_errc::exec_timeout)
    throw std::runtime_error{"a request that hangs did not time out"};
  await_end(process);
  return {
      std::chrono::duration<double, std::milli>(got.when - deadline).count(),
      milliseconds_since(deadline + grace)};
}

overshoot median_overshoot(const conditions& x) {
  auto settings = python_workers(x.python, 1);
  settings.cancel_grace = grace;
  charmer_stack stack{settings};
  std::vector<double> told;
  std::vector<double> gone;
  for (auto end = clock::now() + 2 * x.time; clock::now() < end;) {
    auto one = hang(stack);
    told.push_back(one.told);
    gone.push_back(one.gone);
  }
  return {median(std::move(told)), median(std::move(gone))};
}

} // namespace

std::vector<result> hanging_requests(const conditions& x) {
  overshoot last;
  auto told = "exec_timeout, after the deadline";
  auto gone = "worker gone, after deadline and grace";
  auto unit = "1 ms";
  auto all = measure({{told,
                       [&] {
                         last = median_overshoot(x);
                         return last.told;
                       }},
                      {gone, [&] { return last.gone; }},
                      {unit, [] { return 1.0; }}},
                     x.rounds);
  auto beside = [&](const char* what) {
    return compare({11, "ms too late", what, unit, at_most(50), at_most(10)},
                   all);
  };
  return {beside(told), beside(gone)};
}

} // namespace bench
