// What a pool knows of its commands: how long they take, whether they may run
// twice. Only commands that an adapter declared are remembered, so that callers
// cannot make it grow.
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

  /// 0: nobody declared it.
  std::uint32_t find(std::string_view name) const {
    auto i = names_.find(name);
    return i == names_.end() ? 0 : i->second;
  }

  void declare(std::string_view name, bool idempotent) {
    auto kind = find(name);
    if (kind == 0) {
      kind = static_cast<std::uint32_t>(entries_.size());
      names_.emplace(name, kind);
      entries_.emplace_back().name = name;
    }
    entries_[kind].idempotent = idempotent;
  }

private:
  struct text_hash {
    using is_transparent = void;

    std::size_t operator()(std::string_view x) const noexcept {
      return std::hash<std::string_view>{}(x);
    }
  };

  std::unordered_map<std::string, std::uint32_t, text_hash, std::equal_to<>>
      names_;
  std::vector<entry> entries_{1};
};

} // namespace charmer
