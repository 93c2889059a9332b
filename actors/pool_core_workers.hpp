// Part of pool_core.hpp: workers come, retire and die.
#pragma once

#include "charmer/actors/pool_core.hpp"

#include <algorithm>
#include <set>

namespace charmer {

// -- who is wanted ------------------------------------------------------------

template <class T>
auto pool_core<T>::vacancies(std::size_t limit) const -> std::vector<vacancy> {
  auto guard = brief_lock(mutex_);
  std::vector<vacancy> result;
  if (seats_.taken().size() == seats_.size() && overflow_wanted() == 0)
    return result; // as nearly always
  auto filled = seats_filled();
  auto wanted = seats_wanted(filled);
  for (std::uint32_t i = 0; wanted != 0 && result.size() < limit; ++i)
    if (!filled[i]) {
      result.push_back({"worker-" + std::to_string(i + 1), i});
      --wanted;
    }
  std::set<std::string_view> present;
  for (auto& w : workers_)
    if (is_there(w) && w.seat == no_index)
      present.insert(w.name);
  wanted = overflow_wanted();
  for (std::uint32_t i = 1;
       wanted != 0 && i <= limits_.max_overflow && result.size() < limit; ++i)
    if (auto name = "overflow-" + std::to_string(i); !present.count(name)) {
      result.push_back({std::move(name), no_index});
      --wanted;
    }
  return result;
}

template <class T>
bool pool_core<T>::wants(const vacancy& x) const {
  auto guard = brief_lock(mutex_);
  if (x.seat == no_index)
    return !overburdened_;
  return x.seat < seats_.size()
         && (!overburdened_ || seats_wanted(seats_filled()) != 0);
}

template <class T>
auto pool_core<T>::leftovers() -> std::vector<leftover> {
  auto guard = brief_lock(mutex_);
  // As long as their supervisor has not heard of a successor, it knows these by
  // their names.
  std::set<std::string_view> busy;
  if (replaced_ != 0 && !dismissed_.empty())
    for (auto& w : workers_)
      if (w.used && !w.dead && w.replaced && !w.asked && !w.leases.empty())
        busy.insert(w.name);
  std::vector<leftover> result;
  std::erase_if(dismissed_, [&](std::uint32_t at) {
    auto& w = workers_[at];
    if (!w.used || w.dead || !w.dismissed || w.released || w.replaced)
      return true;
    if (!w.leases.empty() || busy.count(w.name) != 0)
      return false;
    w.released = true;
    result.push_back({w.name, w.incarnation});
    return true;
  });
  return result;
}

// How many places stay empty: one for each that was left behind beyond those
// that may be.
template <class T>
std::uint32_t pool_core<T>::seats_lost() const {
  auto beyond = abandoned_ - std::min(abandoned_, limits_.max_abandoned);
  auto overflow = static_cast<std::uint32_t>(abandoned_overflow_.size());
  return std::min({beyond, abandoned_ - overflow, seats_.size()});
}

template <class T>
bool pool_core<T>::all_seats_lost() const {
  return overburdened_ && seats_lost() == seats_.size();
}

// By workers that nobody has taken the place of.
template <class T>
std::vector<bool> pool_core<T>::seats_filled() const {
  std::vector<bool> result(seats_.size());
  for (auto& w : workers_)
    if (is_there(w) && w.seat < result.size())
      result[w.seat] = true;
  return result;
}

// How many are to be filled besides.
template <class T>
std::uint32_t
pool_core<T>::seats_wanted(const std::vector<bool>& filled) const {
  auto done = static_cast<std::uint32_t>(
      std::count(filled.begin(), filled.end(), true));
  return seats_.size() - std::min(seats_.size(), done + seats_lost());
}

// How many more there may be beyond the size.
template <class T>
std::uint32_t pool_core<T>::overflow_room() const {
  if (overburdened_)
    return 0;
  return limits_.max_overflow - std::min(limits_.max_overflow, overflow_);
}

// One for each waiting request for which nobody is idle, or starting yet.
template <class T>
std::uint32_t pool_core<T>::overflow_wanted() const {
  if (limits_.max_overflow == 0 || closing_)
    return 0;
  auto waiting = queued();
  auto coming = workers_.spare() + starting_;
  auto unserved = waiting > coming ? waiting - coming : 0;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(unserved, overflow_room()));
}

// -- coming and going ---------------------------------------------------------

