// private: runs a small program once and takes what it writes.
//
// Without a shell; of the host's it inherits nothing but its environment; its
// stdin is empty, its output is bounded, and so is how much of its stderr is
// kept. When time is up it is killed, with all that it has started.
//
// Threading: may be called from any thread; blocks for as long as the program
// takes, at most for the limit.
//
//   auto ran = run_program({.arguments = {"/usr/bin/python3", "-V"}}, 1s);
#pragma once

#include "charmer/supervision/caf.hpp"

#include <map>
#include <string>
#include <vector>

namespace charmer {

struct program_call {
  /// The path of the program, and what it is told.
  std::vector<std::string> arguments;
  /// Set over the environment of this process.
  std::map<std::string, std::string> env;
  /// Its working directory. Empty: that of this process.
  std::string directory;
};

struct program_output {
  std::string text;   ///< what it wrote to stdout
  std::string errors; ///< the beginning of what it wrote to stderr
  /// Why it was not run to its end: "did not answer within 1s". Empty: it was.
  std::string problem;
  /// How it ended if not well: "ended with exit code 3", "was killed by signal
  /// 11". Empty: with 0, or it was not run to its end.
  std::string end;
};

/// REQUIRES: there is a first argument.
program_output run_program(const program_call& what, timespan limit);

} // namespace charmer
