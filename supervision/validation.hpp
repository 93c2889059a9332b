// What is wrong with a specification, found before anything is started. Not
// for users, who call validate.
//
// Threading: functions of their arguments.
#pragma once

#include "charmer/supervision/child_spec.hpp"
#include "charmer/supervision/supervisor.hpp"

#include <string>

namespace charmer {

/// @param when of the supervisor above
/// @param path of the supervisor above; may be empty
caf::error validate(const child_spec& x, auto_shutdown when,
                    const std::string& path);

/// @param path of the supervisor itself
caf::error validate(const supervisor_spec& x, const std::string& path);

} // namespace charmer
