#include "charmer/actors/lifecycle_events.hpp"

#include "charmer/profiles/units.hpp"

namespace charmer {

namespace {

double seconds(timespan x) {
  return std::chrono::duration<double>(x).count();
}

event event_of(const pool_context_ptr& ctx, std::string name,
               const std::string& worker) {
  event x;
  x.name = std::move(name);
  x.path = ctx->path + "/workers";
  x.child = worker;
  x.set("pool", ctx->settings->name);
  x.set("worker_id", worker);
  return x;
}

} // namespace

void tell_recycled(const pool_context_ptr& ctx, const worker_stats& w,
                   recycle_reason why) {
  ctx->count_recycled(std::string{to_string(why)});
  auto x = event_of(ctx, "charmer.worker.recycled", w.worker);
  x.text = w.worker + " was recycled: " + std::string{to_string(why)};
  x.uptime = w.uptime;
  x.set("incarnation", w.incarnation);
  x.set("count", 1);
  x.set("reason", to_string(why));
  x.set("uptime_seconds", seconds(w.uptime));
  x.set("request_count", w.requests);
  x.set("memory", w.memory);
  ctx->events->notify(std::move(x));
}

void tell_not_recycled(const pool_context_ptr& ctx, const worker_stats& w,
                       recycle_reason why, const caf::error& cause) {
  auto x = event_of(ctx, "charmer.worker.recycle_failed", w.worker);
  x.level = severity::warning;
  x.text =
      w.worker + " could not be replaced and serves on: " + describe(cause);
  x.reason = cause;
  x.set("incarnation", w.incarnation);
  x.set("count", 1);
  x.set("reason", to_string(why));
  ctx->events->notify(std::move(x));
}

void tell_delayed(const pool_context_ptr& ctx, const worker_stats& w,
                  std::size_t draining, std::size_t waiting) {
  auto x = event_of(ctx, "charmer.worker.recycle_delayed", w.worker);
  x.level = severity::warning;
  auto runtime = std::chrono::round<std::chrono::milliseconds>(w.runtime);
  x.text = w.worker + " was replaced, and still runs "
           + (w.task.empty() ? "a request" : "command " + w.task) + " for "
           + render_duration(runtime) + "; " + std::to_string(waiting)
           + (waiting == 1 ? " worker that is past a limit waits"
                           : " workers that are past a limit wait")
           + " for that";
  x.set("incarnation", w.incarnation);
  x.set("command", w.task);
  x.set("runtime_seconds", seconds(w.runtime));
  x.set("draining", draining);
  x.set("waiting", waiting);
  ctx->events->notify(std::move(x));
}

void tell_ill(const pool_context_ptr& ctx, const std::string& worker,
              std::uint32_t failures, const std::string& why) {
  auto x = event_of(ctx, "charmer.worker.health_check_failed", worker);
  x.level = severity::warning;
  // All of it, which may be long, is the reason.
  x.text = worker + " is not well: " + why.substr(0, why.find('\n'));
  x.set("count", 1);
  x.set("failures", failures);
  x.set("reason", why);
  ctx->events->notify(std::move(x));
}

void tell_heartbeat(const pool_context_ptr& ctx, const worker_stats& w,
                    std::uint32_t load, std::uint64_t finished,
                    timespan silent) {
  auto x = event_of(ctx, "charmer.worker.heartbeat", w.worker);
  x.level = severity::trace;
  x.set("incarnation", w.incarnation);
  x.set("load", load);
  x.set("finished", finished);
  x.set("silent_seconds", seconds(silent));
  x.set("memory", w.memory);
  x.set("command", w.task);
  ctx->events->notify(std::move(x));
}

} // namespace charmer
