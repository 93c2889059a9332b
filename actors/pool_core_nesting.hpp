// Part of pool_core.hpp: requests that run, and those that are made within them
// by functions of the application that their commands called.
//
// A request that waits for the outcome of another one of its own pool keeps its
// worker meanwhile. When all workers are kept in this way by requests whose
// inner ones wait in the queue, none of them will ever run; the one that would
// complete such a ring is refused, and with it the others can go on.
#pragma once

#include "charmer/actors/pool_core.hpp"

#include <algorithm>

namespace charmer {

// -- requests that run --------------------------------------------------------

template <class T>
auto pool_core<T>::running(std::uint64_t lease_id) const
    -> std::optional<request> {
  auto guard = brief_lock(mutex_);
  auto id = requests_.find(lease_id);
  if (id == no_index || requests_[id].state != stage::leased)
    return std::nullopt;
  return requests_[id].what;
}

template <class T>
auto pool_core<T>::holder(std::uint64_t lease_id) const
    -> std::optional<worker> {
  auto guard = brief_lock(mutex_);
  auto id = requests_.find(lease_id);
  if (id == no_index)
    return std::nullopt;
  return workers_[requests_[id].worker].handle;
}

template <class T>
auto pool_core<T>::time_left(std::uint64_t lease_id, time_point now) const
    -> nanoseconds {
  auto guard = brief_lock(mutex_);
  auto id = requests_.find(lease_id);
  if (id == no_index || requests_[id].deadline == time_point::max())
    return nanoseconds::max();
  return std::max(nanoseconds{requests_[id].deadline - now}, nanoseconds{1});
}

template <class T>
auto pool_core<T>::location(request_key key) const
    -> std::optional<std::pair<worker, std::uint64_t>> {
  auto guard = brief_lock(mutex_);
  auto id = requests_.find(key);
  if (id == no_index || requests_[id].state != stage::leased
      || requests_[id].role == purpose::lease)
    return std::nullopt;
  return std::pair{workers_[requests_[id].worker].handle,
                   requests_.lease_of(id)};
}

// -- requests within requests -------------------------------------------------

// Whether no worker could ever run it because each is kept by a request that
// waits for one in the queue, or for this one.
template <class T>
bool pool_core<T>::would_deadlock(const submission& x, const route& to) const {
  if (x.chain.empty() || to.worker != no_index)
    return false;
  if (to.where == place::seat || to.where == place::order) {
    auto at = seats_[to.line].worker;
    return at != no_index
           && is_full_of(at, [&](auto& r) { return waits_for(r, x); });
  }
  if (to.where != place::central || overflow_room() != 0
      || workers_.ready() + seats_lost() < seats_.size())
    return false; // somebody may come
  for (std::uint32_t at = 0; at < workers_.size(); ++at)
    if (workers_[at].used && workers_[at].state == worker_state::ready
        && !is_full_of(
            at, [&](auto& r) { return r.blocked_by != 0 || waits_for(r, x); }))
      return false;
  return workers_.ready() != 0;
}

template <class T>
bool pool_core<T>::waits_for(const record& r, const submission& x) const {
  return r.key.number != 0
         && std::find(x.chain.begin(), x.chain.end(), r.key) != x.chain.end();
}

// Whether a worker has no room, and `f` holds of everything that it runs.
template <class T>
template <class F>
bool pool_core<T>::is_full_of(std::uint32_t at, F f) const {
  auto& w = workers_[at];
  if (w.occupied < w.capacity)
    return false;
  auto id = w.leases.head;
  for (std::uint32_t i = 0; i < w.capacity && id != no_index; ++i) {
    auto& r = requests_[id];
    if (r.state != stage::leased || r.role != purpose::task || !f(r))
      return false;
    id = r.next;
  }
  return true;
}

template <class T>
void pool_core<T>::block_chain_of(std::uint32_t id) {
  for (auto& key : requests_[id].chain)
    if (auto outer = requests_.find(key); outer != no_index)
      ++requests_[outer].blocked_by;
}

template <class T>
void pool_core<T>::unblock_chain_of(std::uint32_t id) {
  for (auto& key : requests_[id].chain)
    if (auto outer = requests_.find(key); outer != no_index)
      --requests_[outer].blocked_by;
}

} // namespace charmer
