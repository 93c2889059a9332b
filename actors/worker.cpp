#include "charmer/actors/worker.hpp"

#include "charmer/profiles/units.hpp"
#include "charmer/supervision/messages.hpp"

#include <atomic>
#include <csignal>
#include <optional>

namespace charmer {

namespace {

constexpr std::string_view gil_is_back = "charmer.worker.gil_enabled";

// One incarnation's way to its pool.
class host final : public worker_host {
public:
  host(pool_context_ptr ctx, std::string id, std::uint64_t incarnation,
       const start_context& start)
      : ctx_(std::move(ctx)), id_(std::move(id)), incarnation_(incarnation),
        path_(start.path), token_(start.token),
        supervisor_(start.supervisor.address()),
        pool_(ctx_->part(pool_part::pool).address()) {
    // nop
  }

  void ready(worker_info info) override {
    for (auto& x : info.commands)
      ctx_->core.declare(x.name, x.idempotent || named_idempotent(x.name));
    was_ready_ = true;
    // First, because whoever waits for a worker may ask what it has.
    ctx_->remember(incarnation_, info, {supervisor_, token_});
    auto capacity = ctx_->profile->get_capacity(*ctx_->settings);
    auto recovered = ctx_->with_core(nullptr, [&](auto& out) {
      return ctx_->core.worker_ready(
          incarnation_, caf::actor_cast<caf::strong_actor_ptr>(info.handle),
          capacity, info.evidence, ctx_->now(), out);
    });
    tell_ready(info);
    ctx_->tell_initialised();
    if (recovered)
      ctx_->tell("charmer.pool.recovered", severity::info,
                 "a worker is ready again");
    if (auto sup = caf::actor_cast<caf::actor>(supervisor_))
      cast(sup, child_ready_atom_v, token_);
  }

  timespan retiring() override {
    auto has_time = ctx_->with_core(nullptr, [&](auto& out) {
      return ctx_->core.worker_retiring(incarnation_, ctx_->now(), out);
    });
    return has_time ? infinite : ctx_->settings->worker_shutdown;
  }

  void tell_spawned() {
    event x;
    x.name = "charmer.worker.spawned";
    x.text = id_ + " is being started";
    x.set("incarnation", incarnation_);
    tell(std::move(x));
  }

  void died(worker_death how) override {
    tell_end(how);
    ctx_->forget(incarnation_);
    ctx_->with_core(nullptr, [&](auto& out) {
      for (auto lease : how.not_begun)
        ctx_->core.bounced(lease, false, ctx_->now(), out);
      ctx_->core.worker_died(incarnation_, how.reason, ctx_->now(), out);
    });
    find_another();
    if (was_ready_)
      return;
    if (auto sup = caf::actor_cast<caf::actor>(supervisor_))
      cast(sup, child_failed_atom_v, token_, how.reason);
  }

  // A supervisor starts its workers again, but not those that another one left
  // when it was killed; and who asked for one that never was ready tries again,
  // unless that was killed. Then the pool is to look.
  void find_another() {
    if (ctx_->part(pool_part::worker_supervisor) != supervisor_
        || (!was_ready_ && ctx_->part(pool_part::pool) != pool_))
      ctx_->wake(pool_part::pool, look_atom_v);
  }

  void left_behind() override {
    auto limit =
        "max_abandoned " + std::to_string(ctx_->settings->max_abandoned);
    auto too_many =
        make_error(pool_errc::pool_degraded,
                   "too many workers were left behind (" + limit + ")");
    ctx_->with_core(nullptr, [&](auto& out) {
      auto has_none =
          ctx_->core.left_behind(incarnation_, too_many, ctx_->now(), out);
      event x;
      x.name = "charmer.worker.abandoned";
      x.level = severity::error;
      x.text = id_ + " cannot be ended and was left behind, still running"
               + (has_none ? "; it has no successor before one of those has "
                             "ended ("
                                 + limit + ")"
                           : "");
      x.set("incarnation", incarnation_);
      tell(std::move(x));
    });
  }

