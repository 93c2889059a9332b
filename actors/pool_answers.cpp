// Part of pool_context.hpp: what callers are answered that is no worker's
// answer.
#include "charmer/actors/pool_context.hpp"
#include "charmer/profiles/units.hpp"

namespace charmer {

void pool_context::answer(core_type::settlement& x, actor_runner* context) {
  auto outcome = outcome_of(x);
  auto& why = outcome.get_as<caf::error>(0);
  tell_settled(x.code, x.who, why);
  if (x.code == pool_errc::exec_timeout && x.begun)
    answer_late(std::move(x), why);
  else
    deliver(x.who, std::move(outcome), context);
}

void pool_context::deliver(const caf_request& to, caf::message outcome,
                           actor_runner* context) {
  if (to.caller && to.id.is_request())
    post(to.caller, door(), to.id.response_id(), std::move(outcome), context);
  else
    tell_failed(to, outcome.get_as<caf::error>(0));
}

// A worker that hangs is asked what it does; its caller hears of it.
void pool_context::answer_late(core_type::settlement x, const caf::error& why) {
  auto send = [self = shared_from_this(), to = std::move(x.who)](caf::error e) {
    self->deliver(to, caf::make_message(std::move(e)), nullptr);
  };
  auto late =
      std::make_shared<late_error>(std::move(send), x.code, failure_of(why));
  if (auto worker = info(x.incarnation); worker && worker->explain)
    worker->explain(std::move(late));
}

void pool_context::grant(effects::grant& x, actor_runner* context) {
  auto t = now();
  auto left = x.until == time_point::max() ? infinite
              : x.until > t                ? timespan{x.until - t}
                                           : timespan{0};
  if (x.who.caller && x.who.id.is_request())
    post(x.who.caller, door(), x.who.id.response_id(),
         caf::make_message(granted{x.worker_name, x.incarnation, left}),
         context);
}

// A pool under load may refuse as often as it accepts: what is the same for
// every request that was refused is made once.
caf::message pool_context::outcome_of(const core_type::settlement& x) const {
  auto alike = x.serial == 0 && !x.why && !x.errand && x.who.correlation.empty()
               && !x.who.content.match_elements<invocation>();
  return alike ? alike_[static_cast<std::size_t>(x.code)]
               : caf::make_message(error_of(x));
}

caf::error pool_context::error_of(const core_type::settlement& x) const {
  failure f;
  if (x.why)
    f = failure_of(*x.why);
  f.pool = settings->name;
  f.worker = x.worker;
  f.incarnation = x.incarnation;
  f.request = x.serial;
  f.begun = x.begun;
  f.correlation = correlation_of(x.who);
  if (x.who.content.match_elements<invocation>())
    f.command = x.who.content.get_as<invocation>(0).command;
  auto why = f.text.empty() ? std::string{} : ": " + f.text;
  switch (x.code) {
    case pool_errc::queue_full:
      if (x.session) {
        f.text = "the pool has as many sessions as it may (max_sessions "
                 + std::to_string(settings->max_sessions)
                 + "), and this would be a new one";
        break;
      }
      f.text = "the pool's queue is full (max_queue_size "
               + std::to_string(settings->max_queue_size) + ", max_queue_bytes "
               + std::to_string(settings->max_queue_bytes) + ")";
      break;
    case pool_errc::pool_degraded:
      f.text = "no worker of the pool can be had at present" + why;
      break;
    case pool_errc::wait_timeout:
      f.text = x.deaths == 0 ? "no worker was free in time; the request never "
                               "ran"
                             : "its worker died, and no other was free in time "
                               "to run it again";
      break;
    case pool_errc::exec_timeout:
      f.text = x.overrun
                   ? "it ran for too long (max_overrun_warnings), and its "
                     "worker is replaced"
                   : "the deadline passed before the worker answered";
      break;
    case pool_errc::cancelled:
      f.text = x.begun         ? "cancelled while it ran"
               : x.deaths != 0 ? "cancelled before it could run again, for its "
                                 "worker died"
               : x.errand ? "cancelled before it ran, or its lease has ended"
                          : "cancelled before it ran";
      break;
    case pool_errc::circuit_open:
      f.text = "the breaker is open because too many requests failed; it tries "
               "again after its cooldown";
      break;
    case pool_errc::no_available_worker:
      f.text = x.errand ? "the lease of the worker has ended"
               : x.session
                   ? "the worker of the session is busy (session_affinity "
                     "\"fail\")"
                   : "the strategy found no worker that can be had now";
      break;
    case pool_errc::unsupported:
      f.text = x.errand ? "a worker that is held cannot be checked out again"
               : settings->queue == queue_order::off
                   ? "the pool has no queue (\"queue\": \"off\"), and this "
                     "strategy needs one"
                   : "the request names a strategy that does not exist";
      break;
    case pool_errc::would_deadlock:
      f.text = "every worker of the pool is kept by a command that waits for a "
               "function of the application, and these wait for the pool";
      break;
    case pool_errc::poisoned:
      f.text = std::to_string(x.deaths + x.bounces)
               + " workers died of this request"
               + (why.empty() ? why : ", the last one" + why);
      break;
    case pool_errc::shutting_down:
      f.text = "the pool is being stopped";
      break;
    case pool_errc::worker_died:
      if (x.errand && !x.begun && x.ending != worker_ending::death) {
        f.text =
            x.ending == worker_ending::stop
                ? "the worker that was held was stopped before this "
                  "request began"
                : "the worker that was held was replaced because a request "
                  "that it ran did not stop (cancel_grace), and this one "
                  "had not begun";
        break;
      }
      if (x.ending == worker_ending::expulsion) {
        f.text = "the worker was replaced because another request that it ran "
                 "did not stop (cancel_grace), and this one was not done in "
                 "time: it has no deadline (worker_shutdown), or more workers "
                 "hang than the pool has";
        break;
      }
      if (x.ending == worker_ending::stop) {
        f.text = "the worker was stopped, and this request was not done in "
                 "time: "
                 + missed_limit();
        break;
      }
      if (!x.why && x.bounces != 0) {
        f.text = std::to_string(x.bounces)
                 + " workers in a row ended when they had got this request; it "
                   "may have begun";
        break;
      }
      [[fallthrough]];
    default:
      // A worker that broke the protocol says so itself.
      if (x.code == pool_errc::worker_died && x.begun && x.why)
        return make_error(code_of(*x.why).value_or(x.code), std::move(f));
      break;
  }
  return make_error(x.code, std::move(f));
}

void pool_context::stops_within(timespan limit, timespan left) {
  stop_limit_ = limit;
  stop_end_ = later(now(), left);
}

// What ended a worker that was asked to stop.
std::string pool_context::missed_limit() const {
  if (now() >= stop_end_.load())
    return "all had to stop within " + render_duration(stop_limit_);
  return "neither before that nor within worker_shutdown ("
         + render_duration(settings->worker_shutdown) + ") after it";
}

caf::message pool_context::no_lease() const {
  core_type::settlement x;
  x.code = pool_errc::no_available_worker;
  x.errand = true;
  return caf::make_message(error_of(x));
}

caf::message pool_context::absence() const {
  core_type::settlement x;
  x.code = core.absence();
  x.why = core.last_error();
  return caf::make_message(error_of(x));
}

} // namespace charmer
