#include "charmer/supervision/duration_text.hpp"
#include "charmer/supervision/supervisor_state.hpp"

#include <utility>

namespace charmer {

void supervisor_state::start(child& x, occasion why) {
  ++x.generation;
  x.given_up = false;
  x.why = why;
  x.otherwise = verdict::restart;
  x.retry_at = {};
  x.state = child_state::starting;
  auto token = ++last_token_;
  auto made = call_start(x, token, false);
  if (!made) {
    start_failed(x, made.error());
    return;
  }
  if (!made->handle) {
    ignored(x);
    return;
  }
  x.current = token;
  x.last_actor = made->handle.address();
  auto& l = enlist(token, {.child = x.number,
                           .id = x.id,
                           .spec = x.spec,
                           .handle = made->handle,
                           .below = made->below,
                           .incarnation = x.incarnation,
                           .since = now()});
  if (made->ready)
    became_ready(x, l);
  else
    expect({timetable::limit::start, token}, l.since, x.spec->start_limit);
}

/// Runs the user's function; whatever it does becomes a value.
caf::expected<started>
supervisor_state::call_start(child& x, std::uint64_t token, bool beside) {
  start_context context{.supervisor = caf::actor_cast<caf::actor>(self_),
                        .token = token,
                        .incarnation = ++x.incarnation,
                        .path = path_ + '/' + x.id,
                        .self = self_,
                        .beside = beside,
                        .arguments = x.arguments,
                        .events = spec_.events};
  try {
    auto made = self_->noting_links([&] { return x.spec->start(context); });
    if (!made)
      return made;
    if (auto mistake = mistake_in(*made))
      return mistake;
    return made;
  } catch (const std::exception& e) {
    return make_error(supervision_errc::start_failed, std::string{e.what()});
  } catch (...) {
    return make_error(supervision_errc::start_failed, "unknown exception");
  }
}

/// Each life is an actor of its own: the end of one must not be that of two.
caf::error supervisor_state::mistake_in(const started& x) const {
  if (!x.handle)
    return {};
  auto who = x.handle.address();
  if (who == self_->address())
    return make_error(supervision_errc::start_failed,
                      "the start function returned its own supervisor; it must "
                      "return the actor that it started");
  auto i = tokens_.find(who);
  if (i == tokens_.end())
    return {};
  auto l = life_of(i->second);
  return make_error(supervision_errc::start_failed,
                    "the start function returned the actor of child '"
                        + (l ? l->id : std::string{})
                        + "', which is alive; each start must return an actor "
                          "of its own");
}

/// From here on its end is noticed, whatever happens to this supervisor.
supervisor_state::life& supervisor_state::enlist(std::uint64_t token, life x) {
  roster_->add(token, {x.id, x.handle, x.below, x.spec, x.incarnation,
                       x.left_by, x.token_there});
  tokens_.emplace(x.handle.address(), token);
  self_->monitor(x.handle);
  return lives_.emplace(token, std::move(x)).first->second;
}

void supervisor_state::became_ready(child& x, life& l) {
  l.ready = true;
  l.since = now();
  x.state = child_state::running;
  x.fresh = false;
  publish(describe(event_name::child_started, severity::info, x));
  for (auto& answer : std::exchange(x.starting, {}))
    answer.deliver(l.handle);
  advance();
}

/// `next` is ready: it is the child now, and the first one retires.
void supervisor_state::took_over(child& x) {
  auto retired = std::exchange(x.current, std::exchange(x.next, 0));
  auto& l = lives_.at(x.current);
  x.last_actor = l.handle.address();
  l.ready = true;
  l.since = now();
  x.state = child_state::running;
  auto e = describe(event_name::child_replaced, severity::info, x);
  if (auto old = life_of(retired)) {
    e.uptime = now() - old->since;
    e.set("retired_actor_id", old->handle.id());
    old->child = 0;
    old->leisurely = x.spec->retire.has_value();
    dismiss(retired, x.spec->effective_retire());
  }
  publish(std::move(e));
  for (auto& answer : std::exchange(x.replacing, {}))
    answer.deliver(l.handle);
}

/// It does not want to run: the spec stays, unless temporary.
void supervisor_state::ignored(child& x) {
  x.state = child_state::stopped;
  x.fresh = false;
  auto answers = std::exchange(x.starting, {});
  if (x.spec->restart == restart_type::temporary || is_simple())
    remove(x);
  for (auto& answer : answers)
    answer.deliver(caf::actor{});
  advance();
}

/// Tells it to the hub. @returns the error for those who asked
caf::error supervisor_state::report_failed_start(child& x,
                                                 const caf::error& why) {
  x.last = why;
  auto e = describe(event_name::start_error, severity::error, x);
  explain(e, why);
  publish(std::move(e));
  return make_error(supervision_errc::start_failed,
                    "child '" + x.id + "' did not start", why);
}

void supervisor_state::start_failed(child& x, const caf::error& why) {
  x.state = child_state::stopped;
  x.current = 0;
  auto failure = report_failed_start(x, why);
  auto answers = std::exchange(x.starting, {});
  switch (x.why) {
    case occasion::added:
      remove(x);
      break;
    case occasion::requested:
      break;
    case occasion::automatic:
      if (x.otherwise == verdict::restart || x.otherwise == verdict::renew)
        restart(x, true);
      else
        ended_for_good(x, x.otherwise == verdict::keep && !is_simple());
      break;
    case occasion::planned:
      if (ready_)
        restart(x, true);
      else
        stop_all(failure);
  }
  for (auto& answer : answers)
    answer.deliver(failure);
}

void supervisor_state::replacement_failed(child& x, const caf::error& why) {
  auto e = describe(event_name::start_error, severity::warning, x);
  e.set("replacement", true);
  explain(e, why);
  publish(std::move(e));
  auto failure =
      make_error(supervision_errc::start_failed,
                 "the replacement of child '" + x.id + "' did not start", why);
  for (auto& answer : std::exchange(x.replacing, {}))
    answer.deliver(failure);
}

/// Stops what is starting. Who asked for it is told now, because it may take
/// long to be down; only the next attempt waits for that.
void supervisor_state::give_up_start(std::uint64_t token, caf::error why) {
  auto& l = lives_.at(token);
  auto& x = *find(l.child);
  l.failure = why;
  auto is_replacement = x.next == token;
  if (is_replacement) {
    x.next = 0;
    l.child = 0;
  }
  dismiss(token, l.spec->effective_stop());
  if (is_replacement) {
    replacement_failed(x, why);
    return;
  }
  auto initially = x.why == occasion::planned && !ready_;
  auto failure =
      initially ? report_failed_start(x, l.failure)
                : make_error(supervision_errc::start_failed,
                             "child '" + x.id + "' did not start", l.failure);
  for (auto& answer : std::exchange(x.starting, {}))
    answer.deliver(failure);
  if (initially)
    stop_all(std::move(failure));
}

/// Nobody waits for the replacement any more.
void supervisor_state::give_up_next(child& x, const caf::error& why) {
  if (x.next == 0)
    return;
  auto token = std::exchange(x.next, 0);
  lives_.at(token).child = 0;
  dismiss(token, x.spec->effective_stop());
  for (auto& answer : std::exchange(x.replacing, {}))
    answer.deliver(why);
}

/// Nobody waits for ever for what never was ready: if it may take as long as it
/// likes to stop, it is killed all the same.
void supervisor_state::start_time_up(std::uint64_t token) {
  auto l = life_of(token);
  if (!l || l->ready)
    return;
  if (l->spec->effective_stop().waits_forever())
    expect({timetable::limit::stop, token}, now(), spec_.kill_grace);
  if (l->end == pressure::none)
    give_up_start(token,
                  make_error(supervision_errc::start_timeout,
                             "child '" + l->id + "' was not ready within "
                                 + to_short(l->spec->start_limit)));
}

// -- reports ------------------------------------------------------------------

void supervisor_state::child_ready(std::uint64_t token) {
  auto l = life_of(token);
  if (!l || l->ready || l->end != pressure::none)
    return; // given up meanwhile: it is being stopped already
  auto x = find(l->child);
  if (!x)
    return;
  if (x->next == token)
    took_over(*x);
  else
    became_ready(*x, *l);
}

void supervisor_state::child_failed(std::uint64_t token, caf::error why) {
  auto l = life_of(token);
  if (!l || l->ready || l->end != pressure::none)
    return;
  if (!why)
    why = make_error(supervision_errc::start_failed);
  give_up_start(token, std::move(why));
}

} // namespace charmer
