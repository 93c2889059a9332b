// What the interpreter of a pool has for it: whether the adapter can be
// imported, which libraries of the compatibility table are installed, and which
// of them the adapter imports.
//
// The interpreter is run once, with a limit, as a worker would be (python_path,
// env, cwd); the adapter is imported but not constructed. What an adapter
// imports later, in its constructor or its commands, is not seen.
//
// Threading: any thread; blocks for as long as the import takes.
//
// Errors: start_failed if the interpreter cannot be had or does not answer; an
// adapter that kills it is among these.
//
//   auto found = charmer::examine(pool);
//   if (found)
//     std::cout << to_string(charmer::compatibility::generate_report(
//       found->libraries, pool.profile));
#pragma once

#include "charmer/profiles/settings.hpp"

#include <map>
#include <string>
#include <vector>

namespace charmer {

struct examination {
  /// Installed libraries of the compatibility table: name → version. "": it
  /// has none, as what is part of Python.
  std::map<std::string, std::string> libraries;
  /// Those of them that importing the adapter has imported.
  std::vector<std::string> imported;
  /// Why the adapter cannot be imported, or why the pool's profile does not
  /// take it. Empty: it can.
  std::string adapter_error;
  std::string traceback;      ///< of an exception while it was imported
  std::string missing_module; ///< what an import did not find
  timespan import_time{0};
  bool async_setup = false; ///< it is `async def setup`
  /// After the import: an extension may have turned the GIL on again.
  bool gil_enabled = true;
};

caf::expected<examination> examine(const pool_settings& pool,
                                   timespan limit = std::chrono::seconds(60));

} // namespace charmer
