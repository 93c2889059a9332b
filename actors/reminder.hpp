// When that something lasts is told: at once, then with pauses that grow from a
// minute to an hour, so that whoever looks on the second day sees it, too. What
// comes and goes is told no more often. A plain value; time comes from the
// caller. Private to this room.
//
//   if (reminder.is_due(now))
//     tell();
#pragma once

#include "charmer/supervision/caf.hpp"

#include <algorithm>
#include <chrono>

namespace charmer {

class reminder {
public:
  static constexpr timespan shortest = std::chrono::minutes(1);
  static constexpr timespan longest = std::chrono::hours(1);

  /// It lasts. True: it is to be told now, and counts as told.
  bool is_due(time_point now) {
    if (now < next_)
      return false;
    pause_ = std::clamp(pause_ * 2, shortest, longest);
    next_ = now + pause_;
    return true;
  }

  /// It is over. The pauses begin anew if it was not told for that long.
  void rest(time_point now) {
    if (now >= next_)
      pause_ = timespan{0};
  }

private:
  timespan pause_{0};
  time_point next_{};
};

} // namespace charmer
