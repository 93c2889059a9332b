// Which Python runs the workers of a pool.
//
// The setting `python` (a path, a name on PATH, or the folder of a virtual
// environment); if there is none, the active virtual environment
// ($VIRTUAL_ENV), then each python3 on PATH, in order, then /usr/bin/python3:
// the first that is Python 3.9 or later and has Google's protobuf. Machines
// where the first python3 on PATH lacks protobuf and /usr/bin/python3 has it
// are common. What the settings ask for by name is never replaced by another.
//
// To know what an interpreter has, it is run once: without a shell, with
// nothing of the host's but its environment and the pool's `env`, and with a
// time limit. What came out is remembered for the rest of the process, failures
// too.
//
// Threading: may be called from any thread. The first call for an interpreter
// blocks for as long as that takes to start (20 ms to some 100 ms); no place
// for an actor that must answer.
//
// Errors: pool_errc::start_failed; its text names each interpreter that was
// tried, what it lacks, and the command that installs that.
//
//   auto python = charmer::find_interpreter(pool); // "/usr/bin/python3"
#pragma once

#include "charmer/profiles/settings.hpp"

#include <string>

namespace charmer {

/// Finds the interpreter for a pool.
/// @param probe_limit how long one interpreter may take to say what it has.
/// @returns the absolute path of the interpreter itself, shims resolved.
caf::expected<std::string>
find_interpreter(const pool_settings& pool,
                 timespan probe_limit = std::chrono::seconds(10));

} // namespace charmer
