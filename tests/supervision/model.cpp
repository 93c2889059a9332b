#include "model.hpp"

#include <algorithm>
#include <utility>

namespace test {

// -- acts ---------------------------------------------------------------------

bool model::begin(const std::vector<child_plan>& plans) {
  for (auto& x : plans)
    children.push_back(made_of(x));
  for (auto& x : children)
    if (++x.incarnation; refused(x)) {
      children.clear();
      end(supervision_errc::start_failed);
      return false;
    } else {
      becomes_current(x);
    }
  return true;
}

void model::start_child(std::size_t request, const child_plan& plan) {
  if (auto known = find(plan.id)) {
    fail(request, known->state == child_state::stopped
                      ? supervision_errc::already_present
                      : supervision_errc::already_started);
    return;
  }
  children.push_back(made_of(plan));
  auto& x = children.back();
  x.fresh = true;
  x.starting.push_back(request);
  start(x.plan.id);
}

void model::terminate_child(std::size_t request, const std::string& id) {
  auto x = find(id);
  if (!x)
    return fail(request, supervision_errc::not_found);
  give_up_next(*x, supervision_errc::replaced);
  x->current = nobody;
  stopped(*x, supervision_errc::replaced);
  answers[request].is = outcome::ok;
}

void model::restart_child(std::size_t request, const std::string& id) {
  auto x = find(id);
  if (!x)
    return fail(request, supervision_errc::not_found);
  if (x->state != child_state::stopped)
    return fail(request, x->state == child_state::running
                             ? supervision_errc::running
                             : supervision_errc::restarting);
  x->starting.push_back(request);
  x->by_hand = true;
  x->attempt = 0;
  if (x->budget)
    x->budget->all.clear();
  start(id);
}

void model::delete_child(std::size_t request, const std::string& id) {
  auto x = find(id);
  if (!x)
    return fail(request, supervision_errc::not_found);
  if (x->state != child_state::stopped)
    return fail(request, x->state == child_state::running
                             ? supervision_errc::running
                             : supervision_errc::restarting);
  remove(id);
  answers[request].is = outcome::ok;
}

void model::replace_child(std::size_t request, const std::string& id) {
  auto x = find(id);
  if (!x)
    return fail(request, supervision_errc::not_found);
  if (x->state != child_state::running)
    return fail(request, x->state == child_state::stopped
                             ? supervision_errc::not_running
                             : supervision_errc::restarting);
  x->replacing.push_back(request);
  if (x->next != nobody)
    return;
  ++x->incarnation;
  if (refused(*x))
    return replacement_failed(*x);
  x->next = (*serials)++;
  x->next_incarnation = x->incarnation;
  x->next_ready_by = now + x->plan.start_limit;
  if (!x->plan.slow)
    took_over(*x);
}

void model::died(serial who, const caf::error& why) {
  for (auto& x : children)
    if (x.next == who) {
      x.next = nobody;
      return replacement_failed(x);
    } else if (x.current == who) {
      x.current = nobody;
      if (x.state == child_state::starting)
        return start_failed(x);
      return ended_by_itself(x.plan.id, why);
    }
}

void model::said(serial who, bool ready) {
  for (auto& x : children)
    if (x.next == who) {
      if (ready)
        return took_over(x);
      x.next = nobody;
      return replacement_failed(x);
    } else if (x.current == who && x.state == child_state::starting) {
      if (ready)
        return became_ready(x);
      x.current = nobody;
      return start_failed(x);
    }
}

std::optional<time_point> model::next_event() const {
  std::optional<time_point> result;
  each_timer([&](const child&, time_point at, int) {
    result = result ? std::min(*result, at) : at;
  });
  return result;
}

void model::tick() {
  std::string due;
  int what = -1;
  each_timer([&](const child& x, time_point at, int kind) {
    if (at <= now && what == -1) {
      due = x.plan.id;
      what = kind;
    }
  });
  if (what == -1)
    return;
  auto& x = *find(due);
  if (what == retry_timer) {
    start(due);
  } else if (what == start_timer) {
    x.current = nobody;
    start_failed(x);
  } else {
    x.next = nobody;
    replacement_failed(x);
  }
}

model::child* model::find(const std::string& id) {
  auto i = std::find_if(children.begin(), children.end(),
                        [&](auto& x) { return x.plan.id == id; });
  return i != children.end() ? &*i : nullptr;
}

void model::each_timer(const timer& f) const {
  for (auto& x : children) {
    if (x.state == child_state::backoff)
      f(x, x.retry_at, retry_timer);
    if (x.state == child_state::starting)
      f(x, x.ready_by, start_timer);
    if (x.next != nobody)
      f(x, x.next_ready_by, next_timer);
  }
}

model::child model::made_of(const child_plan& plan) {
  child x;
  x.plan = plan;
  if (plan.intensity)
    x.budget = counted_window{*plan.intensity, {}};
  return x;
}

bool model::refused(const child& x) {
  auto& left = (*refuse)[x.plan.log_name];
  if (left <= 0)
    return false;
  --left;
  return true;
}

void model::fail(std::size_t request, supervision_errc code) {
  answers[request] = {outcome::failed, code};
}

void model::answer(std::vector<std::size_t>& requests,
                   std::optional<supervision_errc> code) {
  for (auto request : std::exchange(requests, {}))
    if (code)
      fail(request, *code);
    else
      answers[request].is = outcome::ok;
}

void model::remove(const std::string& id) {
  std::erase_if(children, [&](auto& x) { return x.plan.id == id; });
}

// -- starting -----------------------------------------------------------------

void model::becomes_current(child& x) {
  x.current = (*serials)++;
  x.shown = x.incarnation;
  x.state = child_state::starting;
  x.ready_by = now + x.plan.start_limit;
  if (!x.plan.slow)
    became_ready(x);
}

void model::became_ready(child& x) {
  x.state = child_state::running;
  x.since = now;
  x.fresh = x.by_hand = false;
  answer(x.starting);
}

void model::start(const std::string& id) {
  auto& x = *find(id);
  x.spent = false;
  x.otherwise = verdict::restart;
  ++x.incarnation;
  if (refused(x))
    start_failed(x);
  else
    becomes_current(x);
}

void model::start_failed(child& x) {
  x.state = child_state::stopped;
  auto requests = std::exchange(x.starting, {});
  answer(requests, supervision_errc::start_failed);
  if (x.fresh)
    remove(x.plan.id);
  else if (std::exchange(x.by_hand, false))
    return;
  else if (x.otherwise == verdict::keep || x.otherwise == verdict::remove)
    ended_for_good(x.plan.id, x.otherwise == verdict::keep && !simple());
  else
    restart(x.plan.id, true);
}

void model::took_over(child& x) {
  x.current = std::exchange(x.next, nobody);
  x.shown = x.next_incarnation;
  x.state = child_state::running;
  x.since = now;
  answer(x.replacing);
}

void model::replacement_failed(child& x) {
  answer(x.replacing, supervision_errc::start_failed);
}

void model::give_up_next(child& x, supervision_errc why) {
  x.next = nobody;
  answer(x.replacing, why);
}

// -- ending -------------------------------------------------------------------

void model::ended_by_itself(const std::string& id, const caf::error& why) {
  auto& x = *find(id);
  x.state = child_state::stopped;
  if (now - x.since >= x.plan.retry.value_or(backoff{}).reset_after)
    x.attempt = 0;
  auto what = decide(x.plan.restart, classify(why));
  if (x.next != nobody) {
    if (what == verdict::restart && !charge(x))
      return exhausted(id);
    x.current = std::exchange(x.next, nobody);
    x.shown = x.next_incarnation;
    x.state = child_state::starting;
    x.otherwise = what;
    x.ready_by = x.next_ready_by;
    for (auto request : std::exchange(x.replacing, {}))
      x.starting.push_back(request);
    return;
  }
  switch (what) {
    case verdict::renew:
      return group() ? restart_group(id) : start(id);
    case verdict::restart:
      return restart(id, false);
    default:
      ended_for_good(id, what == verdict::keep && !simple());
  }
}

bool model::charge(child& x) {
  auto allowed = (x.budget ? *x.budget : budget_).charge(now);
  x.restarts += allowed ? 1 : 0;
  return allowed;
}

void model::restart(const std::string& id, bool failed_start) {
  auto& x = *find(id);
  if (!charge(x))
    return exhausted(id);
  auto attempt = x.attempt++;
  if (group())
    return restart_group(id);
  auto delay = x.plan.retry ? x.plan.retry->delay(attempt, 0.5) : timespan{0};
  if (delay > timespan{0}) {
    x.state = child_state::backoff;
    x.retry_at = now + delay;
    return;
  }
  (void)failed_start; // at once, too, but after others
  start(id);
}

void model::restart_group(const std::string& culprit) {
  auto from = std::find_if(children.begin(), children.end(), [&](auto& x) {
    return strategy_ == strategy::one_for_all || x.plan.id == culprit;
  });
  auto first = std::size_t(from - children.begin());
  std::vector<std::string> all;
  std::vector<std::string> leaving;
  for (auto i = first; i < children.size(); ++i) {
    auto& x = children[i];
    if (x.spent)
      continue;
    if (x.current != nobody && x.plan.restart == restart_type::temporary)
      leaving.push_back(x.plan.id);
    else
      all.push_back(x.plan.id);
    x.current = nobody;
  }
  for (auto& id : leaving)
    remove(id);
  for (auto& id : all) {
    auto x = find(id);
    ++x->incarnation;
    if (refused(*x)) {
      x->state = child_state::stopped;
      restart(id, true); // once more, from here on or all of it
      break;
    }
    x->otherwise = verdict::restart;
    becomes_current(*x);
  }
}

void model::exhausted(const std::string& id) {
  auto& x = *find(id);
  if (!x.budget)
    return end(supervision_errc::restart_intensity_reached);
  x.state = child_state::stopped;
  x.spent = true;
  x.budget->all.clear();
  x.attempt = 0;
  give_up_next(x, supervision_errc::restart_intensity_reached);
  ended_for_good(id, !simple(), supervision_errc::restart_intensity_reached);
}

void model::ended_for_good(const std::string& id, bool keep,
                           supervision_errc code) {
  auto significant = find(id)->plan.significant;
  if (!keep)
    remove(id);
  if (!significant || when_ == auto_shutdown::never)
    return;
  auto others = std::any_of(children.begin(), children.end(), [](auto& x) {
    return x.plan.significant && x.state != child_state::stopped;
  });
  if (when_ == auto_shutdown::any_significant || !others)
    end(code);
}

void model::stopped(child& x, supervision_errc why) {
  x.state = child_state::stopped;
  answer(x.starting, why);
  auto goes = x.fresh || simple() || x.plan.restart == restart_type::temporary;
  x.by_hand = false;
  if (goes)
    remove(x.plan.id);
}

void model::end(supervision_errc code) {
  ended = true;
  end_code = code;
  for (auto& x : children) {
    answer(x.starting, supervision_errc::shutting_down);
    answer(x.replacing, supervision_errc::shutting_down);
  }
  children.clear();
}

} // namespace test