template <class T>
std::uint64_t pool_core<T>::add_worker(const vacancy& where, bool beside) {
  auto guard = brief_lock(mutex_);
  ++starting_;
  if (where.seat == no_index) {
    ++overflow_;
    ++starting_overflow_;
  }
  auto& w = workers_[workers_.add(where.worker, where.seat)];
  w.beside = beside;
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
  commands_.settle();
  auto& w = workers_[at];
  w.handle = std::move(handle);
  w.capacity = capacity;
  w.proof = std::move(proof);
  w.since = now;
  // It may have been retired while it started.
  auto takes_part = w.state == worker_state::starting;
  if (takes_part) {
    no_longer_starts(w);
    workers_.join(at);
    if (w.seat != no_index) {
      auto before = seats_[w.seat].worker;
      seats_.take(w.seat, at);
      if (before != no_index)
        retire(before);
      weigh(w.seat);
      clear_lost_seats(now, out);
      if (w.seat >= seats_.size())
        dismiss(at, now, out); // the pool shrank while it started
    }
    ++membership_;
    if (w.beside)
      retire_namesakes(at);
  }
  workers_.relist(at);
  if (limits_.managed)
    note_worker(at);
  auto recovered = takes_part && std::exchange(degraded_, false);
  if (takes_part)
    last_error_.reset();
  hungry_.push_back(at);
  serve(now, out);
  out.wake = out.wake || head_of_queue() != no_index || limits_.managed;
  changed_.notify_all();
  return recovered;
}

template <class T>
bool pool_core<T>::worker_retiring(std::uint64_t incarnation, time_point now,
                                   effects& out) {
  auto guard = brief_lock(mutex_);
  auto at = workers_.find(incarnation);
  if (at == no_index)
    return false;
  auto& w = workers_[at];
  auto has_time = w.replaced && !w.asked;
  w.asked = true;
  w.hurried = !has_time;
  // One that was never ready knows by itself that it has nothing.
  w.leaving = w.since != time_point{};
  vacate(at, now, out);
  hungry_.push_back(at);
  serve(now, out);
  // The end of its successor may have waited for that.
  out.administer = out.administer || has_time;
  return has_time;
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
  out.worn = out.worn || w.replaced;
  replaced_ -= w.replaced;
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
  if (auto at = workers_.find(incarnation); at != no_index) {
    workers_[at].abandoned = true;
    if (workers_[at].overflow)
      abandoned_overflow_.insert(incarnation);
  }
  if (++abandoned_ <= limits_.max_abandoned)
    return false;
  overburdened_ = too_many;
  clear_lost_seats(now, out);
  serve(now, out);
  return true;
}

// Nobody may come there for a long time, and others are there.
template <class T>
bool pool_core<T>::is_lost(std::uint32_t seat) const {
  return overburdened_ && seats_[seat].worker == no_index
         && !seats_.taken().empty();
}

template <class T>
void pool_core<T>::clear_lost_seats(time_point now, effects& out) {
  if (!overburdened_)
    return;
  for (std::uint32_t seat = 0; seat < seats_.size(); ++seat)
    if (is_lost(seat))
      scatter(seat, now, out);
}

// Equal keys go to the same worker, as long as its place is not lost.
template <class T>
std::uint32_t pool_core<T>::seat_of_key(std::uint64_t key) const {
  auto seat = jump_hash(key, seats_.size());
  if (!is_lost(seat))
    return seat;
  auto& taken = seats_.taken();
  return taken[jump_hash(key, static_cast<std::uint32_t>(taken.size()))];
}

// Who hangs is not given more and more threads: a pool serves with the workers
// that it has left.
template <class T>
void pool_core<T>::degrade_if_stranded(effects& out) {
  if (!all_seats_lost() || degraded_ || closing_ || starting_ != 0
      || workers_.ready() != 0)
    return;
  degraded_ = out.degraded = true;
  changed_.notify_all();
}

template <class T>
auto pool_core<T>::why_degraded() const -> std::optional<cause> {
  return all_seats_lost() ? overburdened_ : last_error_;
}

template <class T>
bool pool_core<T>::returned(std::uint64_t incarnation, time_point now,
                            effects& out) {
  auto guard = brief_lock(mutex_);
  for (auto key : keys_.take_kept(incarnation))
    promote(key, now, out);
  serve(now, out);
  auto were_lost = all_seats_lost();
  --abandoned_;
  abandoned_overflow_.erase(incarnation);
  if (!overburdened_)
    return false;
  if (abandoned_ <= limits_.max_abandoned)
    overburdened_.reset();
  out.administer = true; // it may have a successor now
  return were_lost && !all_seats_lost() && std::exchange(degraded_, false);
}

template <class T>
void pool_core<T>::declare(std::string_view command, bool idempotent) {
  auto guard = brief_lock(mutex_);
  commands_.declare(command, idempotent);
}

template <class T>
void pool_core<T>::no_longer_starts(const slot& w) {
  --starting_;
  if (w.seat == no_index)
    --starting_overflow_;
}

