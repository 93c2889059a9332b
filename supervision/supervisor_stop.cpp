#include "charmer/supervision/supervisor_state.hpp"

#include <algorithm>
#include <utility>

namespace charmer {

namespace {

/// How many dead children may be linked and still have an exit message on its
/// way.
constexpr std::size_t remembered_dead = 64;

} // namespace

/// Begins to end a life; `gone` is called when it is down or abandoned.
void supervisor_state::dismiss(std::uint64_t token, shutdown how) {
  dismiss(token, how, now());
}

/// @param at now; the same for all that are stopped together
void supervisor_state::dismiss(std::uint64_t token, shutdown how,
                               time_point at) {
  auto& l = lives_.at(token);
  if (how.kills_at_once()) {
    kill_life(token, l, at);
    return;
  }
  if (l.end != pressure::none)
    return;
  l.end = pressure::asked;
  ask_to_stop(self_->address(), l.handle);
  expect({timetable::limit::stop, token}, at, how.limit());
}

/// One that retires has finished what it had, or the supervisor stops: it has
/// no more time than any other from now on.
void supervisor_state::hurry(std::uint64_t token) {
  auto l = life_of(token);
  if (!l || l->end != pressure::asked || !std::exchange(l->leisurely, false))
    return;
  l->end = pressure::none;
  dismiss(token, l->spec->effective_stop());
}

void supervisor_state::kill_life(std::uint64_t token, life& l, time_point at) {
  if (l.end == pressure::killed)
    return;
  l.end = pressure::killed;
  kill(self_->address(), l.handle);
  expect({timetable::limit::kill, token}, at, spec_.kill_grace);
}

void supervisor_state::stop_time_up(std::uint64_t token, time_point at) {
  auto l = life_of(token);
  if (!l || l->end != pressure::asked)
    return;
  l->overdue = true;
  kill_life(token, *l, at);
}

void supervisor_state::kill_time_up(std::uint64_t token) {
  auto l = life_of(token);
  if (!l || l->end != pressure::killed)
    return;
  l->end = pressure::abandoned;
  ++abandoned_;
  gone(token, make_error(supervision_errc::abandoned,
                         "it does not return from a message"));
}

void supervisor_state::whole_stop_time_up() {
  auto at = now();
  for (auto& [token, l] : lives_)
    if (l.end == pressure::none || l.end == pressure::asked) {
      l.overdue = true;
      kill_life(token, l, at);
    }
}

void supervisor_state::child_down(const caf::actor_addr& source,
                                  const caf::error& reason) {
  auto i = source ? tokens_.find(source) : tokens_.end();
  if (i == tokens_.end())
    return;
  auto token = i->second;
  tokens_.erase(i);
  self_->was_noted(source);
  roster_->remove(token);
  dead_.push_back(source);
  if (dead_.size() > remembered_dead)
    dead_.pop_front();
  if (auto l = life_of(token); l && l->end == pressure::abandoned) {
    --abandoned_;
    lives_.erase(token);
    return;
  }
  gone(token, reason);
}

/// A life has ended, or we do not wait for it any longer.
void supervisor_state::gone(std::uint64_t token, const caf::error& reason) {
  auto i = lives_.find(token);
  auto x = find(i->second.child);
  report_end(x, i->second, reason);
  life l;
  if (i->second.end == pressure::abandoned) {
    l = i->second;
    i->second.child = 0;
  } else {
    l = std::move(i->second);
    lives_.erase(i);
  }
  if (l.below) {
    // A supervisor that is abandoned may live for ever, but none below it.
    if (l.end == pressure::abandoned)
      l.below->kill_all();
    await_orphans(l.below->left_behind());
  }
  if (x && x->next == token) {
    x->next = 0;
    replacement_failed(*x, l.failure ? l.failure : reason);
  } else if (x) {
    x->current = 0;
    current_gone(*x, l, reason);
  }
  advance();
}

/// What a killed supervisor left behind: it is being killed, and its place is
/// not taken before it is down.
void supervisor_state::await_orphans(
    const std::vector<roster::orphan>& orphans) {
  for (const auto& x : orphans) {
    // A successor that was killed, too, leaves those of its predecessor again.
    if (tokens_.count(x.who.child.address()) > 0)
      continue;
    auto token = ++last_token_;
    enlist(token, {.id = x.who.id,
                   .spec = x.who.spec,
                   .handle = x.who.child,
                   .below = x.who.below,
                   .left_by = x.of,
                   .token_there = x.token,
                   .incarnation = x.who.incarnation,
                   .since = now()});
    dismiss(token, shutdown::brutal_kill());
  }
}

void supervisor_state::current_gone(child& x, const life& l,
                                    const caf::error& reason) {
  if (will_be_stopped(x)) {
    x.last = reason;
    stopped(x);
  } else if (l.failure) {
    start_failed(x, l.failure);
  } else if (l.end != pressure::none) {
    x.last = reason;
    stopped(x);
  } else if (!l.ready) {
    start_failed(x, reason);
  } else {
    auto policy = x.spec->retry.value_or(backoff{});
    if (now() - l.since >= policy.reset_after)
      x.attempt = 0;
    if (!is_busy() || plan_->what == purpose::group_restart) {
      ended(x, reason);
      return;
    }
    // During the initial start nothing is restarted. What is done about the
    // first one may start this one, too; then there is nothing left to do.
    x.state = child_state::backoff;
    auto generation = ++x.generation;
    deferred_.push_back(
        {{}, [this, generation, number = x.number, reason](promise) {
           auto dead = find(number);
           if (dead && dead->generation == generation)
             ended(*dead, reason);
         }});
  }
}

/// A child is down because we wanted it so.
void supervisor_state::stopped(child& x) {
  auto restarts = plan_ && plan_->what == purpose::group_restart
                  && x.number >= plan_->first && x.stopping.empty();
  x.state = restarts ? child_state::backoff : child_state::stopped;
  if (plan_)
    plan_->stopping.erase(x.number);
  auto stopping = std::exchange(x.stopping, {});
  auto starting = std::exchange(x.starting, {});
  auto id = x.id;
  auto forgotten =
      x.fresh || is_simple() || x.spec->restart == restart_type::temporary;
  if (forgotten)
    remove(x);
  else if (!restarts && !is_stopping() && spec_.when_stopped)
    spec_.when_stopped(id);
  for (auto& answer : stopping)
    answer.deliver(caf::unit);
  for (auto& answer : starting)
    answer.deliver(is_stopping() ? refusal("child '" + id + "'")
                                 : make_error(supervision_errc::replaced,
                                              "child '" + id + "'"));
}

// -- the end of the supervisor ------------------------------------------------

void supervisor_state::stop_requested(const caf::actor_addr& source,
                                      const caf::error& reason) {
  if (!source) { // somebody who is no actor
    if (reason)
      stop_all(reason);
    return;
  }
  // A child that is linked says twice that it died, as down and as exit.
  auto is_child =
      tokens_.count(source) > 0
      || std::find(dead_.begin(), dead_.end(), source) != dead_.end();
  // So is a helper of a start function, as one that OTP's supervisor does not
  // know. Asked also if it ended well, so that it is forgotten.
  auto is_helper = self_->was_noted(source);
  if (reason && !is_child && !is_helper)
    stop_all(reason);
}

void supervisor_state::stop_all(caf::error reason) {
  if (is_stopping())
    return;
  plan_ = plan{
      .what = purpose::stop, .everything = true, .reason = std::move(reason)};
  std::vector<stoppable> living;
  for (auto& [number, x] : children_) {
    ++x.generation;
    give_up_next(x, refusal(path_));
    if (x.current != 0) {
      living.push_back({number, x.dynamic});
      continue;
    }
    x.state = child_state::stopped;
    for (auto& answer : std::exchange(x.starting, {})) // it waits in a plan
      answer.deliver(refusal("child '" + x.id + "'"));
  }
  for (const auto& [token, l] : lives_)
    hurry(token);
  plan_->stops = stop_order(living, !is_group());
  for (auto& x : std::exchange(deferred_, {}))
    x.answer.deliver(refusal(path_));
  for (auto& answer : std::exchange(readiness_, {}))
    answer.deliver(not_ready());
  expect({timetable::limit::stop}, now(), spec_.stop_limit);
  advance();
}

void supervisor_state::finish_stop() {
  auto reason = plan_->reason;
  auto failed = classify(reason) == exit_kind::abnormal;
  auto e = describe(event_name::supervisor_stopped,
                    failed ? severity::error : severity::info);
  explain(e, reason);
  publish(std::move(e));
  // What is in the mailbox by now is served before the end, by `refusal`; what
  // comes later is answered without it.
  self_->say_last([ready = not_ready(), others = refusal(path_)](auto& asked) {
    return begins_with<ready_atom>(asked) ? ready : others;
  });
  cast(held_by_itself_, end_atom_v);
}

/// Whoever else sends this message ends nothing.
void supervisor_state::end() {
  if (is_stopping() && plan_->finished)
    self_->quit(plan_->reason);
}

/// After a kill.
supervisor_state::~supervisor_state() {
  auto refusal =
      make_error(supervision_errc::shutting_down, path_ + " was killed");
  auto refuse = [&](promises& xs) {
    for (auto& x : xs)
      x.deliver(refusal);
  };
  for (auto& [number, x] : children_) {
    refuse(x.starting);
    refuse(x.stopping);
    refuse(x.replacing);
  }
  for (auto& x : deferred_)
    x.answer.deliver(refusal);
  refuse(readiness_);
}

} // namespace charmer
