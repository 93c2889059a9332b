// Row 3: native workers, every strategy, beside wpool on Erlang: calls per
// second of 1 and 16 callers, each making one call after the other, with 4 and
// 100 workers that add two numbers.
//
// wpool is found by the environment variable CHARMER_WPOOL_EBIN, the folder
// with its .beam and .app files (and `escript` on PATH). Without it the
// comparison is with bare CAF, and nothing is judged.
//
// Bare CAF is the floor in both cases: the same callers and workers without a
// pool, each caller asking one worker after the other; and caf::actor_pool.
//
// What counts is what was answered (see strategies.hpp).

#include "charmer_stack.hpp"
#include "rows.hpp"
#include "script_process.hpp"
#include "strategies.hpp"
#include "traffic.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>

#include <caf/actor_pool.hpp>

namespace bench {

namespace {

using std::chrono::milliseconds;

// -- what is measured ---------------------------------------------------------

struct setup {
  std::size_t callers;
  std::uint32_t workers;
};

constexpr std::array setups{setup{1, 4}, setup{16, 4}, setup{1, 100},
                            setup{16, 100}};

caf::behavior adder(caf::event_based_actor*) {
  return {[](int x, int y) { return x + y; }};
}

std::string title_of(const setup& x) {
  return std::to_string(x.callers)
         + (x.callers == 1 ? " caller, " : " callers, ")
         + std::to_string(x.workers) + " workers";
}

// -- contestants --------------------------------------------------------------

// REQUIRES: runs in an event-based actor; `to` takes two numbers.
template <class Done>
void ask_adder(caf::event_based_actor* self, const caf::actor& to, Done done) {
  self->request(to, caf::infinite, 5, 3)
      .then([done](int sum) { done(sum == 8); },
            [done](const caf::error&) { done(false); });
}

template <class Call>
double rate_of(caf::actor_system& sys, const setup& x, milliseconds time,
               Call call) {
  return measure_traffic(sys, {.callers = x.callers}, time, call).per_second;
}

double charmer_rate(const strategy& s, const setup& x, milliseconds time) {
  charmer_stack stack{native_workers(adder, x.workers)};
  return rate_of(
      stack.system(), x, time,
      [&s, to = adders{stack.system(), stack.pool().actor()}](
          auto* self, auto n, auto done) { ask_adders(self, to, s, n, done); });
}

// The workers' own message and nothing else: the pool's default strategy.
double plain_rate(const setup& x, milliseconds time) {
  charmer_stack stack{native_workers(adder, x.workers)};
  return rate_of(stack.system(), x, time,
                 [door = stack.pool().actor()](auto* self, auto, auto done) {
                   ask_adder(self, door, done);
                 });
}

// As plain_rate, but the caller is no actor: it blocks for each answer.
double rate_of_thread(const setup& x, milliseconds time) {
  charmer_stack stack{native_workers(adder, x.workers)};
  caf::scoped_actor self{stack.system()};
  auto one_call = median_time(time, [&] {
    self->request(stack.pool().actor(), caf::infinite, 5, 3)
        .receive([](int) {}, call_failed);
  });
  return 1e6 / one_call;
}

caf::actor spawn_adder(caf::actor_system& sys) {
  return sys.spawn(adder);
}

double bare_rate(const setup& x, milliseconds time) {
  charmer::config config;
  caf::actor_system sys{config};
  std::vector<caf::actor> workers;
  for (std::uint32_t i = 0; i < x.workers; ++i)
    workers.push_back(spawn_adder(sys));
  auto rate = rate_of(sys, x, time, [&workers](auto* self, auto n, auto done) {
    ask_adder(self, workers[n % workers.size()], done);
  });
  for (auto& worker : workers)
    caf::anon_send_exit(worker, caf::exit_reason::user_shutdown);
  return rate;
}

double actor_pool_rate(const setup& x, milliseconds time) {
  charmer::config config;
  caf::actor_system sys{config};
  caf::scoped_execution_unit context{&sys};
  auto pool = caf::actor_pool::make(
      &context, x.workers, [&] { return spawn_adder(sys); },
      caf::actor_pool::round_robin());
  auto rate = rate_of(sys, x, time, [pool](auto* self, auto, auto done) {
    ask_adder(self, pool, done);
  });
  caf::anon_send_exit(pool, caf::exit_reason::user_shutdown);
  return rate;
}

// -- wpool --------------------------------------------------------------------

std::string on_path(const std::string& program) {
  auto* path = std::getenv("PATH");
  std::istringstream folders{path != nullptr ? path : ""};
  for (std::string folder; std::getline(folders, folder, ':');)
    if (std::filesystem::exists(folder + '/' + program))
      return folder + '/' + program;
  throw std::runtime_error{program + " is not on PATH"};
}

// One Erlang for all of the row; none if wpool is not here.
std::shared_ptr<script_process> start_wpool() {
  auto* ebin = std::getenv("CHARMER_WPOOL_EBIN");
  if (ebin == nullptr) {
    std::cerr << "  CHARMER_WPOOL_EBIN is not set: bare CAF is the baseline, "
                 "and nothing is judged\n";
    return nullptr;
  }
  return std::make_shared<script_process>(on_path("escript"),
                                          "wpool_driver.escript",
                                          std::vector<std::string>{ebin});
}

double wpool_rate(script_process& erlang, const strategy& s, const setup& x,
                  milliseconds time) {
  std::ostringstream line;
  line << s.name << ' ' << x.callers << ' ' << x.workers << ' ' << time.count();
  return std::stod(erlang.ask(line.str(), 3 * time + std::chrono::seconds(60)));
}

// -- comparing ----------------------------------------------------------------

constexpr auto bare = "actors without a pool";
constexpr auto actor_pool = "caf::actor_pool";
constexpr auto plain = "charmer, plain message";
constexpr auto thread = "charmer, from a thread";

std::string ours(const strategy& s) {
  return std::string{"charmer "} + s.name;
}

std::string theirs(const strategy& s) {
  return std::string{"wpool "} + s.name;
}

std::vector<contestant> contestants(const setup& x, script_process* erlang,
                                    milliseconds time) {
  std::vector<contestant> all{
      {bare, [=] { return bare_rate(x, time); }},
      {actor_pool, [=] { return actor_pool_rate(x, time); }},
      {plain, [=] { return plain_rate(x, time); }}};
  if (x.callers == 1)
    all.push_back({thread, [=] { return rate_of_thread(x, time); }});
  for (auto& s : strategies) {
    all.push_back({ours(s), [=, &s] { return charmer_rate(s, x, time); }});
    if (erlang != nullptr)
      all.push_back(
          {theirs(s), [=, &s] { return wpool_rate(*erlang, s, x, time); }});
  }
  return all;
}

std::vector<result> compare_all(const setup& x, const figures& all,
                                bool with_wpool) {
  auto measured = "calls per second, " + title_of(x);
  std::vector<result> results;
  auto add = [&](const std::string& value, const std::string& baseline,
                 std::optional<limit> must, std::optional<limit> aim) {
    results.push_back(compare({3, measured, value, baseline, must, aim}, all));
  };
  for (auto& s : strategies)
    if (with_wpool)
      add(ours(s), theirs(s), at_least(1), at_least(2));
    else
      add(ours(s), bare, {}, {});
  add(plain, actor_pool, {}, {});
  add(plain, bare, {}, {});
  if (x.callers == 1)
    add(thread, with_wpool ? theirs(strategies.front()) : bare, {}, {});
  return results;
}

} // namespace

std::vector<result> native_strategies(const conditions& x) {
  auto erlang = start_wpool();
  std::vector<result> results;
  for (auto& setup : setups) {
    // A row of many lines: each takes part of the time.
    auto all = measure(contestants(setup, erlang.get(), x.time / 4), x.rounds);
    auto more = compare_all(setup, all, erlang != nullptr);
    results.insert(results.end(), more.begin(), more.end());
  }
  return results;
}

} // namespace bench
