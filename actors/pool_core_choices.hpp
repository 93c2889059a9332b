// Part of pool_core.hpp: requests about which the application's own strategies
// decide. They run in the queue manager, never under the core's lock; a request
// stays undecided until it has been told, so nothing is lost with the actor.
#pragma once

#include "charmer/actors/pool_core.hpp"

namespace charmer {

template <class T>
auto pool_core<T>::members() const -> std::vector<member> {
  std::lock_guard guard{mutex_};
  std::vector<member> result;
  result.reserve(seats_.taken().size());
  for (auto i : seats_.taken()) {
    auto& w = workers_[seats_[i].worker];
    result.push_back({w.incarnation, w.handle, w.name});
  }
  return result;
}

template <class T>
std::uint64_t pool_core<T>::membership() const {
  std::lock_guard guard{mutex_};
  return membership_;
}

template <class T>
auto pool_core<T>::undecided(std::size_t limit) const -> std::vector<dilemma> {
  std::lock_guard guard{mutex_};
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
  std::lock_guard guard{mutex_};
  auto id = requests_.waiting(reference);
  if (id == no_index || requests_[id].where != place::undecided)
    return;
  dequeue(id);
  auto& r = requests_[id];
  if (incarnation == 0) {
    r.how = {choice::available_worker};
    enqueue(id, place::central, r.priority, false, out);
    out.wake = true;
    return;
  }
  auto to = to_incarnation(incarnation, r.role == purpose::lease, r.kind, now);
  if (to.refusal != pool_errc::none) {
    settle(id, to.refusal, false, std::nullopt, now, out);
    forget(id, now, out);
  } else {
    auto seat = workers_[workers_.find(incarnation)].seat;
    enqueue(id, place::seat, seat, false, out);
    hungry_.push_back(seats_[seat].worker);
  }
  serve(now, out);
}

template <class T>
void pool_core<T>::decline(std::uint64_t reference, time_point now,
                           effects& out) {
  std::lock_guard guard{mutex_};
  auto id = requests_.waiting(reference);
  if (id == no_index || requests_[id].where != place::undecided)
    return;
  dequeue(id);
  settle(id, pool_errc::no_available_worker, false, std::nullopt, now, out);
  forget(id, now, out);
  serve(now, out);
}

} // namespace charmer
