// Leases by hand: a caller holds a worker, and its errands go to that worker
// one after the other. (poolboy's checkout, wpool's run.)
//
// Threading: none of its own; part of the pool core, under its lock.
#pragma once

#include "charmer/actors/request_table.hpp"

#include <cstdint>
#include <unordered_map>

namespace charmer {

/// What the holder of one lease has under way.
struct desk {
  std::uint32_t running = no_index;
  index_list line;
};

class desk_table {
public:
  /// Of the lease with this request; nullptr: it is not held.
  desk* find(std::uint32_t lease) {
    auto i = desks_.find(lease);
    return i == desks_.end() ? nullptr : &i->second;
  }

  desk& open(std::uint32_t lease) { return desks_[lease]; }

  void close(std::uint32_t lease) { desks_.erase(lease); }

private:
  std::unordered_map<std::uint32_t, desk> desks_;
};

} // namespace charmer
