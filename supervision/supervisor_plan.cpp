#include "charmer/supervision/supervisor_state.hpp"

#include <algorithm>
#include <utility>

namespace charmer {

void supervisor_state::begin(supervisor_spec spec, supervisor_parent parent) {
  spec_ = std::move(spec);
  parent_ = std::move(parent);
  path_ = spec_.path_prefix.empty() ? spec_.name
                                    : spec_.path_prefix + '/' + spec_.name;
  budget_ = restart_budget{spec_.intensity};
  random_.seed(spec_.seed != 0 ? spec_.seed : std::random_device{}());
  since_ = now();
  roster_ = parent_.roster ? parent_.roster : std::make_shared<roster>(path_);
  held_by_itself_ = caf::actor_cast<caf::actor>(self_);
  on_exit(held_by_itself_,
          [left_behind = roster_] { left_behind->kill_all(); });
  if (is_simple())
    template_ = std::make_shared<const child_spec>(spec_.children.front());
  plan_initial_start();
}

void supervisor_state::plan_initial_start() {
  plan_ = plan{.what = purpose::initial_start, .everything = true};
  if (parent_.succession)
    await_orphans(parent_.succession->succeed(
        caf::actor_cast<caf::actor>(self_), roster_));
  if (!is_simple())
    for (auto& spec : spec_.children) {
      auto& x = add(std::make_shared<const child_spec>(std::move(spec)), false);
      plan_->starts.push_back(x.number);
    }
  spec_.children.clear();
  advance();
}

/// Does what can be done now. Called whenever something has begun or ended;
/// calls from inside itself are left to its own loop.
void supervisor_state::advance() {
  if (advancing_)
    return;
  advancing_ = true;
  for (;;) {
    if (plan_ && step())
      continue;
    if (is_busy() || deferred_.empty())
      break;
    auto next = std::move(deferred_.front());
    deferred_.pop_front();
    next.act(std::move(next.answer));
  }
  advancing_ = false;
}

/// One step of the plan. False: there is something to wait for.
bool supervisor_state::step() {
  if (!stops_are_done())
    return false;
  auto all_down = lives_.size() == abandoned_;
  if (plan_->everything && plan_->awaited == 0 && !all_down)
    return false;
  plan_->everything = false;
  if (plan_->what == purpose::stop) {
    if (!std::exchange(plan_->finished, true))
      finish_stop();
    return false;
  }
  if (plan_->waiting)
    return false;
  if (auto x = find(plan_->awaited); x && x->state == child_state::starting)
    return false;
  plan_->awaited = 0;
  if (plan_->starts.empty()) {
    plan_finished();
    return true;
  }
  if (wait_before_start())
    return false;
  auto number = plan_->starts.front();
  plan_->starts.pop_front();
  if (auto x = find(number); x && x->current == 0) {
    plan_->awaited = number;
    start(*x, x->starting.empty() ? occasion::planned
              : x->fresh          ? occasion::added
                                  : occasion::requested);
  }
  return true;
}

/// At once, unless a group waits for its start: then it takes its place there,
/// and so does not start before those that it depends on.
void supervisor_state::start_by_hand(child& x, occasion why) {
  if (!plan_ || plan_->starts.empty()
      || (spec_.strategy == strategy::rest_for_one
          && x.number < plan_->starts.front())) {
    start(x, why);
    return;
  }
  x.given_up = false;
  x.state = child_state::backoff;
  auto& starts = plan_->starts;
  starts.insert(std::upper_bound(starts.begin(), starts.end(), x.number),
                x.number);
}

/// Whether the next start has to wait: for a backoff, or only until others were
/// served between two attempts. Of one_for_all all depend on each other, so
/// none starts before all may; of rest_for_one only those that come after it.
bool supervisor_state::wait_before_start() {
  if (plan_->may_start)
    return false;
  time_point at;
  auto depend_on_all = spec_.strategy == strategy::one_for_all;
  for (auto number : plan_->starts) {
    if (auto x = find(number))
      at = std::max(at, x->retry_at);
    if (!depend_on_all)
      break;
  }
  auto wait = std::max(timespan{0}, timespan{at - now()});
  if (!std::exchange(plan_->pause, false) && wait == timespan{0}) {
    plan_->may_start = depend_on_all;
    return false;
  }
  plan_->waiting = true;
  plan_->until = later(now(), wait);
  send_later(self_, wait, retry_atom_v, std::uint64_t{0}, plan_generation_);
  return true;
}

/// Whether the batches of the plan are down; begins the next one.
bool supervisor_state::stops_are_done() {
  while (plan_->stopping.empty()) {
    if (plan_->stops.empty())
      return true;
    auto batch = std::move(plan_->stops.front());
    plan_->stops.pop_front();
    auto at = now();
    for (auto number : batch)
      if (auto x = find(number); x && x->current != 0) {
        plan_->stopping.insert(number);
        x->state = child_state::stopping;
        dismiss(x->current, x->spec->effective_stop(), at);
      }
  }
  return false;
}

/// From `since` on, no longer than the limit.
void supervisor_state::expect(timetable::entry x, time_point since,
                              timespan limit) {
  if (limit >= longest_delay)
    return;
  if (auto at = since + limit; limits_.add(at, x))
    send_later(self_, at - now(), time_limit_atom_v);
}

void supervisor_state::look_at_the_clock() {
  auto at = now();
  while (auto x = limits_.take(at))
    switch (x->what) {
      case timetable::limit::start:
        start_time_up(x->token);
        break;
      case timetable::limit::stop:
        if (x->token != 0)
          stop_time_up(x->token, at);
        else
          whole_stop_time_up();
        break;
      case timetable::limit::kill:
        kill_time_up(x->token);
    }
  if (auto next = limits_.wake_up(at))
    send_later(self_, *next - at, time_limit_atom_v);
}

void supervisor_state::plan_finished() {
  plan_.reset();
  if (std::exchange(ready_, true))
    return;
  since_ = now();
  publish(describe(event_name::supervisor_started, severity::info));
  for (auto& answer : std::exchange(readiness_, {}))
    answer.deliver(caf::unit);
  if (parent_.supervisor)
    cast(parent_.supervisor, child_ready_atom_v, parent_.token);
  parent_ = {};
}

bool supervisor_state::is_stopping() const {
  return plan_ && plan_->what == purpose::stop;
}

/// Why a request is not served while the supervisor stops.
caf::error supervisor_state::refusal(std::string text) const {
  return make_error(supervision_errc::shutting_down, std::move(text),
                    is_stopping() ? plan_->reason : caf::error{});
}

/// What ready_atom is answered while the supervisor stops.
caf::error supervisor_state::not_ready() const {
  auto failed = classify(plan_->reason) == exit_kind::abnormal;
  return failed ? plan_->reason : refusal(path_);
}

/// A plan that only waits for its time lets requests through.
bool supervisor_state::is_busy() const {
  return plan_ && !plan_->waiting;
}

/// Whether the plan would stop this child if it were not down already.
bool supervisor_state::will_be_stopped(const child& x) const {
  if (!plan_ || plan_->what == purpose::initial_start)
    return false;
  if (plan_->what == purpose::stop)
    return true;
  auto stopping = !plan_->stops.empty() || !plan_->stopping.empty();
  return stopping && x.number >= plan_->first;
}

} // namespace charmer
