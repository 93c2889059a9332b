// `charmer map`: a command for each line of the input, results in the same
// order.
//
// One loop in the main thread waits for the input, for outcomes, for the output
// and for signals; map_job decides what is to be done.
//
// Threading: runs in the main thread and blocks.
#pragma once

#include "charmer/tools/exit_status.hpp"
#include "charmer/tools/options.hpp"

namespace charmer::tools {

exit_status map_command(const map_arguments& x);

} // namespace charmer::tools
