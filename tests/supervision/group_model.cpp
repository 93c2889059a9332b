#include "group_model.hpp"

#include "charmer/supervision/restart_decision.hpp"

#include <algorithm>
#include <utility>

using namespace charmer;

namespace test {

void group_model::add(member_plan plan) {
  member x;
  x.plan = std::move(plan);
  x.state = child_state::running;
  x.ready = true;
  x.current = serials++;
  x.since = now;
  if (x.plan.intensity)
    x.budget = counted_window{*x.plan.intensity, {}};
  members.emplace(number(members.size()) + 1, std::move(x));
}

group_model::member* group_model::find(number n) {
  auto i = members.find(n);
  return i != members.end() ? &i->second : nullptr;
}

group_model::number group_model::number_of(serial who) const {
  for (const auto& [n, x] : members)
    if (x.current == who)
      return n;
  return 0;
}

// -- acts ---------------------------------------------------------------------

void group_model::died(serial who, const caf::error& why) {
  if (auto n = number_of(who))
    gone(n, why);
}

void group_model::said(serial who, bool ready) {
  auto n = number_of(who);
  if (n == 0)
    return;
  auto& x = *find(n);
  if (x.ready || x.asked)
    return;
  if (ready)
    became_ready(x);
  else
    give_up(n);
  advance();
}

void group_model::stop() {
  if (!plan_ || plan_->what != purpose::end)
    end(false);
}

// -- time ---------------------------------------------------------------------

std::optional<time_point> group_model::next_event() const {
  std::optional<time_point> result;
  auto due = [&](time_point at) {
    result = result ? std::min(*result, at) : at;
  };
  if (plan_ && plan_->until)
    due(*plan_->until);
  for (const auto& [n, x] : members)
    if (x.current != nobody && x.asked)
      due(x.gone_at);
    else if (x.current != nobody && !x.ready)
      due(x.ready_by);
  return result;
}

void group_model::tick() {
  if (plan_ && plan_->until && *plan_->until <= now) {
    plan_->until.reset();
    advance();
    return;
  }
  for (auto& [n, x] : members) {
    if (x.current == nobody)
      continue;
    if (x.asked && x.gone_at <= now)
      return gone(n, caf::exit_reason::user_shutdown);
    if (!x.asked && !x.ready && x.ready_by <= now) {
      give_up(n);
      advance();
      return;
    }
  }
}

// -- the plan -----------------------------------------------------------------

void group_model::advance() {
  if (std::exchange(advancing_, true))
    return;
  while (plan_ && step()) {
  }
  advancing_ = false;
}

bool group_model::step() {
  if (!stops_are_done())
    return false;
  if (plan_->what == purpose::end) {
    ended = true;
    members.clear();
    plan_.reset();
    return false;
  }
  if (plan_->until)
    return false;
  if (auto x = find(plan_->awaited); x && x->state == child_state::starting)
    return false;
  plan_->awaited = 0;
  if (plan_->starts.empty()) {
    plan_.reset();
    return false;
  }
  if (auto at = next_start(); at > now) {
    plan_->until = at;
    return false;
  }
  plan_->awaited = plan_->starts.front();
  plan_->starts.pop_front();
  if (auto x = find(plan_->awaited); x && x->current == nobody)
    start(plan_->awaited);
  return true;
}

/// All of one_for_all wait for the last backoff, of rest_for_one each member
/// for its own.
time_point group_model::next_start() const {
  time_point result;
  for (auto n : plan_->starts) {
    if (auto i = members.find(n); i != members.end())
      result = std::max(result, i->second.not_before);
    if (!one_for_all_)
      break;
  }
  return result;
}

bool group_model::stops_are_done() {
  while (plan_->stopping == 0) {
    if (plan_->stops.empty())
      return true;
    auto n = plan_->stops.front();
    plan_->stops.pop_front();
    if (auto x = find(n); x && x->current != nobody) {
      plan_->stopping = n;
      x->state = child_state::stopping;
      dismiss(n);
    }
  }
  return false;
}

bool group_model::will_be_stopped(number n) const {
  if (!plan_)
    return false;
  return plan_->what == purpose::end
         || ((!plan_->stops.empty() || plan_->stopping != 0)
             && n >= plan_->first);
}

// -- stopping -----------------------------------------------------------------

/// Asks it to stop, once; whoever does not is killed when the limit is over.
void group_model::dismiss(number n) {
  auto& x = *find(n);
  if (std::exchange(x.asked, true))
    return;
  x.gone_at = now + std::min(x.plan.last_will, x.plan.stop_limit);
  if (x.gone_at == now)
    gone(n, caf::exit_reason::user_shutdown);
}

void group_model::gone(number n, const caf::error& why) {
  auto& x = *find(n);
  auto was_ready = std::exchange(x.ready, false);
  auto given_up = std::exchange(x.given_up, false);
  x.asked = false;
  x.current = nobody;
  if (will_be_stopped(n)) {
    stopped(n);
  } else if (given_up || !was_ready) {
    x.state = child_state::stopped;
    restart(n);
  } else {
    if (now - x.since >= x.plan.retry.value_or(backoff{}).reset_after)
      x.attempt = 0;
    ended_by_itself(n, why);
  }
  advance();
}

void group_model::stopped(number n) {
  auto& x = *find(n);
  x.state = plan_->what == purpose::group ? child_state::backoff
                                          : child_state::stopped;
  if (plan_->stopping == n)
    plan_->stopping = 0;
  if (x.plan.restart == restart_type::temporary)
    members.erase(n);
}

// -- starting -----------------------------------------------------------------

void group_model::start(number n) {
  auto& x = *find(n);
  x.not_before = {};
  if (auto& left = refuse[x.plan.id]; left > 0) {
    --left;
    x.state = child_state::stopped;
    restart(n);
    return;
  }
  x.current = serials++;
  x.state = child_state::starting;
  x.ready_by = now + x.plan.start_limit;
  if (!x.plan.slow)
    became_ready(x);
}

void group_model::became_ready(member& x) {
  x.ready = true;
  x.state = child_state::running;
  x.since = now;
}

void group_model::give_up(number n) {
  find(n)->given_up = true;
  dismiss(n);
}

// -- what an end brings about -------------------------------------------------

void group_model::ended_by_itself(number n, const caf::error& why) {
  auto& x = *find(n);
  x.state = child_state::stopped;
  switch (decide(x.plan.restart, classify(why))) {
    case verdict::renew:
      return restart_group(n, timespan{0});
    case verdict::restart:
      return restart(n);
    case verdict::keep:
      return ended_for_good(n, true);
    case verdict::remove:
      return ended_for_good(n, false);
  }
}

void group_model::ended_for_good(number n, bool keep) {
  if (plan_)
    std::erase(plan_->starts, n);
  if (!keep)
    members.erase(n);
}

void group_model::restart(number n) {
  auto& x = *find(n);
  if (!(x.budget ? *x.budget : budget_).charge(now)) {
    if (!x.budget)
      return end(true);
    x.budget->all.clear();
    x.attempt = 0;
    x.spent = true;
    return ended_for_good(n, true);
  }
  ++x.restarts;
  auto attempt = x.attempt++;
  auto delay = x.plan.retry ? x.plan.retry->delay(attempt, 0.5) : timespan{0};
  restart_group(n, delay);
}

void group_model::restart_group(number culprit, timespan delay) {
  find(culprit)->not_before = now + delay;
  auto first = one_for_all_ ? 0 : culprit;
  // Whoever was to be started still is.
  if (plan_ && plan_->awaited != 0)
    first = std::min(first, plan_->awaited);
  if (plan_ && !plan_->starts.empty())
    first = std::min(first, plan_->starts.front());
  plan_ = plan{.first = first};
  for (auto& [n, x] : members) {
    if (n < first || x.spent)
      continue;
    plan_->starts.push_back(n);
    if (x.current != nobody)
      plan_->stops.push_front(n);
    else
      x.state = child_state::backoff;
  }
}

void group_model::end(bool because_exhausted) {
  exhausted = because_exhausted;
  plan_ = plan{.what = purpose::end};
  for (auto& [n, x] : members)
    if (x.current != nobody)
      plan_->stops.push_front(n);
    else
      x.state = child_state::stopped;
  advance();
}

} // namespace test
