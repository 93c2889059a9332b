// private: How a Python worker is started: its command line and environment.
//
// `<interpreter> <folder of the package> --pool NAME --worker ID`. The folder
// holds a __main__.py, so Python executes it and finds the package in it; the
// other arguments tell a reader of `ps` which worker this is.
//
// The folder: $CHARMER_PYTHON_PACKAGE, else beside the running program
// (`python`, or `../share/charmer/python` as installed), else where this
// library was built, else where it was to be installed.
//
// The environment is the host's with the pool's `env` over it. BLAS and OpenMP
// are limited to the worker's number of threads unless the pool or the host
// says otherwise: 250 workers that each start a thread per core are no help.
//
// Threading: functions of their arguments and of the host's environment; may
// block (see interpreter.hpp).
#pragma once

#include "charmer/profiles/settings.hpp"
#include "charmer/wire/operating_system.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace charmer {

/// The command for one worker. Errors: pool_errc::start_failed.
caf::expected<wire::command_line> python_command(const pool_settings& pool,
                                                 const std::string& worker);

/// The folder that is executed. Errors: pool_errc::start_failed.
caf::expected<std::string> python_package_folder();

/// The environment of a worker with so many threads.
std::vector<std::string> worker_environment(const pool_settings& pool,
                                            std::uint32_t threads);

} // namespace charmer
