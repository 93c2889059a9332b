// Part of pool_core.hpp: where the requests of a session go.
//
// The home of a session is the seat of the worker that took its first request.
// It stays there while that seat is taken, whoever sits there, and while others
// of its requests are under way: so those of "wait" and "fail" never run in two
// places. When nobody sits there and nothing of it is under way, the session
// begins anew wherever its next request goes. A request that names a strategy
// of its own goes where that says, and the session stays where it is.
#pragma once

#include "charmer/actors/pool_core.hpp"

namespace charmer {

template <class T>
bool pool_core<T>::has_home(std::uint32_t session) const {
  auto home = sessions_.home(session);
  return home < seats_.size() && !is_lost(home);
}

template <class T>
auto pool_core<T>::choose_home(const submission& x, std::uint32_t session,
                               std::uint32_t kind, time_point now) -> route {
  auto prefers = limits_.affinity == session_affinity::prefer;
  auto home = sessions_.home(session);
  auto movable = prefers || sessions_.requests(session) == 1;
  if (!has_home(session) || (seats_[home].worker == no_index && movable))
    return choose_new_home(x, session, kind, now);
  if (limits_.affinity == session_affinity::wait)
    return to_seat(home, x.alone(), kind, now);
  auto& s = seats_[home];
  auto free = s.worker != no_index && s.line.empty() && s.orders.empty()
              && takes(s.worker, kind, x.alone() || !prefers, now);
  if (free)
    return {.worker = s.worker};
  if (prefers)
    return choose(x, kind, now);
  return {.refusal = pool_errc::no_available_worker, .by_session = true};
}

// As any other request, and the worker that takes it is the home. One that may
// not run elsewhere has its home at once, also if it has to wait.
template <class T>
auto pool_core<T>::choose_new_home(const submission& x, std::uint32_t session,
                                   std::uint32_t kind, time_point now)
    -> route {
  sessions_.settle(session, no_index);
  auto to = choose(x, kind, now);
  if (limits_.affinity == session_affinity::prefer
      || to.refusal != pool_errc::none || seats_.size() == 0)
    return to;
  auto has_seat = to.worker != no_index && workers_[to.worker].seat != no_index;
  if (!has_seat && to.where == place::central)
    to = {.where = place::seat, .line = some_seat(session)};
  if (has_seat || to.where == place::seat)
    sessions_.settle(session, has_seat ? workers_[to.worker].seat : to.line);
  return to;
}

// The one with the least to do; while nobody is ready, any.
template <class T>
std::uint32_t pool_core<T>::some_seat(std::uint32_t session) {
  auto best = seats_.best();
  return best != no_index ? best
                          : jump_hash(sessions_.hash(session), seats_.size());
}

template <class T>
void pool_core<T>::go_home(std::uint32_t id, bool in_front, effects& out) {
  auto& r = requests_[id];
  if (seats_.size() == 0) {
    enqueue(id, place::central, r.lane, in_front, out);
    out.wake = true;
    return;
  }
  if (!has_home(r.session))
    sessions_.settle(r.session, some_seat(r.session));
  go_to_seat(id, sessions_.home(r.session), in_front, out);
}

// There are seats now. Those that waited meanwhile did so for any worker.
template <class T>
void pool_core<T>::send_home(effects& out) {
  for (auto& line : queue_)
    for (auto id = line.head; id != no_index;) {
      auto next = requests_[id].next;
      if (requests_[id].homed) {
        dequeue(id);
        go_home(id, false, out);
      }
      id = next;
    }
}

template <class T>
pool_errc pool_core<T>::refuse_session(submission x, pool_errc code,
                                       effects& out) {
  refuse(std::move(x), code, out);
  out.settlements.back().session = true;
  return code;
}

} // namespace charmer
