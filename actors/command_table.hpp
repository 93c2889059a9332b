// What a pool knows of its commands: how long they take, whether they may run
// twice. Only commands that an adapter declared are remembered, so that callers
// cannot make it grow; and some more that are asked for before the first worker
// has said what it can do.
//
// Threading: none of its own; part of the pool core, under its lock.
#pragma once

#include "charmer/actors/service_estimate.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace charmer {

class command_table {
public:
  struct entry {
    std::string name;
    service_estimate estimate;
    bool idempotent = false;
  };

  entry& operator[](std::uint32_t kind) { return entries_[kind]; }
  const entry& operator[](std::uint32_t kind) const { return entries_[kind]; }

  /// Empty: nobody declared it.
  const std::string& name_of(std::uint32_t kind) const {
    return entries_[kind].name;
  }

  /// The number of what is asked for; 0: nobody declared it.
  std::uint32_t meet(std::string_view name) {
    auto kind = find(name);
    auto is_early = !settled_ && entries_.size() <= most_early && !name.empty()
                    && name.size() <= longest_early;
    return kind == 0 && is_early ? enter(name) : kind;
  }

  void declare(std::string_view name, bool idempotent) {
    auto kind = find(name);
    entries_[kind != 0 ? kind : enter(name)].idempotent = idempotent;
  }

  /// A worker has said what there is.
  void settle() { settled_ = true; }

private:
  static constexpr std::size_t most_early = 256;
  static constexpr std::size_t longest_early = 256;

  std::uint32_t find(std::string_view name) const {
    auto i = names_.find(name);
    return i == names_.end() ? 0 : i->second;
  }

  std::uint32_t enter(std::string_view name) {
    auto kind = static_cast<std::uint32_t>(entries_.size());
    names_.emplace(name, kind);
    entries_.emplace_back().name = name;
    return kind;
  }

  struct text_hash {
    using is_transparent = void;

    std::size_t operator()(std::string_view x) const noexcept {
      return std::hash<std::string_view>{}(x);
    }
  };

  std::unordered_map<std::string, std::uint32_t, text_hash, std::equal_to<>>
      names_;
  std::vector<entry> entries_{1};
  bool settled_ = false;
};

} // namespace charmer
