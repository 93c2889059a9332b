// Part of pool_core.hpp: how requests end.
#pragma once

#include "charmer/actors/pool_core.hpp"

namespace charmer {

// -- answers ------------------------------------------------------------------

template <class T>
auto pool_core<T>::finish(std::uint64_t lease_id, verdict how,
                          std::optional<nanoseconds> measured, time_point now,
                          effects& out) -> std::optional<request> {
  auto guard = brief_lock(mutex_);
  auto id = requests_.find(lease_id);
  if (id == no_index || requests_[id].role == purpose::lease) {
    ++counts_.stale;
    if (traced())
      out.notes.push_back({.step = request_step::stale});
    return std::nullopt;
  }
  auto& r = requests_[id];
  if (measured)
    commands_[r.kind].estimate.add(*measured);
  auto& w = workers_[r.worker];
  if (++w.requests == w.request_limit)
    out.worn = true;
  std::optional<request> result;
  if (r.state == stage::cancelling) {
    ++counts_.stale;
    if (traced())
      trace(request_step::stale, id, r.running_for(now), out);
  } else {
    if (traced())
      trace(request_step::executed, id, measured.value_or(r.running_for(now)),
            out);
    ++(how == verdict::success ? counts_.replied : counts_.failed);
    judge(id, how, now, out);
    result = std::move(r.what);
  }
  release(id, now, out);
  forget(id, now, out);
  serve(now, out);
  tell_if_empty();
  return result;
}

template <class T>
auto pool_core<T>::part(std::uint64_t lease_id) -> std::optional<request> {
  auto guard = brief_lock(mutex_);
  auto id = requests_.find(lease_id);
  if (id == no_index || requests_[id].state != stage::leased)
    return std::nullopt;
  requests_[id].streamed = true;
  return requests_[id].what;
}

template <class T>
void pool_core<T>::bounced(std::uint64_t lease_id, bool suspect, time_point now,
                           effects& out) {
  auto guard = brief_lock(mutex_);
  auto id = requests_.find(lease_id);
  if (id == no_index)
    return;
  vacate(requests_[id].worker, now, out);
  auto& r = requests_[id];
  auto limit = std::max(limits_.poison_after, least_bounces);
  if (suspect && may_have_begun(id))
    ++r.bounces;
  if (r.state == stage::leased && r.bounces >= limit) {
    settle(id, may_run_again(r) ? pool_errc::poisoned : pool_errc::worker_died,
           true, std::nullopt, now, out);
    release(id, now, out);
    forget(id, now, out);
    tell_if_empty();
  } else {
    let_go(id, &books::requeued, now, out);
  }
  serve(now, out);
}

template <class T>
void pool_core<T>::sent(const send_gate& gate, time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  auto& w = workers_[gate.worker];
  if (!w.dead || !gate.empty())
    return; // its place was taken by another one
  bury_all(gate.worker, now, out);
  serve(now, out);
}

// -- outcomes that are no answers ---------------------------------------------

// What the breaker learns from it.
template <class T>
void pool_core<T>::judge(std::uint32_t id, verdict how, time_point now,
                         effects& out) {
  auto& r = requests_[id];
  if (!limits_.breaker.enabled || r.role == purpose::errand)
    return;
  auto probe = std::exchange(r.probe, false);
  auto change = breaker_change::none;
  if (how == verdict::success)
    change = breaker_.succeeded(now, probe);
  else if (how == verdict::failure)
    change = breaker_.failed(now, probe);
  else if (probe)
    breaker_.abandoned_probe();
  if (change != breaker_change::none)
    out.circuit = change;
}

// Counts an outcome that is not a worker's answer and has it told.
template <class T>
void pool_core<T>::settle(std::uint32_t id, pool_errc code, bool begun,
                          const std::optional<cause>& why, time_point now,
                          effects& out) {
  ++(code == pool_errc::cancelled ? counts_.cancelled : counts_.failed);
  auto& r = requests_[id];
  // One that waits for the worker of a lease ends with that.
  auto its_worker = r.worker == no_index && r.role == purpose::errand
                        ? requests_[r.line].worker
                        : r.worker;
  auto ending = its_worker == no_index ? worker_ending::death
                                       : ending_of(workers_[its_worker]);
  auto counts =
      limits_.breaker.counts(code)
      && (code != pool_errc::worker_died || ending == worker_ending::death);
  judge(id, counts ? verdict::failure : verdict::refusal, now, out);
  if (code != pool_errc::cancelled && r.worker == no_index && r.deaths == 0)
    ++counts_.unserved;
  if (traced() && (begun || code == pool_errc::cancelled))
    trace(code == pool_errc::cancelled ? request_step::cancelled
                                       : request_step::executed,
          id, begun ? r.running_for(now) : nanoseconds{0}, out, code);
  settlement s;
  s.who = std::move(r.what);
  s.code = code;
  s.serial = r.serial;
  s.begun = begun;
  s.errand = r.role == purpose::errand;
  s.deaths = r.deaths;
  s.bounces = r.bounces;
  s.ending = ending;
  s.why = why;
  if (r.worker != no_index) {
    s.worker = workers_[r.worker].name;
    s.incarnation = workers_[r.worker].incarnation;
  }
  out.settlements.push_back(std::move(s));
}

template <class T>
void pool_core<T>::settle_waiting(pool_errc code,
                                  const std::optional<cause>& why,
                                  time_point now, effects& out) {
  auto all = [&](index_list& list) {
    while (!list.empty()) {
      auto id = list.head;
      dequeue(id);
      settle(id, code, false, why, now, out);
      forget(id, now, out);
    }
  };
  // First, because one that ends lets the next of its key into a line.
  keys_.for_each(all);
  for (auto& line : queue_)
    all(line);
  all(undecided_);
  for (std::uint32_t i = 0; i < seats_.all(); ++i) {
    all(seats_[i].orders);
    all(seats_[i].line);
  }
}

// Ends a request before its worker answered: expiry and cancellation. One that
// lies with a worker stays with it until the worker lets go of it.
template <class T>
void pool_core<T>::withdraw(std::uint32_t id, pool_errc code, bool answer,
                            time_point now, effects& out) {
  auto& r = requests_[id];
  auto was_leased = r.state == stage::leased;
  if (was_leased && r.role == purpose::lease) {
    end_lease(id, code, now, out);
    return;
  }
  if (!was_leased)
    dequeue(id);
  std::optional<request> kept; // for what is told if its worker answers yet
  if (was_leased && traced())
    kept = r.what;
  if (answer) {
    settle(id, code, was_leased && may_have_begun(id), std::nullopt, now, out);
  } else {
    ++counts_.cancelled;
    judge(id, verdict::refusal, now, out);
    if (traced())
      trace(request_step::cancelled, id, nanoseconds{0}, out,
            pool_errc::cancelled);
    out.discarded.push_back(std::move(r.what));
  }
  if (!was_leased) {
    forget(id, now, out);
  } else {
    requests_.detach(id);
    if (kept) {
      r.what = std::move(*kept);
      r.kept = true;
    }
    r.state = stage::cancelling;
    if (limits_.cancellable)
      out.cancellations.push_back(
          {workers_[r.worker].handle, requests_.lease_of(id)});
    r.deadline = end_of_grace(r.deadline, now);
    if (watches_overruns())
      overrun_wheel_.disarm(id);
    arm(id, out);
  }
  tell_if_empty();
}

// Until when what nobody wants any more may go on. A worker that cannot be told
// is not to blame before the request's own time is over.
template <class T>
auto pool_core<T>::end_of_grace(time_point deadline, time_point now) const
    -> time_point {
  auto from = limits_.cancellable ? now : std::max(now, deadline);
  return from < time_point::max() - limits_.cancel_grace
             ? from + limits_.cancel_grace
             : time_point::max();
}

template <class T>
bool pool_core<T>::may_have_begun(std::uint32_t id) const {
  auto& proof = workers_[requests_[id].worker].proof;
  return !proof || proof->begun(requests_.lease_of(id));
}

// Takes a request from a worker that will not answer it: back to where it
// waited, at the head, unless it has its outcome already, or no other worker
// will do.
template <class T>
void pool_core<T>::let_go(std::uint32_t id, std::uint64_t books::*counter,
                          time_point now, effects& out) {
  auto& r = requests_[id];
  auto only_that_one =
      r.role == purpose::errand || r.how.kind == choice::this_worker;
  auto why = workers_[r.worker].why;
  if (r.state == stage::leased && only_that_one)
    settle(id, pool_errc::worker_died, false, why, now, out);
  auto done = r.state == stage::cancelling || only_that_one;
  release(id, now, out);
  if (done) {
    forget(id, now, out);
    tell_if_empty();
    return;
  }
  ++(counts_.*counter);
  // What it had of its time to wait it has again.
  if (auto ran = r.running_for(now); r.queue_deadline < time_point::max() - ran)
    r.queue_deadline += ran;
  if (traced())
    trace(counter == &books::retried ? request_step::retried
                                     : request_step::requeued,
          id, nanoseconds{0}, out);
  r.worker = no_index;
  if (r.keyed)
    go_to_seat_of_key(id, true, out);
  else if (r.homed)
    go_home(id, true, out);
  else
    enqueue(id, place::central, r.lane, true, out);
  out.wake = true;
}

// Whether it can be begun twice.
template <class T>
bool pool_core<T>::may_run_again(const record& r) const {
  return r.idempotent.value_or(commands_[r.kind].idempotent)
         && r.role == purpose::task && !r.streamed;
}

// What a dead worker leaves of one lease.
template <class T>
void pool_core<T>::bury(std::uint32_t id, time_point now, effects& out) {
  auto& r = requests_[id];
  if (r.role == purpose::lease) {
    end_lease(id, pool_errc::worker_died, now, out);
    return;
  }
  auto begun = may_have_begun(id);
  if (begun && ending_of(workers_[r.worker]) == worker_ending::death)
    ++r.deaths;
  // One that goes on where it is must not run beside itself.
  auto goes_on =
      workers_[r.worker].abandoned && r.how.kind == choice::hash_worker;
  auto again = may_run_again(r) && !goes_on;
  if (r.state == stage::cancelling || !begun
      || (again && r.deaths < limits_.poison_after)) {
    let_go(id, begun ? &books::retried : &books::requeued, now, out);
    return;
  }
  settle(id, again ? pool_errc::poisoned : pool_errc::worker_died, true,
         workers_[r.worker].why, now, out);
  release(id, now, out);
  forget(id, now, out);
  tell_if_empty();
}

// -- what those are told who ask for every step -------------------------------

template <class T>
bool pool_core<T>::traced() const {
  return limits_.traced && limits_.traced->load(std::memory_order_relaxed);
}

template <class T>
void pool_core<T>::trace(request_step step, std::uint32_t id, nanoseconds took,
                         effects& out, pool_errc outcome) {
  auto& r = requests_[id];
  request_note<request> x{.step = step, .serial = r.serial, .what = r.what};
  if (r.worker != no_index) {
    x.worker = workers_[r.worker].name;
    x.incarnation = workers_[r.worker].incarnation;
  }
  x.queued = waiting_;
  x.took = took;
  x.outcome = outcome;
  out.notes.push_back(std::move(x));
}

} // namespace charmer
