// Durations as people and programs want to read them; private to this room.
//
// Threading: functions of their arguments.
#pragma once

#include "charmer/supervision/caf.hpp"

#include <string>

namespace charmer {

/// "1.5s", "200ms", "30us"; "infinite" from the longest delay on
std::string to_short(timespan x);

/// For JSON.
double to_seconds(timespan x);

} // namespace charmer
