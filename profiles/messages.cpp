#include "charmer/profiles/messages.hpp"

#include <atomic>
#include <random>
#include <stdexcept>

#include <nlohmann/json.hpp>

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

nlohmann::json reply::json() const {
  if (value.is != payload::kind::json)
    throw std::invalid_argument("this reply is no JSON but "
                                + (value.is == payload::kind::raw
                                       ? std::string{"raw bytes"}
                                       : "a message of type " + value.type));
  return nlohmann::json::parse(value.data);
}

} // namespace charmer
