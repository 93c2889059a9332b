#include "charmer/actors/worker.hpp"

#include "charmer/supervision/messages.hpp"

#include <atomic>
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
        supervisor_(start.supervisor.address()) {
    // nop
  }

  void ready(worker_info info) override {
    for (auto& x : info.commands)
      ctx_->core.declare(x.name, x.idempotent || named_idempotent(x.name));
    was_ready_ = true;
    // First, because whoever waits for a worker may ask what it has.
    ctx_->remember(incarnation_, info);
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

  void retiring() override {
    ctx_->with_core(nullptr, [&](auto& out) {
      ctx_->core.worker_retiring(incarnation_, ctx_->now(), out);
    });
  }

  void tell_spawned() {
    event x;
    x.name = "charmer.worker.spawned";
    x.text = id_ + " is being started";
    x.set("incarnation", incarnation_);
    tell(std::move(x));
  }

  void died(worker_death how) override {
    auto visit = ctx_->visit();
    if (auto command = how.planned ? hanging() : std::nullopt)
      tell_hung(how, *command);
    else
      tell_terminated(how);
    ctx_->forget(incarnation_);
    ctx_->with_core(nullptr, [&](auto& out) {
      ctx_->core.worker_died(incarnation_, how.reason, ctx_->now(), out);
    });
    if (was_ready_)
      return;
    if (auto sup = caf::actor_cast<caf::actor>(supervisor_))
      cast(sup, child_failed_atom_v, token_, how.reason);
  }

  void left_behind() override {
    event x;
    x.name = "charmer.worker.abandoned";
    x.level = severity::error;
    x.text = id_ + " cannot be ended and was left behind, still running";
    x.set("incarnation", incarnation_);
    tell(std::move(x));
    auto why =
        make_error(pool_errc::pool_degraded,
                   "too many workers were left behind (max_abandoned "
                       + std::to_string(ctx_->settings->max_abandoned) + ")");
    auto too_many = ctx_->with_core(nullptr, [&](auto& out) {
      return ctx_->core.left_behind(incarnation_, why, ctx_->now(), out);
    });
    if (too_many)
      ctx_->tell("charmer.pool.degraded", severity::error, describe(why));
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
                   .arguments = std::move(what.arguments)};
    auto request = ctx_->core.running(what.lease);
    if (request && request->content.match_elements<invocation>()) {
      auto& options = request->content.get_as<invocation>(0).options;
      call.time_left = time_left(what.lease);
      call.correlation = options.correlation;
      call.chain = options.chain;
      call.chain.push_back(options.id);
    }
    ctx_->functions->ask(ctx_->system, std::move(call),
                         {std::move(what.asker), what.number});
  }

  void tell(event what) override {
    if (what.name == gil_is_back)
      note_gil();
    what.path = path_;
    what.child = id_;
    what.set("pool", ctx_->settings->name);
    what.set("worker_id", id_);
    ctx_->events->notify(std::move(what));
  }

private:
  // An extension has turned it on, in the middle of the worker's life.
  void note_gil() {
    if (auto info = ctx_->info(incarnation_)) {
      info->gil_enabled = true;
      ctx_->remember(incarnation_, std::move(*info));
    }
  }

  bool named_idempotent(const std::string& command) const {
    auto& xs = ctx_->settings->idempotent;
    return std::find(xs.begin(), xs.end(), command) != xs.end();
  }

  // The command that does not stop, if it is ended because of one.
  std::optional<std::string> hanging() const {
    for (auto& w : ctx_->stats(false).workers)
      if (w.incarnation == incarnation_ && w.state == worker_state::expelled)
        return w.task;
    return std::nullopt;
  }

  event terminated(const worker_death& how) const {
    event x;
    x.name = "charmer.worker.terminated";
    x.reason = how.reason;
    x.set("incarnation", incarnation_);
    x.set("planned", how.planned);
    return x;
  }

  void tell_terminated(const worker_death& how) {
    auto x = terminated(how);
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
  worker_start what;
  what.settings = ctx->settings;
  what.worker = id;
  what.incarnation = ctx->core.add_worker(place);
  auto its_host = std::make_shared<host>(ctx, id, what.incarnation, where);
  its_host->tell_spawned();
  what.host = its_host;
  auto incarnation = what.incarnation;
  auto result = start_guarded(*ctx, std::move(what));
  if (!result) {
    ctx->with_core(nullptr, [&](auto& out) {
      ctx->core.worker_died(incarnation, result.error(), ctx->now(), out);
    });
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
  result.stop = shutdown::after(ctx->settings->worker_shutdown);
  // The profile keeps this limit itself and knows better what went wrong.
  result.start_limit = ctx->settings->start_timeout + std::chrono::seconds(5);
  result.retry = ctx->settings->restart_backoff;
  return result;
}

} // namespace charmer
