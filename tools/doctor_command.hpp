// `charmer doctor`: what stands in the way of pools, and what to do about it.
//
// Threading: runs in the main thread and blocks.
#pragma once

#include "charmer/tools/exit_status.hpp"
#include "charmer/tools/options.hpp"

namespace charmer::tools {

/// Asks the interpreter of each pool what it has; prints what it finds on
/// stdout. `failed` if something must be done.
exit_status doctor_command(const doctor_arguments& x);

} // namespace charmer::tools
