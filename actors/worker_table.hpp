// The workers of a pool, and which of them can be given a request.
//
// Lists hold the candidates: the idle ones (the one that worked last comes
// first, its caches are warm; overflow workers come after all others) and the
// roomy ones, which are busy but so quick that a request may be sent ahead
// (each in its turn). So a worker is found in constant time however many there
// are.
//
// Threading: none of its own; part of the pool core, under its lock.
#pragma once

#include "charmer/actors/books.hpp"
#include "charmer/actors/request_table.hpp"
#include "charmer/actors/send_gate.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace charmer {

/// One incarnation of a worker.
template <class Traits>
struct worker_slot {
  using time_point = std::chrono::steady_clock::time_point;

  std::string name;
  std::uint64_t incarnation = 0;
  typename Traits::worker handle{};
  std::shared_ptr<const typename Traits::evidence> proof;
  std::optional<typename Traits::cause> why; ///< it died
  index_list leases;                         ///< oldest first
  worker_state state = worker_state::starting;
  std::uint32_t seat = no_index; ///< overflow workers have none
  std::uint32_t capacity = 1;
  std::uint32_t occupied = 0;       ///< tasks, sent ahead ones too, and leases
  std::uint32_t held = 0;           ///< of that, leases by hand
  std::uint64_t requests = 0;       ///< answered
  std::chrono::nanoseconds work{0}; ///< in its pipe, estimated
  time_point since;                 ///< ready since
  std::uint64_t request_limit = 0;  ///< with which it is worn; 0: none
  time_point front_since;           ///< when the oldest lease can have begun
  std::optional<time_point> hangs_since; ///< one of its requests does not stop
  std::uint32_t hung = 0;                ///< which command that was
  bool used = false;
  bool dead = false;
  bool overflow = false;
  bool dismissed = false; ///< to be stopped for good once it is idle
  bool released = false;  ///< its supervisor is told to stop it for good
  bool beside = false;    ///< was started beside the one that it replaces
  bool replaced = false;  ///< another has taken its place
  bool asked = false;     ///< to stop
  bool hurried = false;   ///< to stop within worker_shutdown
  bool leaving = false;   ///< was asked to stop, and waits until it is idle
  bool abandoned = false; ///< goes on running, and nobody can end it
  // its place in one of the lists of candidates
  bool listed = false;
  bool idle = false;       ///< in which
  std::uint32_t spare = 0; ///< of its capacity, while it is idle
  std::uint32_t next = no_index;
  std::uint32_t prev = no_index;
};

template <class Traits>
class worker_table {
public:
  using slot = worker_slot<Traits>;

  /// `prefetch`: how much work may lie in a pipe for each unit of capacity.
  explicit worker_table(std::chrono::nanoseconds prefetch)
      : prefetch_(prefetch) {
    // nop
  }

  slot& operator[](std::uint32_t at) { return slots_[at]; }
  const slot& operator[](std::uint32_t at) const { return slots_[at]; }

  auto begin() const { return slots_.begin(); }
  auto end() const { return slots_.end(); }
  std::uint32_t size() const {
    return static_cast<std::uint32_t>(slots_.size());
  }

  std::uint32_t add(std::string name, std::uint32_t seat) {
    auto at = free_slot();
    auto& w = slots_[at];
    w.name = std::move(name);
    w.seat = seat;
    w.overflow = seat == no_index;
    w.incarnation = ++incarnations_;
    w.used = true;
    by_incarnation_.emplace(w.incarnation, at);
    return at;
  }

  std::uint32_t find(std::uint64_t incarnation) const {
    auto i = by_incarnation_.find(incarnation);
    return i == by_incarnation_.end() ? no_index : i->second;
  }

  /// It can be given requests.
  void join(std::uint32_t at) {
    slots_[at].state = worker_state::ready;
    ++ready_;
  }

  /// It is given nothing more.
  void retire(std::uint32_t at) {
    auto& w = slots_[at];
    delist(at);
    set_spare(w, 0);
    if (w.state == worker_state::ready)
      --ready_;
    if (w.state == worker_state::ready || w.state == worker_state::starting)
      w.state = worker_state::retiring;
  }

