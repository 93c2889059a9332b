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
#include <vector>

namespace charmer {

class key_table {
public:
  /// A request of this key comes. True: it is the first and may go; false: it
  /// is to wait, see `behind`.
  bool enter(std::uint64_t key) {
    if (spare_.empty())
      return chains_.try_emplace(key).second;
    auto& node = spare_.back();
    node.key() = key;
    auto result = chains_.insert(std::move(node));
    if (result.inserted)
      spare_.pop_back();
    else
      node = std::move(result.node);
    return result.inserted;
  }

  /// Those that wait behind the first. REQUIRES: a request of the key is known.
  index_list& behind(std::uint64_t key) { return chains_.find(key)->second; }

  /// The first one is done. REQUIRES: nothing waits behind it.
  void leave(std::uint64_t key) {
    auto node = chains_.extract(key);
    if (spare_.size() < max_spare)
      spare_.push_back(std::move(node));
  }

  // -- what goes on where nobody can end it -----------------------------------

  /// The first one of this key still runs in a worker that was left behind: the
  /// others wait until that has ended.
  void keep(std::uint64_t incarnation, std::uint64_t key) {
    kept_[incarnation].push_back(key);
  }

  /// That worker has ended: which keys are free now.
  std::vector<std::uint64_t> take_kept(std::uint64_t incarnation) {
    auto node = kept_.extract(incarnation);
    return node ? std::move(node.mapped()) : std::vector<std::uint64_t>{};
  }

  std::size_t size() const noexcept { return chains_.size(); }

  /// Calls `f(list)` for what waits behind each key; `f` may empty it.
  template <class F>
  void for_each(F f) {
    for (auto& entry : chains_)
      f(entry.second);
  }

private:
  using chains = std::unordered_map<std::uint64_t, index_list>;

  // Keys come and go with every request: their memory is kept for the next.
  static constexpr std::size_t max_spare = 256;

  chains chains_;
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> kept_;
  std::vector<chains::node_type> spare_;
};

} // namespace charmer
