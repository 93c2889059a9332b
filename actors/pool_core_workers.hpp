// Part of pool_core.hpp: workers come, retire and die.
#pragma once

#include "charmer/actors/pool_core.hpp"

#include <set>

namespace charmer {

// -- who is wanted ------------------------------------------------------------

template <class T>
auto pool_core<T>::vacancies(std::size_t limit) const -> std::vector<vacancy> {
  auto guard = brief_lock(mutex_);
  std::set<std::string> present;
  for (auto& w : workers_)
    if (w.used && !w.dead)
      present.insert(w.name);
  std::vector<vacancy> result;
  for (std::uint32_t i = 0; i < seats_.size() && result.size() < limit; ++i)
    if (auto name = "worker-" + std::to_string(i + 1); !present.count(name))
      result.push_back({std::move(name), i});
  auto wanted = overflow_wanted();
  for (std::uint32_t i = 1;
       wanted != 0 && i <= limits_.max_overflow && result.size() < limit; ++i)
    if (auto name = "overflow-" + std::to_string(i); !present.count(name)) {
      result.push_back({std::move(name), no_index});
      --wanted;
    }
  return result;
}

template <class T>
std::vector<std::string> pool_core<T>::leftovers() const {
  auto guard = brief_lock(mutex_);
  std::vector<std::string> result;
  for (auto& w : workers_)
    if (w.used && !w.dead && w.dismissed && w.leases.empty())
      result.push_back(w.name);
  return result;
}

// One for each waiting request for which nobody is idle, or starting yet.
template <class T>
std::uint32_t pool_core<T>::overflow_wanted() const {
  if (limits_.max_overflow == 0 || closing_)
    return 0;
  auto waiting = queued();
  auto coming = workers_.spare() + starting_;
  auto unserved = waiting > coming ? waiting - coming : 0;
  auto room = limits_.max_overflow - std::min(limits_.max_overflow, overflow_);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(unserved, room));
}

// -- coming and going ---------------------------------------------------------

template <class T>
std::uint64_t pool_core<T>::add_worker(const vacancy& where) {
  auto guard = brief_lock(mutex_);
  ++starting_;
  if (where.seat == no_index)
    ++overflow_;
  auto& w = workers_[workers_.add(where.worker, where.seat)];
  w.request_limit =
      first_to_reach(limits_.max_requests, spread_of(w.incarnation));
  return w.incarnation;
}

template <class T>
bool pool_core<T>::worker_ready(std::uint64_t incarnation, worker handle,
                                std::uint32_t capacity,
                                std::shared_ptr<const evidence> proof,
                                time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  auto at = workers_.find(incarnation);
  if (at == no_index)
    return false;
  auto& w = workers_[at];
  w.handle = std::move(handle);
  w.capacity = capacity;
  w.proof = std::move(proof);
  w.since = now;
  if (w.state == worker_state::starting) {
    --starting_;
    w.state = worker_state::ready;
    if (w.seat != no_index) {
      auto before = seats_[w.seat].worker;
      seats_.take(w.seat, at);
      if (before != no_index) {
        workers_.retire(before); // it finishes what it has
        if (limits_.managed)
          note_worker(before);
      }
      weigh(w.seat);
      if (w.seat >= seats_.size())
        dismiss(at, now, out); // the pool shrank while it started
    }
    ++membership_;
  }
  workers_.relist(at);
  if (limits_.managed)
    note_worker(at);
  last_error_.reset();
  hungry_.push_back(at);
  serve(now, out);
  out.wake = out.wake || head_of_queue() != no_index || limits_.managed;
  changed_.notify_all();
  return std::exchange(degraded_, false) && !overburdened_;
}

template <class T>
void pool_core<T>::worker_retiring(std::uint64_t incarnation, time_point now,
                                   effects& out) {
  auto guard = brief_lock(mutex_);
  auto at = workers_.find(incarnation);
  if (at == no_index)
    return;
  // One that was never ready knows by itself that it has nothing.
  workers_[at].leaving = workers_[at].state != worker_state::starting;
  vacate(at, now, out);
  hungry_.push_back(at);
  serve(now, out);
}

template <class T>
void pool_core<T>::worker_died(std::uint64_t incarnation, const cause& why,
                               time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  auto at = workers_.find(incarnation);
  if (at == no_index)
    return;
  // How one ends that was told to is not why there are none.
  if (workers_[at].state != worker_state::retiring)
    last_error_ = why;
  auto was_ready = workers_[at].state != worker_state::starting;
  vacate(at, now, out);
  overflow_wheel_.disarm(at);
  auto& w = workers_[at];
  if (w.overflow)
    --overflow_;
  w.why = why;
  if (w.abandoned)
    keep_keys_of(at);
  workers_.bury(at);
  if (w.leases.empty())
    workers_.drop(at);
  else if (w.proof || workers_.close_gate(at))
    bury_all(at, now, out);
  serve(now, out);
  out.wake = out.wake || head_of_queue() != no_index;
  // Base workers are restarted by their supervisor, and who could not start is
  // not tried again at once.
  out.administer = out.administer || (was_ready && overflow_wanted() != 0);
  changed_.notify_all();
}

