// Part of pool_core.hpp: the pool as a whole: its size, its end, what can be
// known of it.
#pragma once

#include "charmer/actors/pool_core.hpp"

namespace charmer {

template <class T>
bool pool_core<T>::resize(std::uint32_t size, time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  auto had_seats = seats_.size() != 0;
  seats_.resize(size);
  if (!had_seats && size != 0)
    send_home(out);
  auto recovered = false;
  for (std::uint32_t at = 0; at < workers_.size(); ++at) {
    auto& w = workers_[at];
    if (!w.used || w.dead || w.seat == no_index)
      continue;
    if (w.seat >= size && w.state == worker_state::ready) {
      dismiss(at, now, out);
    } else if (w.seat < size && can_be_recalled(w)) {
      recall(at);
      recovered = std::exchange(degraded_, false) || recovered;
      last_error_.reset();
    }
  }
  // Closed seats that nobody sat in may have had lines all the same.
  for (auto seat = size; seat < seats_.all(); ++seat)
    scatter(seat, now, out);
  serve(now, out);
  out.wake = out.wake || head_of_queue() != no_index;
  out.administer = true;
  changed_.notify_all();
  return recovered;
}

template <class T>
std::uint32_t pool_core<T>::size() const {
  auto guard = brief_lock(mutex_);
  return seats_.size();
}

template <class T>
bool pool_core<T>::degrade(const cause& why, time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  if (!last_error_)
    last_error_ = why;
  changed_.notify_all();
  if (degraded_ || closing_ || workers_.ready() > 0)
    return false;
  degraded_ = true;
  serve(now, out);
  return true;
}

template <class T>
void pool_core<T>::retire_all(time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  for (std::uint32_t at = 0; at < workers_.size(); ++at)
    if (workers_[at].used && !workers_[at].dead) {
      vacate(at, now, out);
      workers_[at].dismissed = false; // who stops them all stops these, too
    }
  serve(now, out);
}

// -- the pool as a whole ------------------------------------------------------

template <class T>
void pool_core<T>::drain() {
  auto guard = brief_lock(mutex_);
  closing_ = true;
  changed_.notify_all();
}

template <class T>
bool pool_core<T>::draining() const {
  auto guard = brief_lock(mutex_);
  return closing_;
}

template <class T>
void pool_core<T>::reopen() {
  auto guard = brief_lock(mutex_);
  closing_ = false;
}

template <class T>
void pool_core<T>::close(time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  closing_ = true;
  settle_waiting(pool_errc::shutting_down, std::nullopt, now, out);
  for (std::uint32_t at = 0; at < workers_.size(); ++at)
    while (!workers_[at].leases.empty()) {
      // A lease by hand comes before its errands, and ends those that wait.
      auto id = workers_[at].leases.head;
      if (requests_[id].role == purpose::lease) {
        end_lease(id, pool_errc::shutting_down, now, out);
        continue;
      }
      if (requests_[id].state == stage::leased)
        settle(id, pool_errc::shutting_down, true, std::nullopt, now, out);
      release(id, now, out);
      forget(id, now, out);
    }
  settle_waiting(pool_errc::shutting_down, std::nullopt, now, out);
  serve(now, out); // who waited to be told that nothing is left
  changed_.notify_all();
}

template <class T>
bool pool_core<T>::wait_until_empty(time_point limit) {
  std::unique_lock guard{mutex_};
  return changed_.wait_until(guard, limit, [&] { return empty(); });
}

template <class T>
bool pool_core<T>::wait_until_ready(std::size_t count, time_point limit) {
  std::unique_lock guard{mutex_};
  changed_.wait_until(guard, limit, [&] {
    return workers_.ready() >= count || degraded_ || closing_;
  });
  return workers_.ready() >= count;
}

template <class T>
bool pool_core<T>::wait_until_vacant(time_point limit) {
  std::unique_lock guard{mutex_};
  return changed_.wait_until(guard, limit, [&] { return workers_.vacant(); });
}

template <class T>
auto pool_core<T>::last_error() const -> std::optional<cause> {
  auto guard = brief_lock(mutex_);
  return why_degraded();
}

// Whether nothing waits and nothing runs. What was given up but still occupies
// a worker does not count.
template <class T>
bool pool_core<T>::empty() const {
  auto& c = counts_;
  return c.accepted == c.replied + c.failed + c.cancelled;
}

template <class T>
void pool_core<T>::tell_if_empty() {
  if (closing_ && empty())
    changed_.notify_all();
}

// {running, sent ahead}. A request that was given up still occupies its worker,
// but is in the books no more; an errand runs within its lease.
template <class T>
std::pair<std::uint64_t, std::uint64_t>
pool_core<T>::load_of(const slot& w) const {
  std::uint64_t running = 0;
  std::uint64_t ahead = 0;
  std::uint32_t position = 0;
  for (auto id = w.leases.head; id != no_index; id = requests_[id].next) {
    auto& r = requests_[id];
    auto is_errand = r.role == purpose::errand;
    if (r.state == stage::leased)
      ++(is_errand || position < w.capacity ? running : ahead);
    position += is_errand ? 0 : 1;
  }
  return {running, ahead};
}

template <class T>
pool_snapshot pool_core<T>::snapshot(time_point now) const {
  auto guard = brief_lock(mutex_);
  pool_snapshot result;
  result.degraded = degraded_;
  result.draining = closing_;
  result.circuit_open =
      limits_.breaker.enabled && breaker_.state(now) != breaker_state::closed;
  result.size = seats_.size();
  result.overflow = overflow_;
  result.abandoned = abandoned_;
  result.next_worker = seats_.turn();
  result.waiting_bytes = waiting_bytes_;
  result.sessions = sessions_.size(now);
  result.waited = waited_;
  result.busy = busy_;
  result.counts = counts_;
  result.counts.waiting = waiting_;
  for (std::uint32_t at = 0; at < workers_.size(); ++at) {
    auto& w = workers_[at];
    if (!w.used)
      continue;
    auto [running, ahead] = load_of(w);
    result.counts.running += running;
    result.counts.waiting += ahead;
    if (!w.dead)
      result.workers.push_back(snapshot_of(at, running, ahead, now));
  }
  return result;
}

template <class T>
worker_snapshot
pool_core<T>::snapshot_of(std::uint32_t at, std::uint64_t running,
                          std::uint64_t ahead, time_point now) const {
  auto& w = workers_[at];
  worker_snapshot x{w.name, w.incarnation, w.state, running, ahead};
  x.requests = w.requests;
  x.since = w.since;
  x.overflow = w.overflow;
  x.held = w.held != 0;
  x.idle = w.leases.empty();
  if (w.seat != no_index && seats_[w.seat].worker == at)
    x.line = seats_[w.seat].line.size;
  // What does not stop, or did not, or else the oldest that it runs.
  auto id = w.leases.head;
  while (w.hangs_since && id != no_index
         && requests_[id].state != stage::cancelling)
    id = requests_[id].next;
  if (id == no_index && w.state == worker_state::expelled)
    x.task = commands_.name_of(w.hung);
  else if (id == no_index)
    id = w.leases.head;
  if (id != no_index) {
    x.task = commands_.name_of(requests_[id].kind);
    x.running_for = requests_[id].running_for(now);
  }
  return x;
}

template <class T>
std::optional<worker_snapshot>
pool_core<T>::snapshot_of(std::uint64_t incarnation, time_point now) const {
  auto guard = brief_lock(mutex_);
  auto at = workers_.find(incarnation);
  if (at == no_index)
    return std::nullopt;
  auto [running, ahead] = load_of(workers_[at]);
  return snapshot_of(at, running, ahead, now);
}

} // namespace charmer
