#include "charmer/supervision/timetable.hpp"

namespace charmer {

bool timetable::add(time_point at, entry x) {
  moments_[at].entries.push_back(x);
  if (woken_ && *woken_ <= at)
    return false;
  woken_ = at;
  return true;
}

std::optional<timetable::entry> timetable::take(time_point now) {
  while (!moments_.empty() && moments_.begin()->first <= now) {
    auto& first = moments_.begin()->second;
    if (first.next < first.entries.size())
      return first.entries[first.next++];
    moments_.erase(moments_.begin());
  }
  return std::nullopt;
}

std::optional<time_point> timetable::wake_up(time_point now) {
  if (woken_ && *woken_ <= now)
    woken_.reset();
  if (woken_ || moments_.empty())
    return std::nullopt;
  return woken_ = moments_.begin()->first;
}

} // namespace charmer
