// Part of pool_core.hpp: where requests wait, and who is next.
#pragma once

#include "charmer/actors/pool_core.hpp"

namespace charmer {

template <class T>
index_list& pool_core<T>::line_of(place where, std::uint32_t line,
                                  const record& r) {
  switch (where) {
    case place::seat:
      return seats_[line].line;
    case place::order:
      return seats_[line].orders;
    case place::key:
      return keys_.behind(r.hash);
    case place::desk:
      return desks_.find(line)->line;
    case place::undecided:
      return undecided_;
    default:
      return queue_[line];
  }
}

template <class T>
void pool_core<T>::enqueue(std::uint32_t id, place where, std::uint32_t line,
                           bool in_front, effects& out) {
  auto& r = requests_[id];
  r.state = stage::waiting;
  r.where = where;
  r.line = line;
  auto& list = line_of(where, line, r);
  if (in_front || (limits_.lifo && where == place::central))
    list.push_front(requests_.records(), id);
  else
    list.push_back(requests_.records(), id);
  ++waiting_;
  waiting_bytes_ += r.bytes;
  behind_keys_ += where == place::key;
  if (where == place::seat) {
    weigh(line);
  } else if (where == place::undecided) {
    out.wake = true;
  } else if (where == place::central) {
    block_chain_of(id);
    out.wake = out.wake || workers_.spare() != 0;
    out.administer = out.administer || overflow_wanted() != 0;
    if (limits_.managed) {
      note_request(true, id);
      out.wake = true;
    }
  }
  arm(id, out);
}

template <class T>
void pool_core<T>::dequeue(std::uint32_t id) {
  auto& r = requests_[id];
  line_of(r.where, r.line, r).remove(requests_.records(), id);
  --waiting_;
  waiting_bytes_ -= r.bytes;
  behind_keys_ -= r.where == place::key;
  if (r.where == place::seat)
    weigh(r.line);
  if (r.where == place::central) {
    unblock_chain_of(id);
    if (limits_.managed)
      note_request(false, id);
  }
  r.where = place::nowhere;
}

template <class T>
void pool_core<T>::go_to_seat_of_key(std::uint32_t id, bool in_front,
                                     effects& out) {
  if (seats_.size() == 0) {
    enqueue(id, place::central, requests_[id].lane, in_front, out);
    out.wake = true;
    return;
  }
  go_to_seat(id, seat_of_key(requests_[id].hash), in_front, out);
}

template <class T>
void pool_core<T>::go_to_seat(std::uint32_t id, std::uint32_t seat,
                              bool in_front, effects& out) {
  enqueue(id, place::seat, seat, in_front, out);
  if (seats_[seat].worker != no_index)
    hungry_.push_back(seats_[seat].worker);
}

// Ends what has waited until its deadline although nobody turned the wheel,
// because the host stood still: it never runs.
template <class T>
bool pool_core<T>::drop_if_late(std::uint32_t id, time_point now,
                                effects& out) {
  auto& r = requests_[id];
  if (r.deadline > now && r.queue_deadline > now)
    return false;
  withdraw(id, pool_errc::wait_timeout, true, now, out);
  return true;
}

// In the pool's queue.
template <class T>
std::uint64_t pool_core<T>::queued() const {
  std::uint64_t result = 0;
  for (auto& lane : queue_)
    result += lane.size;
  return result;
}

// How many of those in the queue need no place there: some worker is idle, or
// one of the overflow is being started for them, or can be.
template <class T>
std::uint64_t pool_core<T>::room_at_once() const {
  return std::uint64_t{workers_.spare()} + starting_overflow_ + overflow_room();
}

template <class T>
std::uint32_t pool_core<T>::head_of_queue() const {
  for (auto& line : queue_)
    if (!line.empty())
      return line.head;
  return no_index;
}

// What a worker with room is to be given: orders, else the older one of its own
// line and the pool's queue.
template <class T>
std::uint32_t pool_core<T>::next_for(std::uint32_t at) const {
  auto& w = workers_[at];
  auto queued = limits_.managed ? no_index : head_of_queue();
  if (w.seat == no_index || seats_[w.seat].worker != at)
    return queued;
  auto& s = seats_[w.seat];
  if (!s.orders.empty())
    return s.orders.head;
  if (s.line.empty() || queued == no_index)
    return s.line.empty() ? queued : s.line.head;
  auto& r = requests_[queued];
  auto urgent = r.lane <= 1; // high
  auto older = !limits_.lifo && r.serial < requests_[s.line.head].serial;
  return urgent || older ? queued : s.line.head;
}

} // namespace charmer