  void returned() override {
    auto recovered = ctx_->with_core(nullptr, [&](auto& out) {
      return ctx_->core.returned(incarnation_, ctx_->now(), out);
    });
    if (recovered)
      ctx_->tell("charmer.pool.recovered", severity::info,
                 "a worker that was left behind has ended");
  }

  timespan time_left(std::uint64_t lease) override {
    return ctx_->core.time_left(lease, ctx_->now());
  }

  void ask(host_question what) override {
    host_call call{.function = std::move(what.function),
                   .arguments = std::move(what.arguments),
                   .time_left = what.time_left};
    auto request = ctx_->core.running(what.lease);
    if (request && request->content.match_elements<invocation>()) {
      auto& options = request->content.get_as<invocation>(0).options;
      call.time_left = std::min(call.time_left, time_left(what.lease));
      call.correlation = options.correlation;
      call.chain = options.chain;
      call.chain.push_back(options.id);
    }
    ctx_->functions->ask(
        ctx_->system, std::move(call),
        {std::move(what.asker), what.number, std::move(what.ended)});
  }

  void tell(event what) override {
    if (what.name == gil_is_back) // in the middle of the worker's life
      ctx_->note_gil(incarnation_);
    what.path = path_;
    what.child = id_;
    what.set("pool", ctx_->settings->name);
    what.set("worker_id", id_);
    ctx_->events->notify(std::move(what));
  }

private:
  bool named_idempotent(const std::string& command) const {
    auto& xs = ctx_->settings->idempotent;
    return std::find(xs.begin(), xs.end(), command) != xs.end();
  }

  event terminated(const worker_death& how) const {
    event x;
    x.name = "charmer.worker.terminated";
    x.reason = how.reason;
    x.set("incarnation", incarnation_);
    x.set("planned", how.planned);
    return x;
  }

  // Of itself, in the middle of being stopped: in its teardown, most likely.
  // By SIGTERM it ends as it was asked to; SIGKILL may be the kernel's, who
  // needs its memory.
  bool died_while_stopped(const worker_death& how) const {
    auto f = failure_of(how.reason);
    return how.planned && was_ready_
           && (f.exit_code > 0
               || (f.signal != 0 && f.signal != SIGTERM && !how.killed));
  }

  void tell_end(worker_death how) {
    auto has_time = ctx_->settings->worker_shutdown > timespan{0};
    if (!how.planned && has_time) {
      tell_terminated(how);
      return;
    }
    // As the pool sees it, which has not heard yet that it is dead.
    auto w = ctx_->core.snapshot_of(incarnation_, ctx_->now())
                 .value_or(worker_snapshot{});
    // Who has no time to stop is killed, and cannot say that it was to end.
    auto to_end = ctx_->core.draining() || w.state == worker_state::retiring;
    how.planned = how.planned || (to_end && w.running == 0);
    if (how.planned && w.state == worker_state::expelled)
      tell_hung(how, w.task);
    else if (how.planned && how.overdue && has_time)
      tell_overdue(how, w.running == 0 ? std::nullopt : std::optional{w.task});
    else
      tell_terminated(how);
  }

  void tell_terminated(const worker_death& how) {
    auto x = terminated(how);
    if (died_while_stopped(how)) {
      x.level = severity::warning;
      x.text = id_
               + " died while it was being stopped, perhaps in its "
                 "teardown: "
               + describe(how.reason);
      x.set("cause", "shutdown");
      tell(std::move(x));
      return;
    }
    x.level = how.planned ? severity::info : severity::warning;
    x.text =
        id_ + " has ended"
        + (how.planned ? ", as it was asked to" : ": " + describe(how.reason));
    tell(std::move(x));
  }

