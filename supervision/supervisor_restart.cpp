#include "charmer/supervision/supervisor_state.hpp"

#include <algorithm>
#include <utility>

namespace charmer {

/// A child that was running ended by itself.
void supervisor_state::ended(child& x, const caf::error& reason) {
  x.last = reason;
  x.state = child_state::stopped;
  auto what = decide(x.spec->restart, classify(reason));
  // Where its siblings depend on it, they start anew with it.
  auto alone = !is_group() || what == verdict::keep || what == verdict::remove;
  if (x.next != 0 && alone) {
    if (what == verdict::restart && !charge(x))
      exhausted(x);
    else
      promote_next(x, what);
    return;
  }
  switch (what) {
    case verdict::renew:
      if (is_group())
        restart_group(x, timespan{0}, false);
      else
        start(x, occasion::automatic);
      break;
    case verdict::restart:
      restart(x, false);
      break;
    case verdict::keep:
      ended_for_good(x, !is_simple());
      break;
    case verdict::remove:
      ended_for_good(x, false);
  }
}

/// @param why the supervisor ends, if this child is significant
void supervisor_state::ended_for_good(child& x, bool keep, caf::error why) {
  auto significant = x.spec->significant;
  if (plan_) // a group that waits for its restart goes on without it
    std::erase(plan_->starts, x.number);
  if (!keep)
    remove(x);
  if (!significant || spec_.auto_shutdown == auto_shutdown::never)
    return;
  auto lives_on = [](const auto& entry) {
    return entry.second.spec->significant
           && entry.second.state != child_state::stopped;
  };
  if (spec_.auto_shutdown == auto_shutdown::any_significant
      || std::none_of(children_.begin(), children_.end(), lives_on))
    stop_all(std::move(why));
}

/// Makes an automatic restart, if the budget allows.
void supervisor_state::restart(child& x, bool failed_start) {
  if (!charge(x)) {
    exhausted(x);
    return;
  }
  auto delay = next_delay(x);
  if (is_group()) {
    restart_group(x, delay, failed_start);
    return;
  }
  x.state = child_state::backoff;
  x.retry_at = later(now(), delay);
  auto e = describe(event_name::child_restarting, severity::info, x);
  e.delay = delay;
  publish(std::move(e));
  if (delay == timespan{0} && !failed_start)
    start(x, occasion::automatic);
  else // also without a delay: others are served between two attempts
    send_later(self_, delay, retry_atom_v, x.number, ++x.generation);
}

bool supervisor_state::charge(child& x) {
  if (!(x.budget ? *x.budget : budget_).charge(now()))
    return false;
  ++x.restarts;
  return true;
}

void supervisor_state::exhausted(child& x) {
  auto e = describe(event_name::restart_intensity_reached, severity::error, x);
  explain(e, x.last);
  publish(std::move(e));
  auto failure = make_error(supervision_errc::restart_intensity_reached,
                            "child '" + x.id + "' of " + path_, x.last);
  if (!x.budget) {
    if (spec_.when_exhausted)
      spec_.when_exhausted(failure);
    stop_all(std::move(failure));
    return;
  }
  // Its own budget: it stays stopped, its siblings live on. Whoever starts it
  // again starts with a full budget.
  x.state = child_state::stopped;
  x.given_up = true;
  x.budget->clear();
  x.attempt = 0;
  give_up_next(x, make_error(supervision_errc::restart_intensity_reached,
                             "child '" + x.id + "'"));
  ended_for_good(x, !is_simple(), std::move(failure));
}

/// The first died while its replacement is being started, which takes its
/// place; if it does not start, either, it is as if nobody had replaced it.
void supervisor_state::promote_next(child& x, verdict what) {
  if (what == verdict::restart)
    publish(describe(event_name::child_restarting, severity::info, x));
  x.otherwise = what;
  x.current = std::exchange(x.next, 0);
  x.last_actor = lives_.at(x.current).handle.address();
  x.state = child_state::starting;
  x.why = occasion::automatic;
  for (auto& answer : std::exchange(x.replacing, {}))
    x.starting.push_back(std::move(answer));
}

timespan supervisor_state::next_delay(child& x) {
  auto attempt = x.attempt++;
  std::uniform_real_distribution<double> from_0_to_1;
  if (x.spec->retry)
    return x.spec->retry->delay(attempt, from_0_to_1(random_));
  // Nothing else would slow down a child that can never start.
  if (budget_of(x).limit().is_unlimited())
    return backoff{}.delay(attempt, from_0_to_1(random_));
  return timespan{0};
}

/// All children that depend on the culprit stop, then all of them start. If
/// they were about to start anyhow each backoff counts, not the last one only.
void supervisor_state::restart_group(child& culprit, timespan delay,
                                     bool pause) {
  auto first = spec_.strategy == strategy::one_for_all ? 0 : culprit.number;
  if (plan_ && plan_->what == purpose::group_restart) {
    if (plan_->awaited != 0)
      first = std::min(first, plan_->awaited);
    if (!plan_->starts.empty())
      first = std::min(first, plan_->starts.front());
  }
  culprit.retry_at = later(now(), delay);
  auto e = describe(event_name::child_restarting, severity::info, culprit);
  e.delay = delay;
  publish(std::move(e));
  plan next{.what = purpose::group_restart, .pause = pause, .first = first};
  std::vector<stoppable> living;
  for (auto& [number, x] : children_) {
    if (number < first || x.given_up)
      continue;
    // One that has ended during the initial start, which is yet to be dealt
    // with: it is never started again. Unlike one that waits for its first.
    if (x.current == 0 && x.spec->restart == restart_type::temporary
        && x.starting.empty())
      continue;
    next.starts.push_back(number);
    give_up_next(x, make_error(supervision_errc::replaced, x.id));
    if (x.current != 0)
      living.push_back({number, x.dynamic});
    else
      x.state = child_state::backoff;
  }
  next.stops = stop_order(living, false);
  plan_ = std::move(next);
  ++plan_generation_;
  advance();
}

void supervisor_state::retry(std::uint64_t number, std::uint64_t generation) {
  if (number == 0) {
    if (plan_ && plan_->waiting && generation == plan_generation_) {
      plan_->waiting = false;
      advance();
    }
    return;
  }
  auto x = find(number);
  if (x && x->state == child_state::backoff && x->generation == generation)
    start(*x, occasion::automatic);
}

} // namespace charmer
