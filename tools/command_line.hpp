// What may stand on the command line, and what --help says about it.
//
// Threading: runs in the main thread.
#pragma once

namespace charmer::tools {

/// Reads the command line, runs the subcommand.
/// @returns the exit status
int run(int argc, char** argv);

} // namespace charmer::tools
