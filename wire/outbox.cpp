#include "charmer/wire/outbox.hpp"

#include <algorithm>
#include <utility>

namespace charmer::wire {

byte_buffer& outbox::tail() {
  if (pieces_.empty() || pieces_.back().owner)
    pieces_.emplace_back();
  return pieces_.back().small;
}

void outbox::append_body(std::string_view bytes,
                         std::shared_ptr<const void> owner) {
  pieces_.push_back({.owner = std::move(owner), .large = bytes});
}

std::size_t outbox::size() const {
  std::size_t n = 0;
  for (auto& x : pieces_)
    n += x.rest().size();
  return n;
}

void outbox::fill(byte_buffer& buffer) {
  while (!pieces_.empty() && buffer.size() < buffer_limit) {
    auto& first = pieces_.front();
    auto rest = first.rest();
    auto n = std::min(rest.size(), buffer_limit - buffer.size());
    if (buffer.empty() && !first.owner && first.taken == 0 && n == rest.size())
      buffer.swap(first.small);
    else
      append(buffer, rest.substr(0, n));
    first.taken += n;
    if (n == rest.size())
      pieces_.pop_front();
  }
}

} // namespace charmer::wire
