// Brings results back into the order in which their items came.
//
// Threading: a plain value.
//
//   ordered_output<std::string> out;
//   auto a = out.expect(), b = out.expect();
//   out.put(b, "2");
//   out.put(a, "1");
//   while (auto x = out.pop()) print(*x); // 1 2
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace charmer::tools {

template <class T>
class ordered_output {
public:
  /// Announces one more item.
  /// @returns its number, counted from 0
  std::uint64_t expect() {
    slots_.emplace_back();
    return first_ + slots_.size() - 1;
  }

  /// REQUIRES: the item was announced and has no result yet.
  void put(std::uint64_t number, T result) {
    assert(number >= first_ && number - first_ < slots_.size());
    assert(!slots_[number - first_]);
    slots_[number - first_] = std::move(result);
  }

  /// The result that is next in order; null if it is not there yet.
  const T* peek() const {
    return slots_.empty() || !slots_.front() ? nullptr : &*slots_.front();
  }

  std::optional<T> pop() {
    if (peek() == nullptr)
      return std::nullopt;
    auto result = std::move(slots_.front());
    slots_.pop_front();
    ++first_;
    return result;
  }

  /// Items that were announced and not popped.
  std::size_t size() const noexcept { return slots_.size(); }

private:
  std::deque<std::optional<T>> slots_;
  std::uint64_t first_ = 0; // number of the front
};

} // namespace charmer::tools
