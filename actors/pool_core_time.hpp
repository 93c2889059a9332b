// Part of pool_core.hpp: deadlines, reports of what runs for long, and how long
// overflow workers are kept.
#pragma once

#include "charmer/actors/pool_core.hpp"

namespace charmer {

template <class T>
void pool_core<T>::expire(time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  pending_tick_.reset();
  auto tick = tick_of(now);
  wheel_.advance(tick, [&](std::uint32_t id) { expired(id, now, out); });
  overrun_wheel_.advance(tick,
                         [&](std::uint32_t id) { overran(id, now, out); });
  overflow_wheel_.advance(tick,
                          [&](std::uint32_t at) { dismiss(at, now, out); });
  serve(now, out);
  request_tick(out);
  tell_if_empty();
}

template <class T>
void pool_core<T>::rearm(effects& out) {
  auto guard = brief_lock(mutex_);
  pending_tick_.reset();
  request_tick(out);
}

template <class T>
timer_wheel::tick pool_core<T>::tick_of(time_point t) const {
  using std::chrono::milliseconds;
  if (t <= epoch_)
    return 0;
  return static_cast<timer_wheel::tick>(
      std::chrono::floor<milliseconds>(t - epoch_).count());
}

template <class T>
auto pool_core<T>::time_of(timer_wheel::tick x) const -> time_point {
  return epoch_ + std::chrono::milliseconds{static_cast<std::int64_t>(x)};
}

template <class T>
void pool_core<T>::arm(std::uint32_t id, effects& out) {
  auto& r = requests_[id];
  auto when = r.deadline;
  if (r.state == stage::waiting && r.queue_deadline < when)
    when = r.queue_deadline;
  if (when == time_point::max()) {
    wheel_.disarm(id);
    return;
  }
  // Rounded up: nothing expires before its time.
  auto tick = tick_of(when) + 1;
  wheel_.arm(id, tick);
  ask_for(time_of(tick), out);
}

template <class T>
void pool_core<T>::request_tick(effects& out) {
  for (auto* wheel : {&wheel_, &overrun_wheel_, &overflow_wheel_})
    if (auto next = wheel->next())
      ask_for(time_of(*next), out);
}

template <class T>
void pool_core<T>::ask_for(time_point tick, effects& out) {
  if (!pending_tick_ || tick < *pending_tick_)
    out.tick_at = pending_tick_ = tick;
}

template <class T>
void pool_core<T>::expired(std::uint32_t id, time_point now, effects& out) {
  auto& r = requests_[id];
  switch (r.state) {
    case stage::waiting:
      withdraw(id, pool_errc::wait_timeout, true, now, out);
      break;
    case stage::leased:
      withdraw(id, pool_errc::exec_timeout, true, now, out);
      break;
    case stage::cancelling:
      if (is_stuck(id))
        does_not_stop(id, now, out);
      r.deadline = now + limits_.cancel_grace;
      arm(id, out);
      break;
    case stage::free:
      break;
  }
}

// Whether the worker of a cancelled request hangs: it runs it and does not
// stop; or it has not begun it for a whole grace although nothing was before
// it, as a process that was stopped, or reads nothing. A request that lies
// behind another will not begin, and does no harm.
template <class T>
bool pool_core<T>::is_stuck(std::uint32_t id) {
  if (may_have_begun(id))
    return true;
  auto& r = requests_[id];
  auto was_overdue = std::exchange(r.overdue, is_first(id));
  return was_overdue && r.overdue;
}

// Whether its worker has the capacity to run it now.
template <class T>
bool pool_core<T>::is_first(std::uint32_t id) const {
  auto& w = workers_[requests_[id].worker];
  auto at = w.leases.head;
  for (std::uint32_t i = 0; i < w.capacity && at != no_index; ++i) {
    if (at == id)
      return true;
    at = requests_[at].next;
  }
  return false;
}

// -- what runs for long -------------------------------------------------------

template <class T>
bool pool_core<T>::watches_overruns() const {
  return limits_.overruns.warning != nanoseconds::max();
}

template <class T>
void pool_core<T>::arm_overrun(std::uint32_t id, effects& out) {
  auto& r = requests_[id];
  auto next = limits_.overruns.report(r.warnings + 1);
  if (!next)
    return;
  auto tick = tick_of(r.running_since + next->after) + 1;
  overrun_wheel_.arm(id, tick);
  ask_for(time_of(tick), out);
}

// What was sent ahead begins as soon as the worker has capacity for it.
template <class T>
void pool_core<T>::watch_front(std::uint32_t at, time_point now, effects& out) {
  auto& w = workers_[at];
  if (w.occupied < w.capacity)
    return;
  std::uint32_t position = 1;
  auto id = w.leases.head;
  while (id != no_index && position++ < w.capacity)
    id = requests_[id].next;
  if (id != no_index && requests_[id].state == stage::leased
      && requests_[id].role == purpose::task && !overrun_wheel_.armed(id)) {
    requests_[id].running_since = now;
    arm_overrun(id, out);
  }
}

template <class T>
void pool_core<T>::overran(std::uint32_t id, time_point now, effects& out) {
  auto& r = requests_[id];
  if (r.state != stage::leased)
    return;
  auto& w = workers_[r.worker];
  auto report = limits_.overruns.report(++r.warnings);
  ++counts_.overruns;
  out.overruns.push_back({r.serial, r.what, w.name, w.incarnation, w.handle,
                          r.running_for(now), report->alert});
  if (report->alert != overrun_alert::max_overrun_limit) {
    arm_overrun(id, out);
    return;
  }
  withdraw(id, pool_errc::exec_timeout, true, now, out);
  out.settlements.back().overrun = true;
  does_not_stop(id, now, out);
}

} // namespace charmer
