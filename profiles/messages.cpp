#include "charmer/profiles/messages.hpp"

#include "charmer/profiles/long_integers.hpp"

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

// What would become a double, and so another number.
void refuse_long_integer(const std::string& text, const char* what) {
  auto found = find_long_integer(text);
  if (!found)
    return;
  auto digits = found->size - (text[found->at] == '-' ? 1 : 0);
  throw std::out_of_range(std::string{what} + " has an integer of "
                          + std::to_string(digits) + " digits, which fits no "
                          + "64 bits, at " + pointer_to(text, found->at)
                          + ": read it from text(), or have it sent as a "
                            "string or as bytes");
}

nlohmann::json parse(const payload& x, const char* what) {
  if (x.is == payload::kind::json) {
    refuse_long_integer(x.data, what);
    return nlohmann::json::parse(x.data);
  }
  auto kind = x.is == payload::kind::raw ? std::string{"raw bytes"}
                                         : "a message of type " + x.type;
  throw std::invalid_argument(what + (" is no JSON but " + kind));
}

} // namespace

call_id call_id::next() {
  static const auto origin = random_origin();
  static std::atomic<std::uint64_t> last{0};
  return {origin, last.fetch_add(1, std::memory_order_relaxed) + 1};
}

nlohmann::json reply::json() const {
  return parse(value, "this reply");
}

nlohmann::json chunk::json() const {
  return parse(value, "this chunk");
}

nlohmann::json host_call::json() const {
  return arguments.data.empty() ? nlohmann::json{}
                                : parse(arguments, "what was sent");
}

} // namespace charmer
