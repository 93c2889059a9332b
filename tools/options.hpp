// What the command line says, as plain values. Every default of the command
// stands here.
//
// Threading: plain values.
#pragma once

#include "charmer/supervision/caf.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace charmer::tools {

/// Which pools: those of a file, or one that is made of an adapter.
struct pool_choice {
  std::string file; ///< settings in JSON
  std::string pool; ///< the one to be called; empty: the only one, or "default"

  // -- instead of a file ------------------------------------------------------

  std::string adapter; ///< "module:name"
  std::string profile = "process";
  std::uint32_t size = 4;
  std::string python;
  std::vector<std::string> python_path; ///< the current folder is added
};

/// How something is printed on stderr, if at all.
enum class report_format : std::uint8_t { none, text, json };

/// What is told beside the results.
struct reports {
  report_format events = report_format::none; ///< as they happen
  report_format tree = report_format::none;   ///< once, when the work is over
};

struct call_arguments {
  pool_choice pools;
  reports told;
  std::string command;
  std::string arguments = "{}"; ///< JSON; "-": read from stdin
  /// 0: the pool's request_timeout, or stream_timeout
  timespan timeout{0};
  std::string session; ///< empty: none
  bool stream = false; ///< print chunks as they come
};

/// What becomes of an item that failed.
enum class on_error : std::uint8_t {
  stop,   ///< the first one, in the input's order, ends everything
  skip,   ///< it is left out of the output
  record, ///< an object that describes the error takes its place
};

/// Whether to draw a progress bar.
enum class progress_mode : std::uint8_t { automatic, always, never };

struct map_arguments {
  pool_choice pools;
  reports told;
  std::string command;
  std::string input;   ///< a file; empty: stdin
  std::string output;  ///< a file; empty: stdout
  timespan timeout{0}; ///< of each item; 0: the pool's request_timeout
  on_error errors = on_error::stop;
  /// How long to go on while no worker can be had.
  timespan patience = std::chrono::seconds(60);
  progress_mode progress = progress_mode::automatic;
  bool summary = false; ///< also if stderr is no terminal
};

struct events_arguments {
  bool as_json = false;
};

struct check_arguments {
  pool_choice pools;
};

struct doctor_arguments {
  pool_choice pools;
  bool as_json = false;
  /// How long one interpreter may take to say what it has, and again to import
  /// the adapter.
  timespan limit = std::chrono::seconds(60);
};

} // namespace charmer::tools
