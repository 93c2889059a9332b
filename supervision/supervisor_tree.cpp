#include "charmer/supervision/supervision_tree.hpp"
#include "charmer/supervision/supervisor_state.hpp"

#include <algorithm>

namespace charmer {

supervision_tree supervisor_state::tree() const {
  supervision_tree result;
  result.id = spec_.name;
  result.path = path_;
  result.type = child_type::supervisor;
  result.state = is_stopping() ? child_state::stopping
                 : ready_      ? child_state::running
                               : child_state::starting;
  result.address = self_->address();
  result.incarnation = 1;
  if (ready_)
    result.uptime = now() - since_;
  result.strategy = spec_.strategy;
  result.intensity = budget_.limit();
  result.charged = budget_.used(now());
  result.children.reserve(lives_.size() + children_.size());
  for (const auto& [number, x] : children_) {
    result.children.push_back(node_of(x));
    if (auto l = life_of(x.next)) { // started beside it
      result.children.push_back(node_of(*l));
      result.children.back().state = child_state::starting;
    }
  }
  for (const auto& [token, l] : lives_)
    if (l.child == 0)
      result.children.push_back(node_of(l));
  return result;
}

supervision_tree supervisor_state::node_of(const child& x) const {
  auto info = info_of(x);
  supervision_tree result;
  result.id = x.id;
  result.path = path_ + '/' + x.id;
  result.type = info.type;
  result.state = info.state;
  result.address = info.handle.address();
  result.incarnation = info.incarnation;
  result.restarts = info.restarts;
  result.restarts_in_all = x.restarts;
  result.uptime = info.uptime;
  result.attempt = x.attempt;
  result.delay = until_retry(x);
  if (x.last) {
    auto said = render(self_->system(), x.last);
    result.reason = said.substr(0, said.find('\n'));
  }
  return result;
}

supervision_tree supervisor_state::node_of(const life& l) const {
  supervision_tree result;
  result.id = l.id;
  result.path = (l.left_by ? l.left_by->path() : path_) + '/' + l.id;
  result.type = l.spec    ? l.spec->type
                : l.below ? child_type::supervisor
                          : child_type::worker;
  result.state = l.end == pressure::abandoned ? child_state::abandoned
                                              : child_state::retiring;
  result.address = l.handle.address();
  result.incarnation = l.incarnation;
  if (l.ready)
    result.uptime = now() - l.since;
  return result;
}

timespan supervisor_state::until_retry(const child& x) const {
  if (x.state != child_state::backoff)
    return timespan{0};
  auto at = x.retry_at;
  if (plan_ && plan_->waiting)
    at = std::max(at, plan_->until);
  return std::max(timespan{0}, timespan{at - now()});
}

} // namespace charmer
