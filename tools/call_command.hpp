// `charmer call`: one command, its result on stdout.
//
// Threading: runs in the main thread and blocks.
#pragma once

#include "charmer/tools/exit_status.hpp"
#include "charmer/tools/options.hpp"

namespace charmer::tools {

/// A JSON result becomes a line; a message or bytes are written as they are.
exit_status call_command(const call_arguments& x);

} // namespace charmer::tools
