// When the patience with a life is over: its start, its stop, its kill.
//
// Many limits, one wake-up: whoever keeps a timetable is woken for the first
// one only. A timer for each would stay in the actor system's clock long after
// ten thousand children have stopped, and their memory with it.
//
// Threading: a plain value, time comes from the caller.
//
//   if (limits.add(now + 5s, {limit::stop, token})) wake_me_in(5s);
//   while (auto x = limits.take(now)) …
#pragma once

#include "charmer/supervision/caf.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace charmer {

class timetable {
public:
  /// What a life should have done by then.
  enum class limit : std::uint8_t {
    start, ///< be ready
    stop,  ///< be down, after it was asked to
    kill,  ///< be down, after it was killed
  };

  struct entry {
    limit what = limit::start;
    std::uint64_t token = 0; ///< of the life; 0: of the whole supervisor

    friend bool operator==(const entry&, const entry&) = default;
  };

  /// @returns whether nobody has to be woken as early as for this one
  bool add(time_point at, entry x);

  /// Takes what is due, one after the other: by time, and what is due at the
  /// same time as it was added.
  std::optional<entry> take(time_point now);

  /// When to be woken again: asked after all that is due was taken. None if
  /// nothing is left, or somebody is woken in time anyhow.
  std::optional<time_point> wake_up(time_point now);

private:
  /// Those that are due at one time; of `next` on they are not taken yet.
  struct moment {
    std::vector<entry> entries;
    std::size_t next = 0;
  };

  std::map<time_point, moment> moments_;
  std::optional<time_point> woken_; ///< the earliest wake-up that will come
};

} // namespace charmer
