// private: runs a Python interpreter once to learn what it has.
//
// Threading: may be called from any thread; an interpreter is run once and its
// answer kept until it is forgotten; who asks meanwhile waits for the same one.
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

/// The next one who asks is to have `path` run again: nothing that was found
/// will do, and somebody may mend it.
void forget_interpreter(const std::string& path,
                        const std::map<std::string, std::string>& env);

} // namespace charmer
