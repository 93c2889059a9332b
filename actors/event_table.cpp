#include "charmer/actors/event_table.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace charmer {

namespace {

using namespace event_name;
using list = std::vector<std::string_view>;

// What several kinds carry.
const list of_worker{"pool", "worker_id", "incarnation"};
const list of_request{"pool",    "worker_id", "incarnation",
                      "request", "command",   "correlation"};
// Of a child, what it told at its end included.
const list of_child{"path",     "child",     "incarnation", "reason",
                    "pid",      "exit_code", "signal",      "stderr",
                    "requests", "traceback"};

list with(list xs, const list& more) {
  xs.insert(xs.end(), more.begin(), more.end());
  return xs;
}

std::vector<event_kind> make_table() {
  using enum severity;
  return {
      // -- pools
      {"charmer.pool.initialised",
       info,
       "all workers of a pool were ready for the first time",
       {"workers", "duration_seconds"},
       {"pool"}},
      {"charmer.pool.degraded",
       error,
       "no worker can be had: requests are refused until one is ready",
       {},
       {"pool"}},
      {"charmer.pool.recovered", info, "a worker is ready again", {}, {"pool"}},
      {"charmer.pool.saturated",
       warning,
       "requests were refused because the queue is full; at most once a second",
       {"count", "queued", "queued_bytes"},
       {"pool", "correlation"}},
      {"charmer.pool.queue_timeout",
       warning,
       "requests waited too long for a worker; at most once a second",
       {"count", "queued", "queued_bytes"},
       {"pool", "correlation"}},
      {"charmer.pool.capacity_reached",
       trace,
       "a request has to wait, the first one since nobody waited",
       {"queued"},
       {"pool", "request", "command", "correlation"}},
      {"charmer.pool.resized",
       info,
       "the number of workers that are wanted was changed",
       {},
       {"pool"}},
      {"charmer.breaker.opened",
       error,
       "too many requests failed: new ones are refused",
       {},
       {"pool"}},
      {"charmer.breaker.closed",
       info,
       "a request succeeded: new ones are taken again",
       {},
       {"pool"}},
      {"charmer.strategy.failed",
       error,
       "a strategy of the application's threw, or is not known",
       {},
       {"pool"}},
      {"charmer.collection.failed",
       error,
       "a collection of the application's threw, or chose what is not there",
       {},
       {"pool"}},
      {"charmer.profile.failed",
       error,
       "a profile of the application's threw; told once for each function",
       {},
       {"pool"}},

      // -- workers
      {"charmer.worker.spawned",
       info,
       "a worker is being started",
       {},
       of_worker},
      {"charmer.worker.ready",
       info,
       "it can be given requests",
       {},
       with(of_worker, {"pid", "interpreter", "python_version"})},
      {"charmer.worker.terminated",
       info,
       "it has ended",
       {},
       with(of_worker, {"planned", "reason", "cause", "command"})},
      {"charmer.worker.abandoned",
       error,
       "it cannot be ended, and was left behind, beyond max_abandoned without "
       "a successor",
       {},
       of_worker},
      {"charmer.worker.recycled",
       info,
       "its successor has taken over",
       {"count", "uptime_seconds", "request_count", "memory", "uptime"},
       with(of_worker, {"reason"})},
      {"charmer.worker.recycle_failed",
       warning,
       "its successor did not start: it serves on",
       {"count"},
       with(of_worker, {"reason"})},
      {"charmer.worker.recycle_delayed",
       warning,
       "it was replaced and still runs something, with so many others that "
       "workers which are past a limit wait for that; as long as it lasts, "
       "with pauses that grow from a minute to an hour",
       {"runtime_seconds", "draining", "waiting"},
       with(of_worker, {"command"})},
      {"charmer.worker.health_check_failed",
       warning,
       "it said that it cannot work, or said nothing",
       {"count", "failures"},
       {"pool", "worker_id", "reason"}},
      {"charmer.worker.heartbeat",
       trace,
       "how far it is, every `heartbeat`; silent_seconds: since it has begun "
       "or finished anything, while it works",
       {"load", "finished", "silent_seconds", "memory"},
       with(of_worker, {"command"})},
      {"charmer.worker.overrun",
       warning,
       "a request runs longer than overrun_warning",
       {"runtime_seconds"},
       with(of_worker, {"alert", "request", "task", "correlation"})},
      {"charmer.worker.log",
       debug,
       "a record of Python's logging",
       {},
       {"pool", "worker_id", "level", "logger", "time", "correlation",
        "dropped_before"}},
      {"charmer.worker.stderr",
       info,
       "a line that it wrote on stderr",
       {},
       {"pool", "worker_id", "dropped_before"}},
      {"charmer.worker.output_dropped",
       warning,
       "it has ended, and of what it wrote, logged and emitted in its last "
       "second so much was left out",
       {"lines", "records", "emitted"},
       {"pool", "worker_id"}},
      {"charmer.worker.gil_enabled",
       info,
       "a module has turned the GIL on in an interpreter without one: commands "
       "no longer run in parallel",
       {"measurements"},
       {"pool", "worker_id", "metadata", "correlation"}},
      {"charmer.worker.host_calls_stuck",
       warning,
       "functions of the application that its commands called, and wait for no "
       "longer, have not returned and are as many as may run at once: others "
       "are refused until one returns",
       {"count", "oldest_seconds"},
       {"pool", "worker_id", "function"}},

      // -- requests
      {"charmer.request.dispatched",
       trace,
       "it was given to a worker",
       {"queued", "wait_seconds"},
       of_request},
      {"charmer.request.executed",
       trace,
       "it had begun, and has its outcome: \"ok\" or the name of an error",
       {"duration_seconds"},
       with(of_request, {"outcome"})},
      {"charmer.request.retried",
       trace,
       "it had begun when its worker died, and is tried again",
       {},
       of_request},
      {"charmer.request.requeued",
       trace,
       "it had not begun when its worker went, and waits again",
       {},
       of_request},
      {"charmer.request.cancelled",
       trace,
       "its caller does not want it any more, or is gone",
       {},
       of_request},
      {"charmer.request.stale",
       trace,
       "a worker answered what had its outcome already",
       {},
       of_request},
      {"charmer.request.quarantined",
       error,
       "several workers died of it: it is not tried again",
       {},
       {"pool", "request", "command", "correlation"}},
      {"charmer.request.failed",
       warning,
       "one that nobody waits for has failed",
       {},
       {"pool", "reason", "command", "correlation"}},

      // -- supervisors
      {supervisor_started,
       info,
       "all children have been started",
       {"restarts"},
       {"path"}},
      {supervisor_stopped,
       info,
       "it has ended, and its children before it",
       {"restarts"},
       {"path", "reason"}},
      {child_started,
       info,
       "a child is ready",
       {"restarts", "attempt"},
       {"path", "child", "incarnation"}},
      {child_terminated,
       info,
       "a child has ended",
       {"restarts", "uptime"},
       with(of_child, {"retired"})},
      {child_restarting,
       info,
       "it will be started again",
       {"restarts", "attempt", "delay"},
       of_child},
      {child_replaced,
       info,
       "its successor has taken over",
       {"restarts"},
       {"path", "child", "incarnation", "retired_actor_id"}},
      {child_abandoned,
       error,
       "it could not be ended, and was left behind",
       {"uptime"},
       with(of_child, {"retired"})},
      {start_error,
       warning,
       "it did not start",
       {"restarts", "attempt"},
       with(of_child, {"replacement"})},
      {shutdown_error,
       error,
       "it did not end as it was asked to",
       {"uptime"},
       with(of_child, {"retired"})},
      {restart_intensity_reached,
       error,
       "too many restarts in the period: the supervisor gives up",
       {"restarts"},
       of_child},

      // -- events themselves
      {handler_removed,
       info,
       "a handler has failed, or its owner has ended",
       {},
       {"handler", "reason"}},
      {handler_overflow,
       warning,
       "a handler is too slow: events for it are dropped",
       {},
       {"handler"}},
  };
}

std::string listed(const std::vector<std::string_view>& xs) {
  std::string result;
  for (auto x : xs)
    result.append(result.empty() ? "" : ", ").append(x);
  return result;
}

} // namespace

const std::vector<event_kind>& event_table() {
  static const auto table = make_table();
  return table;
}

const event_kind* find_event_kind(std::string_view name) {
  auto& all = event_table();
  auto i = std::find_if(all.begin(), all.end(),
                        [&](auto& x) { return x.name == name; });
  return i == all.end() ? nullptr : &*i;
}

std::string event_table_text() {
  std::string result;
  for (auto& x : event_table()) {
    result.append("`").append(x.name).append("` (");
    result.append(to_string(x.at_least)).append(")\n  ");
    result.append(x.when).append("\n");
    if (!x.measurements.empty())
      result.append("  - measurements: ").append(listed(x.measurements)) +=
          '\n';
    if (!x.metadata.empty())
      result.append("  - metadata: ").append(listed(x.metadata)) += '\n';
    result += '\n';
  }
  return result;
}

std::string event_table_json() {
  auto result = nlohmann::ordered_json::array();
  for (auto& x : event_table())
    result.push_back({{"name", x.name},
                      {"at_least", to_string(x.at_least)},
                      {"when", x.when},
                      {"measurements", x.measurements},
                      {"metadata", x.metadata}});
  return result.dump(2);
}

} // namespace charmer