// It is given nothing more; what waits for it alone goes elsewhere.
template <class T>
void pool_core<T>::vacate(std::uint32_t at, time_point now, effects& out) {
  auto& w = workers_[at];
  if (w.state == worker_state::starting)
    no_longer_starts(w);
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

// Another one has its place. It finishes what it has.
template <class T>
void pool_core<T>::retire(std::uint32_t at) {
  workers_.retire(at);
  replaced_ += !std::exchange(workers_[at].replaced, true);
  if (limits_.managed)
    note_worker(at);
}

// Those that this one replaces, if they do not sit where it sits now: overflow
// workers, or those of a seat that was closed meanwhile.
template <class T>
void pool_core<T>::retire_namesakes(std::uint32_t at) {
  for (std::uint32_t i = 0; i < workers_.size(); ++i) {
    auto& w = workers_[i];
    if (i == at || !w.used || w.dead || w.state == worker_state::starting
        || w.name != workers_[at].name)
      continue;
    overflow_wheel_.disarm(i);
    retire(i);
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
  auto closed = seat >= seats_.size() || is_lost(seat);
  for (auto id = s.line.tail; id != no_index;) {
    auto before = requests_[id].prev;
    auto& r = requests_[id];
    if (!r.keyed && !r.homed) {
      dequeue(id);
      enqueue(id, place::central, r.lane, true, out);
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
  if (!std::exchange(workers_[at].dismissed, true))
    dismissed_.push_back(at);
  if (workers_[at].leases.empty())
    out.administer = true;
}

template <class T>
bool pool_core<T>::can_be_recalled(const slot& w) const {
  return w.dismissed && !w.released && !w.replaced && !w.asked
         && w.state == worker_state::retiring
         && seats_[w.seat].worker == no_index;
}

// It was dismissed, is still busy, and wanted again.
template <class T>
void pool_core<T>::recall(std::uint32_t at) {
  auto& w = workers_[at];
  w.dismissed = false;
  workers_.join(at);
  ++membership_;
  seats_.take(w.seat, at);
  workers_.relist(at);
  weigh(w.seat);
  if (limits_.managed)
    note_worker(at);
  hungry_.push_back(at);
}

template <class T>
void pool_core<T>::does_not_stop(std::uint32_t id, time_point now,
                                 effects& out) {
  auto at = requests_[id].worker;
  if (!workers_[at].hangs_since)
    workers_[at].hung = requests_[id].kind;
  give_up(at, now, out);
}

// One of its requests does not stop. Others that it runs are innocent: they go
// on beside its successor, until they are done or their time is over. Those
// that have no time have worker_shutdown: what hangs may hang them, too. And it
// is not done for more workers than there are seats.
template <class T>
void pool_core<T>::give_up(std::uint32_t at, time_point now, effects& out) {
  auto& w = workers_[at];
  if (w.state == worker_state::expelled)
    return;
  auto since = w.hangs_since.value_or(now);
  auto others = serves_others(at, now - since < limits_.worker_shutdown);
  if (others && !w.hangs_since) {
    if (w.state == worker_state::ready && !w.overflow)
      out.replacements.push_back(w.name);
    vacate(at, now, out);
  }
  auto is_new = !std::exchange(w.hangs_since, since);
  if (!others)
    expel(at, now, out);
  else if (is_new)
    bound_hanging(now, out);
}

// Who asks again and again for what hangs would have a process each time. With
// one too many, the one whose request hangs for longest goes at once.
template <class T>
void pool_core<T>::bound_hanging(time_point now, effects& out) {
  std::uint32_t hanging = 0;
  auto oldest = no_index;
  for (std::uint32_t i = 0; i < workers_.size(); ++i) {
    auto& w = workers_[i];
    if (!w.used || w.dead || !w.hangs_since
        || w.state == worker_state::expelled)
      continue;
    ++hanging;
    if (oldest == no_index || *w.hangs_since < *workers_[oldest].hangs_since)
      oldest = i;
  }
  if (hanging > std::max<std::size_t>(1, seats_.size()))
    expel(oldest, now, out);
}

// Whether it runs what somebody waits for, `endless`: even without a deadline.
template <class T>
bool pool_core<T>::serves_others(std::uint32_t at, bool endless) const {
  auto id = workers_[at].leases.head;
  while (id != no_index) {
    auto& r = requests_[id];
    auto counts = endless || r.deadline != time_point::max();
    if (counts && r.state == stage::leased && r.role != purpose::lease
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
  return w.hurried || w.dismissed ? worker_ending::stop : worker_ending::death;
}

template <class T>
void pool_core<T>::expel(std::uint32_t at, time_point now, effects& out) {
  vacate(at, now, out);
  workers_[at].state = worker_state::expelled;
  ++counts_.expelled;
  out.expulsions.push_back(workers_[at].handle);
}

} // namespace charmer
