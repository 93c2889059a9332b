#include "charmer/profiles/messages.hpp"

#include <atomic>
#include <random>

namespace charmer {

namespace {

std::uint64_t random_origin() {
  std::random_device source;
  std::uniform_int_distribution<std::uint64_t> any{1};
  return any(source);
}

} // namespace

call_id call_id::next() {
  static const auto origin = random_origin();
  static std::atomic<std::uint64_t> last{0};
  return {origin, last.fetch_add(1, std::memory_order_relaxed) + 1};
}

} // namespace charmer
