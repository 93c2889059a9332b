#include "charmer/supervision/stop_order.hpp"

namespace charmer {

stop_batches stop_order(const std::vector<stoppable>& children, bool together) {
  stop_batches result;
  std::vector<std::uint64_t> at_once;
  for (auto i = children.rbegin(); i != children.rend(); ++i)
    if (together && i->dynamic)
      at_once.push_back(i->number);
    else
      result.push_back({i->number});
  if (!at_once.empty())
    result.push_front(std::move(at_once));
  return result;
}

} // namespace charmer
