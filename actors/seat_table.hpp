// The seats of a pool: worker 1, worker 2, …, whoever sits there at present.
//
// A worker dies and another one takes its seat; what waits for that worker
// alone waits in the line of the seat. The strategies choose among the seats
// that are taken by a worker that is ready, each in constant time: in turn, by
// lot, or by the least load.
//
// Threading: none of its own; part of the pool core, under its lock.
#pragma once

#include "charmer/actors/request_table.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace charmer {

/// One place for a worker.
struct seat {
  std::uint32_t worker = no_index; ///< the ready one that sits there
  index_list orders;               ///< for who sits there now, and go first
  index_list line;                 ///< requests that wait for it alone
  // its place among the seats of equal load
  std::uint64_t load = 0;
  bool listed = false;
  std::uint32_t next = no_index;
  std::uint32_t prev = no_index;
};

class seat_table {
public:
  explicit seat_table(std::uint64_t seed)
      : random_(static_cast<std::mt19937::result_type>(seed)) {
    // nop
  }

  seat& operator[](std::uint32_t i) { return seats_[i]; }
  const seat& operator[](std::uint32_t i) const { return seats_[i]; }

  /// How many seats there have been at most; those from `size` on are closed.
  std::uint32_t all() const noexcept {
    return static_cast<std::uint32_t>(seats_.size());
  }

  std::uint32_t size() const noexcept { return size_; }

  /// Opens or closes seats at the end. Their lines are the caller's concern.
  void resize(std::uint32_t size) {
    size_ = size;
    if (size > all())
      seats_.resize(size);
  }

  // -- who sits where ---------------------------------------------------------

  void take(std::uint32_t i, std::uint32_t worker) {
    if (seats_[i].worker == no_index) {
      auto at = std::lower_bound(taken_.begin(), taken_.end(), i);
      if (at - taken_.begin() < static_cast<std::ptrdiff_t>(turn_))
        ++turn_;
      taken_.insert(at, i);
    }
    seats_[i].worker = worker;
  }

  void leave(std::uint32_t i) {
    if (seats_[i].worker == no_index)
      return;
    auto at = std::lower_bound(taken_.begin(), taken_.end(), i);
    if (at - taken_.begin() < static_cast<std::ptrdiff_t>(turn_))
      --turn_;
    taken_.erase(at);
    seats_[i].worker = no_index;
    unlist(i);
  }

  /// The taken seats in order.
  const std::vector<std::uint32_t>& taken() const noexcept { return taken_; }

  // -- choosing ---------------------------------------------------------------

  /// Each in its turn. no_index: no seat is taken; so too below.
  std::uint32_t next() {
    if (taken_.empty())
      return no_index;
    auto i = turn();
    turn_ = i + 1;
    return taken_[i];
  }

  /// Whose turn it is.
  std::uint32_t turn() const noexcept {
    return turn_ < taken_.size() ? turn_ : 0;
  }

  std::uint32_t random() {
    if (taken_.empty())
      return no_index;
    // Lemire's reduction; the bias for a few thousand is far below notice.
    auto wide = static_cast<std::uint64_t>(random_()) * taken_.size();
    return taken_[static_cast<std::size_t>(wide >> 32)];
  }

  /// The least loaded; of equals the one that has had its load for longest.
  std::uint32_t best() {
    if (taken_.empty())
      return no_index;
    if (!ranked_) {
      ranked_ = true;
      for (auto i : taken_)
        list(i);
    }
    while (lowest_ < by_load_.size() && by_load_[lowest_].empty())
      ++lowest_;
    return lowest_ < by_load_.size() ? by_load_[lowest_].head : no_index;
  }

  /// The load of a seat has changed. Costs nothing until somebody asks for the
  /// best.
  void weigh(std::uint32_t i, std::uint64_t load) {
    auto& s = seats_[i];
    if (s.load == load && s.listed)
      return;
    unlist(i);
    s.load = load;
    if (ranked_ && s.worker != no_index)
      list(i);
  }

private:
  void list(std::uint32_t i) {
    auto& s = seats_[i];
    if (by_load_.size() <= s.load)
      by_load_.resize(s.load + 1);
    by_load_[s.load].push_back(seats_, i);
    s.listed = true;
    lowest_ = std::min(lowest_, s.load);
  }

  void unlist(std::uint32_t i) {
    auto& s = seats_[i];
    if (!s.listed)
      return;
    by_load_[s.load].remove(seats_, i);
    s.listed = false;
  }

  std::vector<seat> seats_;
  std::uint32_t size_ = 0;
  std::vector<std::uint32_t> taken_;
  std::uint32_t turn_ = 0;
  std::mt19937 random_;
  bool ranked_ = false;
  std::vector<index_list> by_load_;
  std::uint64_t lowest_ = 0;
};

} // namespace charmer
