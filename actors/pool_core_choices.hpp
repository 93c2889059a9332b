// Part of pool_core.hpp: where the application's own strategies and collections
// decide. They run in the queue manager, never under the core's lock; a request
// stays where it is until the core has been told, so nothing is lost with the
// actor.
#pragma once

#include "charmer/actors/pool_core.hpp"

namespace charmer {

template <class T>
auto pool_core<T>::members() const -> std::vector<member> {
  auto guard = brief_lock(mutex_);
  std::vector<member> result;
  result.reserve(seats_.taken().size());
  for (auto i : seats_.taken()) {
    auto& w = workers_[seats_[i].worker];
    result.push_back({w.incarnation, w.handle, w.name});
  }
  return result;
}

template <class T>
auto pool_core<T>::held(request_key lease) const -> std::optional<member> {
  auto guard = brief_lock(mutex_);
  auto id = requests_.find(lease);
  if (id == no_index || requests_[id].state != stage::leased
      || requests_[id].role != purpose::lease)
    return std::nullopt;
  auto& w = workers_[requests_[id].worker];
  return member{w.incarnation, w.handle, w.name};
}

template <class T>
pool_errc pool_core<T>::absence() const {
  auto guard = brief_lock(mutex_);
  return closing_    ? pool_errc::shutting_down
         : degraded_ ? pool_errc::pool_degraded
                     : pool_errc::no_available_worker;
}

template <class T>
std::uint64_t pool_core<T>::membership() const {
  auto guard = brief_lock(mutex_);
  return membership_;
}

template <class T>
auto pool_core<T>::undecided(std::size_t limit) const -> std::vector<dilemma> {
  auto guard = brief_lock(mutex_);
  std::vector<dilemma> result;
  for (auto id = undecided_.head; id != no_index && result.size() < limit;
       id = requests_[id].next)
    result.push_back(
        {requests_.reference(id), requests_[id].how.value, requests_[id].what});
  return result;
}

template <class T>
void pool_core<T>::decide(std::uint64_t reference, std::uint64_t incarnation,
                          time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  auto id = requests_.waiting(reference);
  if (id == no_index || requests_[id].where != place::undecided)
    return;
  dequeue(id);
  auto& r = requests_[id];
  if (incarnation == 0 && limits_.queue) {
    if (queued() >= limits_.queue_size + room_at_once()) {
      settle(id, pool_errc::queue_full, false, std::nullopt, now, out);
      forget(id, now, out);
      return;
    }
    r.how = {choice::available_worker};
    enqueue(id, place::central, r.lane, false, out);
    out.wake = true;
    return;
  }
  auto to = to_incarnation(incarnation, r.alone, r.kind, now);
  if (to.refusal == pool_errc::none) {
    auto seat = workers_[workers_.find(incarnation)].seat;
    if (to.worker == no_index && seats_[seat].line.size >= limits_.queue_size)
      to.refusal = pool_errc::queue_full;
    else
      go_to_seat(id, seat, false, out);
  }
  if (to.refusal != pool_errc::none) {
    settle(id, to.refusal, false, std::nullopt, now, out);
    forget(id, now, out);
  }
  serve(now, out);
}

template <class T>
void pool_core<T>::decline(std::uint64_t reference, time_point now,
                           effects& out) {
  auto guard = brief_lock(mutex_);
  auto id = requests_.waiting(reference);
  if (id == no_index || requests_[id].where != place::undecided)
    return;
  dequeue(id);
  settle(id, pool_errc::no_available_worker, false, std::nullopt, now, out);
  forget(id, now, out);
  serve(now, out);
}

// -- managed pools ------------------------------------------------------------

template <class T>
auto pool_core<T>::movements() -> std::optional<std::vector<movement>> {
  auto guard = brief_lock(mutex_);
  if (movements_lost_)
    return std::nullopt;
  return std::exchange(movements_, {});
}

template <class T>
std::vector<movement> pool_core<T>::occupation() {
  auto guard = brief_lock(mutex_);
  movements_.clear();
  movements_lost_ = false;
  std::vector<movement> result;
  for (auto& line : queue_)
    for (auto id = line.head; id != no_index; id = requests_[id].next)
      result.push_back(waiting_now(id));
  for (std::uint32_t at = 0; at < workers_.size(); ++at)
    if (workers_[at].used && !workers_[at].dead)
      result.push_back(worker_now(at));
  return result;
}

template <class T>
assignment_result pool_core<T>::assign(std::uint64_t reference,
                                       std::uint64_t incarnation,
                                       time_point now, effects& out) {
  auto guard = brief_lock(mutex_);
  auto id = requests_.waiting(reference);
  if (id == no_index || requests_[id].where != place::central)
    return assignment_result::request_gone;
  if (drop_if_late(id, now, out)) {
    serve(now, out);
    return assignment_result::request_gone;
  }
  auto at = workers_.find(incarnation);
  if (at == no_index || workers_[at].state != worker_state::ready
      || workers_[at].occupied >= workers_[at].capacity)
    return assignment_result::worker_busy;
  dequeue(id);
  lease(id, at, now, out);
  return assignment_result::done;
}

template <class T>
void pool_core<T>::note(movement x) {
  if (!limits_.managed || movements_lost_)
    return;
  if (movements_.size() < max_movements) {
    movements_.push_back(x);
    return;
  }
  movements_.clear();
  movements_lost_ = true;
}

template <class T>
void pool_core<T>::note_request(bool waits, std::uint32_t id) {
  auto x = waiting_now(id);
  if (!waits)
    x.what = movement::kind::request_gone;
  note(x);
}

template <class T>
void pool_core<T>::note_worker(std::uint32_t at) {
  note(worker_now(at));
}

template <class T>
movement pool_core<T>::waiting_now(std::uint32_t id) const {
  return {movement::kind::request_waits, requests_.reference(id),
          reinterpret_cast<std::uintptr_t>(requests_[id].caller), false};
}

template <class T>
movement pool_core<T>::worker_now(std::uint32_t at) const {
  auto& w = workers_[at];
  auto what = w.state != worker_state::ready ? movement::kind::worker_gone
              : w.occupied < w.capacity      ? movement::kind::worker_idle
                                             : movement::kind::worker_busy;
  return {what, w.incarnation, 0, w.overflow};
}

} // namespace charmer