template <class T>
bool pool_core<T>::left_behind(std::uint64_t incarnation, const cause& too_many,
                               time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  if (auto at = workers_.find(incarnation); at != no_index)
    workers_[at].abandoned = true;
  if (++abandoned_ <= limits_.max_abandoned || overburdened_)
    return false;
  overburdened_ = too_many;
  settle_waiting(pool_errc::pool_degraded, overburdened_, now, out);
  return !degraded_;
}

template <class T>
bool pool_core<T>::returned(std::uint64_t incarnation, time_point now,
                            effects& out) {
  auto guard = brief_lock(mutex_);
  for (auto key : keys_.take_kept(incarnation))
    promote(key, now, out);
  serve(now, out);
  if (--abandoned_ > limits_.max_abandoned || !overburdened_)
    return false;
  overburdened_.reset();
  return !degraded_;
}

template <class T>
void pool_core<T>::declare(std::string_view command, bool idempotent) {
  auto guard = brief_lock(mutex_);
  commands_.declare(command, idempotent);
}

// It is given nothing more; what waits for it alone goes elsewhere.
template <class T>
void pool_core<T>::vacate(std::uint32_t at, time_point now, effects& out) {
  auto& w = workers_[at];
  if (w.state == worker_state::starting)
    --starting_;
  if (w.state == worker_state::ready)
    ++membership_;
  workers_.retire(at);
  if (limits_.managed)
    note_worker(at);
  if (w.seat != no_index && seats_[w.seat].worker == at) {
    seats_.leave(w.seat);
    scatter(w.seat, now, out);
  }
}

// What a dead worker leaves, from the newest to the oldest, because each goes
// to the queue's head.
template <class T>
void pool_core<T>::bury_all(std::uint32_t at, time_point now, effects& out) {
  for (auto id = workers_[at].leases.tail; id != no_index;) {
    auto before = requests_[id].prev;
    bury(id, now, out);
    id = before;
  }
}

// Its caller has its outcome, or is about to, and the worker runs it all the
// same: the next one of its key must not run beside it. Of an errand that is
// the key of its lease.
template <class T>
void pool_core<T>::keep_keys_of(std::uint32_t at) {
  auto& w = workers_[at];
  for (auto id = w.leases.head; id != no_index; id = requests_[id].next) {
    auto& r = requests_[id];
    if (r.role == purpose::lease || !may_have_begun(id))
      continue;
    auto& owner = r.role == purpose::errand ? requests_[r.line] : r;
    if (std::exchange(owner.keyed, false))
      keys_.keep(w.incarnation, owner.hash);
  }
}

// Nobody sits there now. Equal keys, and those that only their session's home
// will do for, wait for the successor, others for anybody.
template <class T>
void pool_core<T>::scatter(std::uint32_t seat, time_point now, effects& out) {
  auto& s = seats_[seat];
  while (!s.orders.empty()) {
    auto id = s.orders.head;
    dequeue(id);
    settle(id, pool_errc::no_available_worker, false, std::nullopt, now, out);
    forget(id, now, out);
  }
  auto closed = seat >= seats_.size();
  for (auto id = s.line.tail; id != no_index;) {
    auto before = requests_[id].prev;
    auto& r = requests_[id];
    if (!r.keyed && !r.homed) {
      dequeue(id);
      enqueue(id, place::central, r.priority, true, out);
    } else if (closed) {
      dequeue(id);
      r.keyed ? go_to_seat_of_key(id, true, out) : go_home(id, true, out);
    }
    id = before;
  }
  out.wake = out.wake || head_of_queue() != no_index;
}

// It ends for good, as soon as it has nothing left to do.
template <class T>
void pool_core<T>::dismiss(std::uint32_t at, time_point now, effects& out) {
  vacate(at, now, out);
  overflow_wheel_.disarm(at);
  workers_[at].dismissed = true;
  if (workers_[at].leases.empty())
    out.administer = true;
}

// One of its requests does not stop. Others that it runs are innocent: they go
// on beside its successor, until they are done or their time is over.
template <class T>
void pool_core<T>::give_up(std::uint32_t at, time_point now, effects& out) {
  auto& w = workers_[at];
  if (w.state == worker_state::expelled)
    return;
  auto others = serves_others(at);
  if (others && !w.hangs_since) {
    if (w.state == worker_state::ready && !w.overflow)
      out.replacements.push_back(w.name);
    vacate(at, now, out);
  }
  if (!w.hangs_since)
    w.hangs_since = now;
  if (!others || now - *w.hangs_since >= limits_.worker_shutdown)
    expel(at, now, out);
}

// Whether it runs what somebody waits for.
template <class T>
bool pool_core<T>::serves_others(std::uint32_t at) const {
  auto id = workers_[at].leases.head;
  while (id != no_index) {
    auto& r = requests_[id];
    if (r.state == stage::leased && r.role != purpose::lease
        && may_have_begun(id))
      return true;
    id = r.next;
  }
  return false;
}

template <class T>
worker_ending pool_core<T>::ending_of(const slot& w) const {
  if (w.state == worker_state::expelled || w.hangs_since)
    return worker_ending::expulsion;
  return w.leaving || w.dismissed ? worker_ending::stop : worker_ending::death;
}

template <class T>
void pool_core<T>::expel(std::uint32_t at, time_point now, effects& out) {
  vacate(at, now, out);
  workers_[at].state = worker_state::expelled;
  ++counts_.expelled;
  out.expulsions.push_back(workers_[at].handle);
}

} // namespace charmer
