// Which Python libraries may be used by several threads of one interpreter at
// once: what the thread profile asks of an adapter's imports.
//
// The table is python/charmer/library_compatibility.json, which the safety
// checker of the workers reads too; it is compiled into this library. In the
// process profile every library is safe: nothing else runs beside it.
//
// The functions and their names are Snakepit's (Compatibility).
//
// Threading: any thread; pure functions of their arguments.
//
//   auto x = charmer::compatibility::check("pandas", "thread");
//   if (x.is == charmer::compatibility::verdict::unsafe)
//     std::cerr << x.library << ": " << x.note << '\n';
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace charmer::compatibility {

enum class verdict : std::uint8_t {
  safe,
  conditional, ///< safe when it is used or configured as the note says
  unsafe,
  unknown, ///< the table does not say, or not of this version
};

/// "safe"
std::string to_string(verdict x);

/// What the table says of one library.
struct library_info {
  std::string name; ///< as it is installed: "scikit-learn"
  verdict thread_safety = verdict::unknown;
  /// The first version of which this is known. Empty: of all.
  std::string min_version;
  bool releases_gil = false; ///< while it computes or waits
  std::string note;
  std::string workaround;           ///< may be empty
  std::vector<std::string> modules; ///< what it is imported as
  std::vector<std::string> aliases; ///< other names that people use
};

/// What is said of one library in one profile.
struct checked {
  std::string library;
  std::string version; ///< the one that is installed, if that is known
  verdict is = verdict::unknown;
  std::string note; ///< why, and what to do
};

/// A library, by any of its names, in the profile "process" or "thread". In
/// any other profile nothing is known.
checked check(std::string_view library, std::string_view profile);

/// The same of a version: for one before min_version nothing is known.
checked check(std::string_view library, std::string_view version,
              std::string_view profile);

/// By the name of the library, of its module or an alias.
std::optional<library_info> get_library_info(std::string_view name);

/// All of one class, sorted by name. None is listed as unknown.
std::vector<library_info> list_all(verdict which);

/// The whole table, sorted by name.
std::vector<library_info> list_all();

struct report {
  std::string profile;
  std::vector<checked> libraries; ///< in the order in which they were given

  std::vector<checked> of(verdict which) const;
};

report generate_report(const std::vector<std::string>& libraries,
                       std::string_view profile);

/// Of what is installed: library → version (see examination.hpp).
report generate_report(const std::map<std::string, std::string>& installed,
                       std::string_view profile);

/// A line for each library.
std::string to_string(const report& x);

/// Whether a version ("1.20.0", "2.0.0rc1", "2.1+cu118") is before another.
bool older(std::string_view version, std::string_view than);

} // namespace charmer::compatibility