  /// Nothing leads to it any more but its leases.
  void bury(std::uint32_t at) {
    retire(at);
    slots_[at].dead = true;
    by_incarnation_.erase(slots_[at].incarnation);
  }

  void drop(std::uint32_t at) {
    delist(at);
    set_spare(slots_[at], 0);
    slots_[at] = slot{};
    gates_[at].reopen();
    free_.push_back(at);
  }

  /// Something is about to be sent to it.
  send_gate& enter_gate(std::uint32_t at) {
    gates_[at].enter();
    return gates_[at];
  }

  /// True: nothing is on its way to it.
  bool close_gate(std::uint32_t at) { return gates_[at].close(); }

  std::size_t ready() const noexcept { return ready_; }

  /// Whether none is left, dead ones included that still hold leases.
  bool vacant() const noexcept { return free_.size() == slots_.size(); }

  // -- candidates -------------------------------------------------------------

  /// An idle worker, or no_index.
  std::uint32_t idle() const {
    return idle_.empty() ? idle_overflow_.head : idle_.head;
  }

  /// A busy worker that has room, or no_index; the next call gives another.
  std::uint32_t roomy() {
    auto at = roomy_.head;
    if (at != no_index) {
      roomy_.remove(slots_, at);
      roomy_.push_back(slots_, at);
    }
    return at;
  }

  /// Until it answers, it is no candidate.
  void skip(std::uint32_t at) { delist(at); }

  /// Puts a worker, whose leases have changed, into the list that fits it.
  void relist(std::uint32_t at) {
    auto& w = slots_[at];
    auto idle = w.occupied < w.capacity;
    auto wanted =
        w.state == worker_state::ready && !w.dead && (idle || has_room(w));
    if (w.listed && (!wanted || w.idle != idle))
      delist(at);
    if (wanted && !w.listed)
      enlist(at, idle);
    set_spare(w, wanted && idle ? w.capacity - w.occupied : 0);
  }

  /// How many requests idle workers could take now.
  std::uint64_t spare() const noexcept { return spare_; }

  /// Whether work of this length can be put into its pipe now.
  bool has_room_for(const slot& w, std::chrono::nanoseconds work,
                    typename slot::time_point now) const {
    return has_room(w) && w.work + work <= prefetch_ * w.capacity
           && now - w.front_since <= prefetch_;
  }

  bool stalled(const slot& w, typename slot::time_point now) const {
    return now - w.front_since > prefetch_;
  }

private:
  // Half of what the ring of a progress page remembers.
  static constexpr std::uint32_t max_in_pipe = 128;

  // Only of a worker that tells what it has begun can requests be taken back.
  bool has_room(const slot& w) const {
    return w.proof && w.held == 0 && w.work < prefetch_ * w.capacity
           && w.leases.size < max_in_pipe;
  }

  void set_spare(slot& w, std::uint32_t x) {
    spare_ += x;
    spare_ -= std::exchange(w.spare, x);
  }

  void enlist(std::uint32_t at, bool idle) {
    auto& w = slots_[at];
    w.idle = idle;
    w.listed = true;
    if (idle)
      list_of(w).push_front(slots_, at);
    else
      list_of(w).push_back(slots_, at);
  }

  void delist(std::uint32_t at) {
    auto& w = slots_[at];
    if (!w.listed)
      return;
    list_of(w).remove(slots_, at);
    w.listed = false;
  }

  index_list& list_of(const slot& w) {
    return !w.idle ? roomy_ : w.overflow ? idle_overflow_ : idle_;
  }

  std::uint32_t free_slot() {
    if (!free_.empty()) {
      auto at = free_.back();
      free_.pop_back();
      return at;
    }
    slots_.emplace_back();
    gates_.emplace_back(size() - 1);
    return size() - 1;
  }

  const std::chrono::nanoseconds prefetch_;
  std::vector<slot> slots_;
  std::vector<std::uint32_t> free_;
  std::deque<send_gate> gates_; // one for each; they keep their addresses
  std::unordered_map<std::uint64_t, std::uint32_t> by_incarnation_;
  index_list idle_;
  index_list idle_overflow_;
  index_list roomy_;
  std::uint64_t spare_ = 0;
  std::size_t ready_ = 0;
  std::uint64_t incarnations_ = 0;
};

} // namespace charmer
