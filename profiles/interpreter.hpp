// Which Python runs the workers of a pool, and what it is.
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
// The questions of namespace `interpreter` and their names are Snakepit's
// (PythonVersion). A thread profile is recommended only where the GIL is off:
// that a version could do without is not enough.
//
// Threading: may be called from any thread. The first call for an interpreter
// blocks for as long as that takes to start (20 ms to some 100 ms); no place
// for an actor that must answer.
//
// Errors: pool_errc::start_failed; its text names each interpreter that was
// tried, what it lacks, and the command that installs that. Programs tell the
// faults apart by interpreter_fault.
//
//   auto python = charmer::find_interpreter(pool); // "/usr/bin/python3"
//   auto known = charmer::interpreter::info(pool);
//   pool.profile = charmer::interpreter::recommend_profile(known);
#pragma once

#include "charmer/profiles/settings.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace charmer {

struct python_version {
  int major = 0;
  int minor = 0;
  int micro = 0;

  friend auto operator<=>(const python_version&,
                          const python_version&) = default;
};

/// "3.13.0"
std::string to_string(const python_version& x);

/// Of "3.13", "3.13.0" or "3.13.0rc2"; nothing if it is no version.
std::optional<python_version> parse_python_version(std::string_view text);

/// Why an interpreter cannot run a worker.
enum class interpreter_fault : std::uint8_t {
  none,           ///< it can
  not_found,      ///< there is no such program
  not_executable, ///< there is, but it may not be run, or is no program
  no_answer,      ///< it was run, and does not answer as Python does, or hangs
  too_old,        ///< before Python 3.9
  no_protobuf,    ///< it lacks protobuf, or has one before 3.20
};

/// "not_found"
std::string to_string(interpreter_fault x);

/// What is known of an interpreter.
struct interpreter_info {
  /// The interpreter itself, where a shim or a link leads to it; what was
  /// looked for if it was not found.
  std::string executable;
  python_version version;
  std::string protobuf; ///< its version; empty: none
  /// It was built so that it can run without the GIL.
  bool free_threaded_build = false;
  /// The GIL is on now, as it always is in other builds, and in these by
  /// PYTHON_GIL=1 or by an extension that needs it.
  bool gil_enabled = true;
  interpreter_fault fault = interpreter_fault::none;
  std::string problem; ///< the fault in words; empty if there is none
  std::string remedy;  ///< the command or advice that mends it; may be empty
  /// Why the active virtual environment, which comes first, was not taken, and
  /// the command that mends it. Empty: it was, or there is none.
  std::string passed_over;
};

/// How long one interpreter may take to say what it has, if nobody says less.
inline constexpr timespan longest_probe = std::chrono::seconds(10);

/// Finds the interpreter for a pool. What was found is remembered as long as
/// this process lives; what will not do is looked at again, and may have been
/// mended.
/// @param probe_limit how long one interpreter may take to say what it has.
/// @returns the absolute path of the interpreter itself, shims resolved.
caf::expected<std::string>
find_interpreter(const pool_settings& pool,
                 timespan probe_limit = longest_probe);

namespace interpreter {

/// All that is known of the interpreter that the pool gets; if none will do, of
/// the first one that was tried, the problem naming all of them.
interpreter_info info(const pool_settings& pool,
                      timespan probe_limit = longest_probe);

/// The version of the interpreter, also of one that can run no worker.
/// Errors: start_failed if none was found, or none that answers.
caf::expected<python_version> detect(const pool_settings& pool,
                                     timespan probe_limit = longest_probe);

/// Whether the pool has an interpreter that can run workers, or why not.
interpreter_fault validate(const pool_settings& pool,
                           timespan probe_limit = longest_probe);

/// Whether there are builds of this version without the GIL: from 3.13 on.
bool supports_free_threading(const python_version& x);

/// Whether this one runs without the GIL, here and now.
bool supports_free_threading(const interpreter_info& x);

/// "thread" for an interpreter that runs without the GIL, else "process".
std::string recommend_profile(const interpreter_info& x);

} // namespace interpreter

} // namespace charmer
