// `charmer events`: which events there are, and what they carry.
#pragma once

#include "charmer/tools/exit_status.hpp"
#include "charmer/tools/options.hpp"

namespace charmer::tools {

exit_status events_command(const events_arguments& x);

} // namespace charmer::tools
