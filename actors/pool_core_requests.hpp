// Part of pool_core.hpp: how a request comes in, and where it is to go.
#pragma once

#include "charmer/actors/pool_core.hpp"

namespace charmer {

template <class T>
pool_core<T>::pool_core(core_limits limits, time_point now)
    : limits_(limits), epoch_(now), workers_(limits.prefetch),
      seats_(limits.seed), sessions_(limits.max_sessions, limits.session_ttl),
      breaker_(limits.breaker) {
  seats_.resize(limits.size);
}

// -- callers ------------------------------------------------------------------

template <class T>
pool_errc pool_core<T>::submit(submission x, time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  if (x.within.number != 0)
    return submit_errand(std::move(x), now, out);
  // Where all requests share one worker a session has no choice.
  auto by_session = x.how.kind == choice::unsaid && !x.session.empty()
                    && limits_.usual.kind != choice::hash_worker;
  if (x.how.kind == choice::unsaid)
    x.how = limits_.usual;
  auto refusal = refusal_of(x, now);
  if (refusal != pool_errc::none)
    return refuse(std::move(x), refusal, out);
  auto session = no_index;
  if (!x.session.empty()) {
    session = sessions_.enter(x.session, now);
    if (session == no_index)
      return refuse_session(std::move(x), pool_errc::queue_full, out);
  }
  auto kind = commands_.meet(x.command);
  auto to =
      by_session ? choose_home(x, session, kind, now) : choose(x, kind, now);
  if (to.refusal == pool_errc::none && to.worker == no_index && !fits(x, to))
    to.refusal = pool_errc::queue_full;
  if (to.refusal == pool_errc::none && would_deadlock(x, to))
    to.refusal = pool_errc::would_deadlock;
  auto probe = false;
  if (to.refusal == pool_errc::none && limits_.breaker.enabled) {
    auto permit = x.lease ? breaker_.admits_lease(now) : breaker_.permit(now);
    probe = permit == permission::probe;
    if (permit == permission::refuse)
      to.refusal = pool_errc::circuit_open;
  }
  auto keyed = x.how.kind == choice::hash_worker;
  if (to.refusal != pool_errc::none) {
    if (keyed && to.where != place::key)
      keys_.leave(x.how.value);
    if (session != no_index)
      sessions_.leave(session, now);
    return to.by_session ? refuse_session(std::move(x), to.refusal, out)
                         : refuse(std::move(x), to.refusal, out);
  }
  auto id = admit(std::move(x), kind, now, out);
  auto& r = requests_[id];
  r.probe = probe;
  r.keyed = keyed && to.where != place::key;
  r.session = session;
  r.homed = by_session && limits_.affinity != session_affinity::prefer;
  if (to.worker != no_index) {
    lease(id, to.worker, now, out);
    return pool_errc::none;
  }
  enqueue(id, to.where, to.where == place::central ? r.lane : to.line, false,
          out);
  // Where nobody has a seat it waits for anybody, who may be idle.
  out.wake =
      out.wake || (to.where == place::central && workers_.idle() != no_index);
  if (waiting_ == 1 && traced())
    trace(request_step::waiting, id, nanoseconds{0}, out);
  return pool_errc::none;
}

template <class T>
bool pool_core<T>::cancel(request_key key, time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  auto id = requests_.find(key);
  if (id == no_index)
    return false;
  withdraw(id, pool_errc::cancelled, true, now, out);
  serve(now, out);
  return true;
}

template <class T>
bool pool_core<T>::give_back(request_key key, caller_key from, time_point now,
                             effects& out) {
  auto guard = brief_lock(mutex_);
  auto id = requests_.find(key);
  if (id == no_index || requests_[id].role != purpose::lease
      || (from && from != requests_[id].caller))
    return false;
  if (requests_[id].state == stage::leased)
    end_lease(id, pool_errc::none, now, out);
  else
    withdraw(id, pool_errc::cancelled, true, now, out);
  serve(now, out);
  return true;
}

template <class T>
void pool_core<T>::caller_died(caller_key who, time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  for (auto id = requests_.first_of(who); id != no_index;
       id = requests_.first_of(who))
    withdraw(id, pool_errc::cancelled, false, now, out);
  requests_.forget_caller(who);
  serve(now, out);
}

template <class T>
bool pool_core<T>::dispatch(std::size_t limit, time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  if (limits_.managed)
    return false;
  auto more = false;
  for (auto id = head_of_queue(); id != no_index; id = head_of_queue()) {
    if (limit-- == 0) {
      more = true;
      break;
    }
    if (drop_if_late(id, now, out))
      continue;
    auto& r = requests_[id];
    auto target = pick(r.kind, r.alone, now);
    if (target == no_index)
      break;
    dequeue(id);
    lease(id, target, now, out);
  }
  serve(now, out);
  out.administer = out.administer || overflow_wanted() != 0;
  return more;
}

// -- choosing -----------------------------------------------------------------

template <class T>
pool_errc pool_core<T>::refusal_of(const submission& x, time_point now) const {
  if (closing_)
    return pool_errc::shutting_down;
  if (degraded_)
    return pool_errc::pool_degraded;
  if (x.deadline <= now || x.queue_deadline <= now)
    return pool_errc::wait_timeout;
  return pool_errc::none;
}

template <class T>
auto pool_core<T>::choose(const submission& x, std::uint32_t kind,
                          time_point now) -> route {
  switch (x.how.kind) {
    case choice::next_available_worker:
      if (!limits_.queue)
        return {pool_errc::unsupported};
      if (auto at = workers_.idle(); at != no_index)
        return {.worker = at};
      return {pool_errc::no_available_worker};
    case choice::best_worker:
      return to_seat(seats_.best(), x.alone(), kind, now);
    case choice::next_worker:
      return to_seat(seats_.next(), x.alone(), kind, now);
    case choice::random_worker:
      return to_seat(seats_.random(), x.alone(), kind, now);
    case choice::hash_worker:
      if (!keys_.enter(x.how.value))
        return {.where = place::key};
      if (seats_.size() == 0)
        return route{};
      return to_seat(seat_of_key(x.how.value), x.alone(), kind, now);
    case choice::custom_worker:
      return {.where = place::undecided};
    case choice::this_worker:
      return to_incarnation(x.how.value, x.alone(), kind, now);
    case choice::available_worker:
      return central(x, kind, now);
    default: // from another version, or made by a cast
      return {pool_errc::unsupported};
  }
}

// What a request waits for that runs here goes first, for it makes room: else
// those that have just come would get the workers, and wait for more like it.
template <class T>
std::uint8_t pool_core<T>::lane_of(const submission& x) const {
  auto runs_here = [&](auto key) { return requests_.find(key) != no_index; };
  if (std::any_of(x.chain.begin(), x.chain.end(), runs_here))
    return 0;
  return static_cast<std::uint8_t>(1 + std::min<std::uint8_t>(x.priority, 2));
}

template <class T>
auto pool_core<T>::central(const submission& x, std::uint32_t kind,
                           time_point now) -> route {
  if (!limits_.queue)
    return {pool_errc::unsupported};
  if (!limits_.managed && head_of_queue() == no_index)
    if (auto at = pick(kind, x.alone(), now); at != no_index)
      return {.worker = at};
  return {};
}

// To the worker that sits there, or into the line before it.
template <class T>
auto pool_core<T>::to_seat(std::uint32_t seat, bool alone, std::uint32_t kind,
                           time_point now) -> route {
  if (seat == no_index) // nobody is ready
    return limits_.queue ? route{} : route{pool_errc::no_available_worker};
  auto& s = seats_[seat];
  if (s.line.empty() && s.orders.empty() && s.worker != no_index
      && takes(s.worker, kind, alone, now))
    return {.worker = s.worker};
  return {.where = place::seat, .line = seat};
}

template <class T>
auto pool_core<T>::to_incarnation(std::uint64_t incarnation, bool alone,
                                  std::uint32_t kind, time_point now) -> route {
  auto at = workers_.find(incarnation);
  if (at == no_index || workers_[at].state != worker_state::ready
      || workers_[at].seat == no_index)
    return {pool_errc::no_available_worker};
  auto seat = workers_[at].seat;
  if (seats_[seat].orders.empty() && takes(at, kind, alone, now))
    return {.worker = at};
  return {.where = place::order, .line = seat};
}

// Every line has the same limit. What an idle worker could take now need not
// wait, though it may have to be decided first which one.
template <class T>
bool pool_core<T>::fits(const submission& x, const route& to) {
  std::uint64_t before = 0;
  std::uint64_t limit = limits_.queue_size;
  switch (to.where) {
    case place::seat:
      before = seats_[to.line].line.size;
      break;
    case place::order:
      before = seats_[to.line].orders.size;
      break;
    case place::key:
      // There may be any number of keys: together they have as much room as
      // the lines of all workers.
      if (behind_keys_ >= limit * std::max(seats_.size(), 1u))
        return false;
      before = keys_.behind(x.how.value).size;
      break;
    case place::undecided:
      before = undecided_.size;
      limit += workers_.spare();
      break;
    case place::desk:
      before = desks_.find(to.line)->line.size;
      break;
    default:
      before = queued();
      limit += room_at_once();
      break;
  }
  return before < limit && waiting_bytes_ + x.bytes <= limits_.queue_bytes
         && !requests_.full();
}

template <class T>
pool_errc pool_core<T>::refuse(submission x, pool_errc code, effects& out) {
  ++counts_.refused;
  settlement s;
  s.who = std::move(x.what);
  s.code = code;
  s.errand = x.within.number != 0;
  if (code == pool_errc::pool_degraded)
    s.why = why_degraded();
  out.settlements.push_back(std::move(s));
  return code;
}

template <class T>
std::uint32_t pool_core<T>::admit(submission x, std::uint32_t kind,
                                  time_point now, effects& out) {
  ++counts_.accepted;
  record r;
  r.lane = lane_of(x);
  r.what = std::move(x.what);
  r.caller = x.caller;
  r.key = x.key;
  r.bytes = x.bytes;
  r.deadline = x.deadline;
  r.queue_deadline = x.queue_deadline;
  r.kind = kind;
  r.idempotent = x.idempotent;
  r.how = x.how;
  r.hash = x.how.value;
  r.role = x.lease ? purpose::lease : purpose::task;
  r.alone = x.alone();
  r.chain = std::move(x.chain);
  r.since = now;
  auto [id, fresh] = requests_.admit(std::move(r));
  if (fresh)
    out.watch = x.caller;
  return id;
}

// The record is free again; the next one of its key may go.
template <class T>
void pool_core<T>::forget(std::uint32_t id, time_point now, effects& out) {
  wheel_.disarm(id);
  if (watches_overruns())
    overrun_wheel_.disarm(id);
  auto& r = requests_[id];
  auto keyed = r.keyed;
  auto key = r.hash;
  if (r.session != no_index)
    sessions_.leave(r.session, now);
  if (std::exchange(r.kept, false))
    out.discarded.push_back(std::move(r.what)); // is destroyed without the lock
  requests_.forget(id);
  if (keyed)
    promote(key, now, out);
}

template <class T>
void pool_core<T>::promote(std::uint64_t key, time_point, effects& out) {
  auto& chain = keys_.behind(key);
  if (chain.empty()) {
    keys_.leave(key);
    return;
  }
  auto id = chain.head;
  dequeue(id);
  requests_[id].keyed = true;
  go_to_seat_of_key(id, false, out);
}

} // namespace charmer
