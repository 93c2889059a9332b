// Requests of equal keys, in order: of each key at most one is in a line or
// with a worker; the others wait behind it. So they never overlap, wherever
// they run, and whatever dies or is resized meanwhile.
//
// Threading: none of its own; part of the pool core, under its lock. Memory: a
// key is known while a request of it is.
#pragma once

#include "charmer/actors/request_table.hpp"

#include <cstdint>
#include <unordered_map>

namespace charmer {

class key_table {
public:
  /// A request of this key comes. True: it is the first and may go; false: it
  /// is to wait, see `behind`.
  bool enter(std::uint64_t key) { return chains_.try_emplace(key).second; }

  /// Those that wait behind the first. REQUIRES: a request of the key is known.
  index_list& behind(std::uint64_t key) { return chains_.find(key)->second; }

  /// The first one is done. REQUIRES: nothing waits behind it.
  void leave(std::uint64_t key) { chains_.erase(key); }

  std::size_t size() const noexcept { return chains_.size(); }

private:
  std::unordered_map<std::uint64_t, index_list> chains_;
};

} // namespace charmer
