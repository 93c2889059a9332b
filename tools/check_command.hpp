// `charmer check`: whether pools could be run: settings, interpreters,
// adapters.
//
// Threading: runs in the main thread and blocks.
#pragma once

#include "charmer/tools/exit_status.hpp"
#include "charmer/tools/options.hpp"

namespace charmer::tools {

/// Starts one worker of each pool, lists its commands on stdout and everything
/// that is wrong on stderr.
exit_status check_command(const check_arguments& x);

} // namespace charmer::tools
