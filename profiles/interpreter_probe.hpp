// private: runs a Python interpreter once to learn what it has.
//
// Threading: may be called from any thread; an interpreter is run at most once
// in the life of a process, and who asks meanwhile waits for the same answer.
#pragma once

#include "charmer/profiles/interpreter.hpp"

#include <map>
#include <string>

namespace charmer {

/// Runs `path` with `env` over the environment of this process.
interpreter_info
probe_interpreter(const std::string& path,
                  const std::map<std::string, std::string>& env,
                  timespan limit);

} // namespace charmer
