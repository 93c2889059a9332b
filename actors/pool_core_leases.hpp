// Part of pool_core.hpp: how requests get to workers, and what becomes of a
// worker that was left with nothing to do; leases by hand.
#pragma once

#include "charmer/actors/pool_core.hpp"

namespace charmer {

// -- leases -------------------------------------------------------------------

// An idle worker, or one to which a command of this kind may be sent ahead.
template <class T>
std::uint32_t pool_core<T>::pick(std::uint32_t kind, bool alone,
                                 time_point now) {
  auto at = workers_.idle();
  if (at != no_index || alone)
    return at;
  at = workers_.roomy();
  if (at == no_index || takes(at, kind, alone, now))
    return at;
  if (workers_.stalled(workers_[at], now))
    workers_.skip(at);
  return no_index;
}

template <class T>
bool pool_core<T>::takes(std::uint32_t at, std::uint32_t kind, bool alone,
                         time_point now) const {
  auto& w = workers_[at];
  if (w.state != worker_state::ready)
    return false;
  if (w.occupied < w.capacity)
    return true;
  auto& estimate = commands_[kind].estimate;
  return !alone && estimate.known()
         && workers_.has_room_for(w, estimate.value(), now);
}

template <class T>
void pool_core<T>::lease(std::uint32_t id, std::uint32_t at, time_point now,
                         effects& out) {
  auto& r = requests_[id];
  auto& w = workers_[at];
  requests_.renew(id);
  r.state = stage::leased;
  r.worker = at;
  r.running_since = now;
  r.warnings = 0;
  if (r.role == purpose::errand) // its time is that of its lease
    r.deadline = std::min(r.deadline, requests_[r.line].deadline);
  waited_.add(now - r.since);
  if (r.role != purpose::errand)
    ++w.occupied;
  if (w.overflow)
    overflow_wheel_.disarm(at);
  if (r.role == purpose::lease) {
    ++w.held;
    r.cost = nanoseconds{0};
    desks_.open(id);
    out.grants.push_back({r.what, w.handle, w.name, w.incarnation, r.deadline});
  } else {
    auto& estimate = commands_[r.kind].estimate;
    r.cost = estimate.known() && !r.alone ? estimate.value() : unknown_cost;
    auto* gate = w.proof ? nullptr : &workers_.enter_gate(at);
    out.assignments.push_back({w.handle, requests_.lease_of(id), r.what, gate});
  }
  if (traced() && r.role != purpose::lease)
    trace(request_step::dispatched, id, now - r.since, out);
  w.work += r.cost;
  if (w.leases.empty())
    w.front_since = now;
  w.leases.push_back(requests_.records(), id);
  workers_.relist(at);
  if (limits_.managed) {
    note_worker(at);
    out.wake = out.wake || w.occupied < w.capacity; // it has threads to spare
    out.administer = out.administer || overflow_wanted() != 0;
  }
  if (w.seat != no_index) {
    weigh(w.seat);
    if (r.session != no_index && !has_home(r.session))
      sessions_.settle(r.session, w.seat);
  }
  if (watches_overruns() && w.occupied <= w.capacity
      && r.role != purpose::lease)
    arm_overrun(id, out);
  arm(id, out);
}

// Takes a lease from its worker; the record lives on.
template <class T>
void pool_core<T>::release(std::uint32_t id, time_point now, effects& out) {
  auto& r = requests_[id];
  auto at = r.worker;
  auto& w = workers_[at];
  w.leases.remove(requests_.records(), id);
  w.work -= r.cost;
  w.front_since = now;
  auto* its_desk = r.role == purpose::errand ? desks_.find(r.line) : nullptr;
  if (r.role == purpose::errand) {
    its_desk->running = no_index;
  } else {
    --w.occupied;
    if (r.role == purpose::lease)
      --w.held;
    else
      busy_.add(r.running_for(now));
  }
  if (w.seat != no_index)
    weigh(w.seat);
  requests_.renew(id); // what still names the lease is stale from here on
  if (watches_overruns())
    overrun_wheel_.disarm(id);
  if (w.dead) {
    if (w.leases.empty())
      workers_.drop(at);
    return;
  }
  workers_.relist(at);
  hungry_.push_back(at);
  if (limits_.managed) {
    note_worker(at);
    out.wake = true;
  }
  if (watches_overruns())
    watch_front(at, now, out);
  if (its_desk)
    next_errand(*its_desk, at, now, out);
}

template <class T>
void pool_core<T>::next_errand(desk& from, std::uint32_t at, time_point now,
                               effects& out) {
  while (!from.line.empty() && from.running == no_index) {
    auto id = from.line.head;
    if (drop_if_late(id, now, out))
      continue;
    dequeue(id);
    from.running = id;
    lease(id, at, now, out);
  }
}

// Gives every worker that was touched what it may have. While the pool is
// degraded nothing waits: what a worker had not begun when it went is answered,
// too.
template <class T>
void pool_core<T>::serve(time_point now, effects& out) {
  degrade_if_stranded(out);
  if (degraded_ && waiting_ != 0)
    settle_waiting(pool_errc::pool_degraded, why_degraded(), now, out);
  while (!hungry_.empty()) {
    auto at = hungry_.back();
    hungry_.pop_back();
    if (!workers_[at].used)
      continue;
    feed(at, now, out);
    settle_down(at, now, out);
  }
}

template <class T>
void pool_core<T>::feed(std::uint32_t at, time_point now, effects& out) {
  if (workers_[at].state != worker_state::ready)
    return;
  for (auto id = next_for(at); id != no_index; id = next_for(at)) {
    if (drop_if_late(id, now, out))
      continue;
    auto& r = requests_[id];
    if (!takes(at, r.kind, r.alone, now))
      return;
    dequeue(id);
    lease(id, at, now, out);
  }
}

// What becomes of a worker that was left with nothing to do.
template <class T>
void pool_core<T>::settle_down(std::uint32_t at, time_point now, effects& out) {
  auto& w = workers_[at];
  if (w.hangs_since && !w.dead)
    give_up(at, now, out);
  if (!w.leases.empty() || w.dead || w.state == worker_state::expelled)
    return;
  if (w.leaving) {
    w.leaving = false;
    out.dismissals.push_back({w.handle, w.incarnation});
  } else if (w.dismissed) {
    out.administer = true;
  } else if (w.overflow && w.state == worker_state::ready) {
    if (limits_.overflow_retention == nanoseconds{0}) {
      dismiss(at, now, out);
    } else if (limits_.overflow_retention != nanoseconds::max()) {
      auto tick = tick_of(now + limits_.overflow_retention) + 1;
      overflow_wheel_.arm(at, tick);
      ask_for(time_of(tick), out);
    }
  }
}

template <class T>
void pool_core<T>::weigh(std::uint32_t seat) {
  auto& s = seats_[seat];
  auto load = s.line.size;
  if (s.worker != no_index)
    load += workers_[s.worker].leases.size;
  seats_.weigh(seat, load);
}

// -- leases by hand -----------------------------------------------------------

template <class T>
pool_errc pool_core<T>::submit_errand(submission x, time_point now,
                                      effects& out) {
  auto lease_id = requests_.find(x.within);
  auto* d = lease_id == no_index ? nullptr : desks_.find(lease_id);
  auto code = pool_errc::none;
  if (x.deadline <= now)
    code = pool_errc::wait_timeout;
  else if (x.lease)
    code = pool_errc::unsupported; // it is theirs already
  else if (!d)
    code = pool_errc::no_available_worker;
  else if (d->running != no_index
           && !fits(x, {.where = place::desk, .line = lease_id}))
    code = pool_errc::queue_full;
  if (code != pool_errc::none)
    return refuse(std::move(x), code, out);
  x.how = {};
  auto kind = commands_.meet(x.command);
  auto id = admit(std::move(x), kind, now, out);
  requests_[id].role = purpose::errand;
  requests_[id].line = lease_id;
  if (d->running == no_index) {
    d->running = id;
    lease(id, requests_[lease_id].worker, now, out);
  } else {
    enqueue(id, place::desk, lease_id, false, out);
  }
  return pool_errc::none;
}

// `how`: none: it was given back; cancelled: its holder is gone; anything else:
// it was taken away.
template <class T>
void pool_core<T>::end_lease(std::uint32_t id, pool_errc how, time_point now,
                             effects& out) {
  auto& d = *desks_.find(id);
  auto dead = workers_[requests_[id].worker].dead;
  while (!d.line.empty()) {
    auto errand = d.line.head;
    dequeue(errand);
    settle(errand, dead ? pool_errc::worker_died : pool_errc::cancelled, false,
           workers_[requests_[id].worker].why, now, out);
    forget(errand, now, out);
  }
  if (d.running != no_index) {
    // It goes on, and occupies the worker, and the key of the lease, by itself.
    auto& w = workers_[requests_[id].worker];
    auto& r = requests_[d.running];
    r.role = purpose::task;
    r.how = {choice::this_worker, w.incarnation};
    r.keyed = std::exchange(requests_[id].keyed, false);
    r.hash = requests_[id].hash;
    ++w.occupied;
  }
  desks_.close(id);
  out.discarded.push_back(std::move(requests_[id].what));
  ++(how == pool_errc::none        ? counts_.replied
     : how == pool_errc::cancelled ? counts_.cancelled
                                   : counts_.failed);
  release(id, now, out);
  forget(id, now, out);
  tell_if_empty();
}

} // namespace charmer
