// The sessions of a pool: where the home of each is, and which are forgotten.
//
// A session is a name that requests carry. Its home is a seat, not a worker:
// who sits down after a worker that died serves its sessions on, though what
// Python remembered of them is gone. A session is forgotten some time after
// its last request has ended, and none is while one of its requests is under
// way. There are only so many: a new one is refused then, as long as none of
// the others is due.
//
// Names may be long, and there may be many: only their hashes are kept. Two
// names that share one share a home, which does neither of them harm.
//
// Threading: none of its own; part of the pool core, under its lock. Cost:
// constant for every call (what is forgotten was paid for when it came); memory
// only for sessions that there are, the same for each.
//
//   session_table sessions{10'000, 1h};
//   auto s = sessions.enter("customer 7", now);   // a request comes
//   sessions.settle(s, 3);                        // its worker sits there
//   sessions.leave(s, now);                       // it has ended
#pragma once

#include "charmer/actors/request_table.hpp"
#include "charmer/profiles/strategy.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace charmer {

class session_table {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using nanoseconds = std::chrono::nanoseconds;

  /// `most`: how many there may be. `ttl`: how long one is remembered after
  /// its last use.
  session_table(std::size_t most, nanoseconds ttl) : most_(most), ttl_(ttl) {
    // nop
  }

  /// A request of this session comes. no_index: it is new, and there are as
  /// many as there may be.
  std::uint32_t enter(std::string_view name, time_point now) {
    forget(now);
    auto hash = stable_hash(name);
    auto known = by_hash_.find(hash);
    if (known == by_hash_.end()) {
      if (by_hash_.size() >= most_)
        return no_index;
      known = by_hash_.emplace(hash, take_free()).first;
      sessions_[known->second].hash = hash;
    } else if (sessions_[known->second].requests == 0) {
      idle_.remove(sessions_, known->second);
    }
    ++sessions_[known->second].requests;
    return known->second;
  }

  /// A request of it has ended, or was refused.
  void leave(std::uint32_t i, time_point now) {
    auto& x = sessions_[i];
    if (--x.requests != 0)
      return;
    if (x.home == no_index) { // nobody remembers anything of it
      drop(i);
      return;
    }
    x.used = now;
    idle_.push_back(sessions_, i);
  }

  /// The seat that is its home, or no_index.
  std::uint32_t home(std::uint32_t i) const { return sessions_[i].home; }

  void settle(std::uint32_t i, std::uint32_t seat) { sessions_[i].home = seat; }

  /// How many of its requests are under way.
  std::uint32_t requests(std::uint32_t i) const {
    return sessions_[i].requests;
  }

  /// Of its name.
  std::uint64_t hash(std::uint32_t i) const { return sessions_[i].hash; }

  /// How many are remembered at that time.
  std::size_t size(time_point now) const {
    auto result = by_hash_.size();
    for (auto i = idle_.head; i != no_index && is_due(i, now);
         i = sessions_[i].next)
      --result;
    return result;
  }

private:
  struct session {
    std::uint64_t hash = 0;
    std::uint32_t home = no_index;
    std::uint32_t requests = 0;
    time_point used;
    // neighbours among those that have no request, the least recent first
    std::uint32_t next = no_index;
    std::uint32_t prev = no_index;
  };

  bool is_due(std::uint32_t i, time_point now) const {
    return now - sessions_[i].used >= ttl_;
  }

  void forget(time_point now) {
    while (!idle_.empty() && is_due(idle_.head, now)) {
      auto oldest = idle_.head;
      idle_.remove(sessions_, oldest);
      drop(oldest);
    }
  }

  std::uint32_t take_free() {
    if (free_.empty()) {
      sessions_.emplace_back();
      return static_cast<std::uint32_t>(sessions_.size() - 1);
    }
    auto i = free_.back();
    free_.pop_back();
    return i;
  }

  void drop(std::uint32_t i) {
    by_hash_.erase(sessions_[i].hash);
    sessions_[i] = {};
    free_.push_back(i);
  }

  std::size_t most_;
  nanoseconds ttl_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_hash_;
  std::vector<session> sessions_;
  std::vector<std::uint32_t> free_;
  index_list idle_;
};

} // namespace charmer
