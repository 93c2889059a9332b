// With what status the command ends: sysexits.h where that has a number, what
// timeout(1) and shells use for time-outs and signals.
//
// Threading: pure functions.
#pragma once

#include "charmer/supervision/caf.hpp"

#include <string>

namespace charmer::tools {

enum class exit_status : int {
  ok = 0,
  failed = 1,          ///< a command failed; doctor: something must be done
  usage = 2,           ///< the command line is wrong
  bad_input = 65,      ///< the arguments or a line of the input are no JSON
  unavailable = 69,    ///< no worker could be started, or none for too long
  internal = 70,       ///< a mistake in charmer
  io = 74,             ///< reading the input or writing the output failed
  config = 78,         ///< the settings are wrong
  timeout = 124,       ///< a deadline passed
  interrupted = 130,   ///< SIGINT
  output_closed = 141, ///< whoever read the output is gone
  terminated = 143,    ///< SIGTERM
};

/// What an error of a pool means for the command.
exit_status status_of(const caf::error& x);

exit_status status_of_signal(int number);

/// The table for --help.
std::string describe_exit_statuses();

} // namespace charmer::tools
