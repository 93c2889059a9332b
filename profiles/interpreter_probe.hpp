// private: runs a Python interpreter once to learn what it has.
//
// Threading: may be called from any thread; an interpreter is run at most once
// in the life of a process, and who asks meanwhile waits for the same answer.
#pragma once

#include "charmer/supervision/caf.hpp"

#include <map>
#include <string>

namespace charmer {

/// What is known of an interpreter.
struct interpreter_probe {
  /// The interpreter itself, where a shim or a link leads to it; empty if
  /// `lack` is not.
  std::string executable;
  /// Why no worker can run on it: "is Python 3.8.18; 3.9 or later is needed".
  /// Empty: one can.
  std::string lack;
  /// The command or advice that mends it. May be empty.
  std::string remedy;
};

/// Runs `path` with `env` over the environment of this process.
interpreter_probe
probe_interpreter(const std::string& path,
                  const std::map<std::string, std::string>& env,
                  timespan limit);

} // namespace charmer