  // Planned, as the pool had it ended; but nobody had planned it to hang.
  void tell_hung(const worker_death& how, const std::string& command) {
    // Whom it was to ask for its health, the lifecycle manager replaces.
    if (command != "health_check")
      ctx_->count_recycled("hang");
    auto x = terminated(how);
    x.level = severity::warning;
    x.text = id_ + " was ended by force: its request"
             + (command.empty() ? "" : " (command " + command + ")")
             + " did not stop";
    x.set("cause", "hang");
    if (!command.empty())
      x.set("command", command);
    tell(std::move(x));
  }

  // Planned as well, but not this end of it. `running`: it was at a command
  // yet.
  void tell_overdue(const worker_death& how,
                    const std::optional<std::string>& running) {
    auto x = terminated(how);
    x.level = severity::warning;
    auto what = !running           ? "its teardown"
                : running->empty() ? "its request"
                                   : "its command " + *running;
    x.text = id_ + " was killed: " + what
             + " was not done within worker_shutdown ("
             + render_duration(ctx_->settings->worker_shutdown) + ")";
    x.set("cause", "shutdown");
    if (running && !running->empty())
      x.set("command", *running);
    tell(std::move(x));
  }

  void tell_ready(const worker_info& info) {
    event x;
    x.name = "charmer.worker.ready";
    x.text = id_ + " is ready";
    if (info.pid != 0) {
      x.text += ", pid " + std::to_string(info.pid);
      x.set("pid", info.pid);
      x.set("interpreter", info.interpreter);
      x.set("python_version", info.python_version);
    }
    x.set("incarnation", incarnation_);
    tell(std::move(x));
  }

  const pool_context_ptr ctx_;
  const std::string id_;
  const std::uint64_t incarnation_;
  const std::string path_;
  const std::uint64_t token_;
  const caf::actor_addr supervisor_;
  const caf::actor_addr pool_; ///< who asked for it, if that was the pool
  std::atomic<bool> was_ready_ = false;
};

using vacancy = pool_context::core_type::vacancy;

// A profile may be the application's.
caf::expected<caf::actor> start_guarded(pool_context& ctx, worker_start what) {
  try {
    return ctx.profile->start_worker(ctx.system, std::move(what));
  } catch (const std::exception& e) {
    return make_error(pool_errc::start_failed, std::string{e.what()});
  } catch (...) {
    return make_error(pool_errc::start_failed,
                      "an exception that is no std::exception");
  }
}

caf::expected<started> start(const pool_context_ptr& ctx, const vacancy& place,
                             const start_context& where) {
  auto& id = place.worker;
  if (!where.beside && !ctx->core.wants(place)) {
    // It was to go, and has gone in another way.
    cast(where.supervisor, delete_child_atom_v, id);
    return started{};
  }
  worker_start what;
  what.settings = ctx->settings;
  what.worker = id;
  what.incarnation = ctx->core.add_worker(place, where.beside);
  auto its_host = std::make_shared<host>(ctx, id, what.incarnation, where);
  its_host->tell_spawned();
  what.host = its_host;
  auto incarnation = what.incarnation;
  auto result = start_guarded(*ctx, std::move(what));
  if (!result) {
    ctx->with_core(nullptr, [&](auto& out) {
      ctx->core.worker_died(incarnation, result.error(), ctx->now(), out);
    });
    its_host->find_another();
    return result.error();
  }
  return started{*result, false};
}

} // namespace

child_spec worker_child(const pool_context_ptr& ctx, const vacancy& place) {
  child_spec result;
  result.id = place.worker;
  result.start = [=](const start_context& where) {
    return start(ctx, place, where);
  };
  // Who comes for a while is not replaced; whoever waits has a new one started.
  if (place.seat == no_index)
    result.restart = restart_type::temporary;
  auto limit = ctx->settings->worker_shutdown;
  result.stop =
      limit == timespan{0} ? shutdown::brutal_kill() : shutdown::after(limit);
  // What it runs when another takes its place has a time of its own.
  result.retire = shutdown::infinite();
  // The profile keeps this limit itself and knows better what went wrong.
  result.start_limit = ctx->settings->start_timeout + std::chrono::seconds(5);
  result.retry = ctx->settings->restart_backoff;
  return result;
}

} // namespace charmer
