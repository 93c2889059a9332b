// Row "restart": what a supervisor costs when a native child dies, from the
// death of one incarnation until the next one runs and is told; beside the same
// with bare CAF: spawn, monitor, down message.
//
// Both in an actor system with one thread, so that work is compared and not
// how fast the kernel wakes threads; with as many threads as an application has
// it is shown, too. An event hub takes the events, as in an application; nobody
// listens.

#include "rows.hpp"
#include "stopwatch.hpp"

#include "charmer/actors/config.hpp"
#include "charmer/supervision/supervisor.hpp"

#include <future>
#include <memory>
#include <stdexcept>

#include <caf/all.hpp>
#include <caf/io/middleman.hpp>

namespace bench {

namespace {

using std::chrono::milliseconds;

/// As many deaths as the benchmark wants.
constexpr charmer::restart_intensity any_number{
    std::numeric_limits<std::int64_t>::max() - 1, std::chrono::nanoseconds(1)};

struct settings : charmer::config {
  explicit settings(std::size_t threads) {
    load<caf::io::middleman>();
    if (threads != 0)
      set("scheduler.max-threads", threads);
  }
};

struct laps {
  explicit laps(milliseconds time) : watch(time) {}

  stopwatch watch;
  std::promise<double> median;
};

using laps_ptr = std::shared_ptr<laps>;

/// Dies when it is told to.
caf::behavior mortal(caf::event_based_actor* self) {
  return {[self](caf::ok_atom) { self->quit(caf::sec::runtime_error); }};
}

void start_and_end_one(caf::event_based_actor* self) {
  auto child = self->spawn(mortal);
  self->monitor(child);
  self->send(child, caf::ok_atom::value);
}

caf::behavior bare_parent(caf::event_based_actor* self, laps_ptr state) {
  self->set_down_handler([=](caf::down_msg&) {
    if (state->watch.lap()) {
      start_and_end_one(self);
    } else {
      state->median.set_value(state->watch.median());
      self->quit();
    }
  });
  start_and_end_one(self);
  return {[](int) {}};
}

/// Is told of each incarnation, and ends it.
caf::behavior killer(caf::event_based_actor* self, laps_ptr state) {
  return {[=](const caf::actor& child) {
    if (state->watch.lap()) {
      self->send(child, caf::ok_atom::value);
    } else {
      state->median.set_value(state->watch.median());
      self->quit();
    }
  }};
}

double result_of(std::future<double> median, milliseconds time) {
  if (median.wait_for(time + std::chrono::seconds(60))
      != std::future_status::ready)
    throw std::runtime_error{"an actor has stopped to die and to be started"};
  return median.get();
}

double bare(milliseconds time, std::size_t threads) {
  settings config{threads};
  caf::actor_system system{config};
  auto state = std::make_shared<laps>(time);
  auto median = state->median.get_future();
  auto parent = system.spawn(bare_parent, state); // monitored by nobody: kept
  return result_of(std::move(median), time);
}

double supervised(milliseconds time, std::size_t threads) {
  settings config{threads};
  caf::actor_system system{config};
  auto state = std::make_shared<laps>(time);
  auto median = state->median.get_future();
  auto told = system.spawn(killer, state);
  auto start = [told](const charmer::start_context& where) {
    auto child = where.self->spawn(mortal);
    charmer::cast(told, child);
    return charmer::started{child};
  };
  auto supervisor = charmer::start_supervisor(
      system, {.intensity = any_number,
               .children = {{.id = "mortal", .start = start}},
               .events = std::make_shared<charmer::event_hub>(system)});
  if (!supervisor)
    throw std::runtime_error{charmer::describe_reason(supervisor.error())};
  auto result = result_of(std::move(median), time);
  caf::anon_send_exit(*supervisor, caf::exit_reason::user_shutdown);
  return result;
}

} // namespace

std::vector<result> restart_of_a_child(const conditions& x) {
  auto all = measure(
      {{"spawn, monitor, down", [&] { return bare(x.time, 1); }},
       {"restart", [&] { return supervised(x.time, 1); }},
       {"spawn, monitor, down, more threads", [&] { return bare(x.time, 0); }},
       {"restart, more threads", [&] { return supervised(x.time, 0); }}},
      x.rounds);
  auto beside = [&](const char* value, const char* baseline,
                    std::optional<limit> must) {
    return compare({"restart", "µs for a restart", value, baseline, must, {}},
                   all);
  };
  return {beside("restart", "spawn, monitor, down", at_most(4)),
          beside("restart, more threads", "spawn, monitor, down, more threads",
                 {})};
}

} // namespace bench
