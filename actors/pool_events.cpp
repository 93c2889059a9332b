// Part of pool_context: what a pool tells. Every name and every field stands in
// event_table.cpp.
#include "charmer/actors/pool_context.hpp"

#include <chrono>

namespace charmer {

namespace {

double seconds(timespan x) {
  return std::chrono::duration<double>(x).count();
}

std::string_view name_of(request_step x) {
  switch (x) {
    case request_step::waiting:
      return "charmer.pool.capacity_reached";
    case request_step::dispatched:
      return "charmer.request.dispatched";
    case request_step::executed:
      return "charmer.request.executed";
    case request_step::retried:
      return "charmer.request.retried";
    case request_step::requeued:
      return "charmer.request.requeued";
    case request_step::cancelled:
      return "charmer.request.cancelled";
    default:
      return "charmer.request.stale";
  }
}

void set_correlation(event& to, const caf_request& from) {
  if (auto& x = correlation_of(from); !x.empty())
    to.set("correlation", x);
}

} // namespace

// What a request itself says wins; native ones cannot say it.
const std::string& correlation_of(const caf_request& x) {
  if (x.content.match_elements<invocation>())
    return x.content.get_as<invocation>(0).options.correlation;
  return x.correlation;
}

void pool_context::tell(
    std::string name, severity level, std::string text,
    const std::map<std::string, std::string>& details) const {
  event x;
  x.name = std::move(name);
  x.level = level;
  x.path = path;
  x.text = std::move(text);
  for (auto& [key, value] : details)
    x.set(key, value);
  x.set("pool", settings->name);
  events->notify(std::move(x));
}

void pool_context::profile_failed(const char* question,
                                  const std::string& why) const {
  {
    std::lock_guard guard{parts_mutex_};
    if (!profile_faults_.insert(question).second)
      return;
  }
  tell("charmer.profile.failed", severity::error,
       "the profile \"" + settings->profile + "\" threw in " + question + ": "
           + why);
}

void pool_context::tell_failed(const caf_request& x, const caf::error& why) {
  auto what = failure_of(why);
  event e;
  e.name = "charmer.request.failed";
  e.level = severity::warning;
  e.path = path;
  e.text = "a request that nobody waits for: " + describe(why);
  e.set("pool", settings->name);
  e.set("reason", to_string(code_of(why).value_or(pool_errc::none)));
  e.set("command", what.command);
  set_correlation(e, x);
  events->notify(std::move(e));
}

void pool_context::tell_overrun(
    const overrun_notice<caf_request, caf::strong_actor_ptr>& x) {
  auto limit = x.alert == overrun_alert::max_overrun_limit;
  event e;
  e.name = "charmer.worker.overrun";
  e.level = severity::warning;
  e.path = path + "/workers";
  e.child = x.worker;
  e.set("alert", limit ? "max_overrun_limit" : "overrun");
  e.set("pool", settings->name);
  e.set("worker_id", x.worker);
  e.set("incarnation", x.incarnation);
  e.set("request", x.serial);
  auto task = x.what.content.match_elements<invocation>()
                  ? x.what.content.get_as<invocation>(0).command
                  : std::string{};
  e.set("task", task);
  set_correlation(e, x.what);
  auto runtime = std::chrono::duration<double>(x.runtime).count();
  e.set("runtime_seconds", runtime);
  e.text = x.worker + " has run " + (task.empty() ? "a request" : task)
           + " for " + std::to_string(runtime) + " s"
           + (limit ? " and is replaced" : "");
  events->notify(std::move(e));
}

void pool_context::tell_circuit(breaker_change x) {
  if (x == breaker_change::opened)
    tell("charmer.breaker.opened", severity::error,
         "too many requests failed; new ones are refused");
  else
    tell("charmer.breaker.closed", severity::info,
         "a request succeeded; new ones are taken again");
}

void pool_context::tell_quarantined(const caf_request& x,
                                    const caf::error& why) {
  auto what = failure_of(why);
  event e;
  e.name = "charmer.request.quarantined";
  e.level = severity::error;
  e.path = path;
  e.text = describe(why);
  e.set("pool", settings->name);
  e.set("request", what.request);
  e.set("command", what.command);
  set_correlation(e, x);
  events->notify(std::move(e));
}

// Only the first of many in a second, because telling costs more than failing.
void pool_context::tell_settled(pool_errc code, const caf_request& x,
                                const caf::error& why) {
  auto& often = code == pool_errc::queue_full ? refusals_ : queue_timeouts_;
  switch (code) {
    case pool_errc::poisoned:
      tell_quarantined(x, why);
      return;
    case pool_errc::queue_full:
    case pool_errc::wait_timeout:
      break;
    default:
      return;
  }
  // That a question after a worker's health came too late is no news.
  if (x.caller && x.caller == part(pool_part::lifecycle_manager))
    return;
  auto count = often.add(now());
  if (!count)
    return;
  auto full = code == pool_errc::queue_full;
  event e;
  e.name = full ? "charmer.pool.saturated" : "charmer.pool.queue_timeout";
  e.level = severity::warning;
  e.path = path;
  e.text = describe(why);
  auto snapshot = core.snapshot(now());
  e.set("pool", settings->name);
  e.set("count", *count);
  e.set("queued", snapshot.counts.waiting);
  e.set("queued_bytes", snapshot.waiting_bytes);
  set_correlation(e, x);
  events->notify(std::move(e));
}

void pool_context::tell_initialised() {
  if (initialised_)
    return;
  auto ready = core.members().size();
  if (ready == 0 || ready < core.size() || initialised_.exchange(true))
    return;
  event e;
  e.name = "charmer.pool.initialised";
  e.path = path;
  e.text = "all workers are ready";
  e.set("pool", settings->name);
  e.set("workers", ready);
  e.set("duration_seconds", seconds(now() - began_));
  events->notify(std::move(e));
}

void pool_context::tell_step(const request_note<caf_request>& x) {
  event e;
  e.name = name_of(x.step);
  e.level = severity::trace;
  e.path = path;
  e.child = x.worker;
  e.set("pool", settings->name);
  if (!x.worker.empty()) {
    e.set("worker_id", x.worker);
    e.set("incarnation", x.incarnation);
  }
  if (x.serial != 0)
    e.set("request", x.serial);
  if (x.what.content.match_elements<invocation>()) {
    auto& what = x.what.content.get_as<invocation>(0);
    e.set("command", what.command);
  }
  set_correlation(e, x.what);
  if (x.step == request_step::waiting || x.step == request_step::dispatched)
    e.set("queued", x.queued);
  if (x.step == request_step::dispatched)
    e.set("wait_seconds", seconds(x.took));
  if (x.step == request_step::executed) {
    e.set("duration_seconds", seconds(x.took));
    e.set("outcome",
          x.outcome == pool_errc::none ? "ok" : to_string(x.outcome));
  }
  events->notify(std::move(e));
}

} // namespace charmer
