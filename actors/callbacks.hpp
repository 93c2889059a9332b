// What an application is told about the workers of a pool (wpool's callbacks
// and overrun handlers), as plain structs.
//
// Both are observers of the pool's events: each runs in a thread of its own,
// may block, delays nobody, and is removed alone if it throws.
//
// Threading: a callback's functions never run at the same time as each other.
//
// Added to a runtime they follow what comes then; made a handler and given to
// `start`, also the first workers.
//
//   app->add_callbacks("default", "gauge", {.on_new_worker = …});
//   app->add_overrun_handler("default", "pager",
//                            [](const charmer::overrun& x) { … });
#pragma once

#include "charmer/supervision/caf.hpp"
#include "charmer/supervision/event_handler.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace charmer {

/// What is not set is not called. Workers are named as in stats: "worker-3".
struct worker_callbacks {
  /// A worker is about to be started.
  std::function<void(const std::string& worker)> on_init_start;
  /// It is ready.
  std::function<void(const std::string& worker)> on_new_worker;
  /// It has ended, for this reason; also when it was killed.
  std::function<void(const std::string& worker, const caf::error& why)>
      on_worker_dead;
};

/// A request that has run for long.
struct overrun {
  /// "overrun"; or "max_overrun_limit": it was ended, and its worker replaced.
  std::string alert;
  std::string pool;
  std::string worker;
  std::string task; ///< the command, if it has a name
  timespan runtime{0};
};

/// Writes one line to stderr.
void log_overrun(const overrun& x);

/// The handler of events that calls these, under the name by which
/// runtime::remove_callbacks knows it.
handler_spec following_workers(const std::string& pool, const std::string& name,
                               worker_callbacks callbacks);

/// The same for runtime::remove_overrun_handler.
handler_spec watching_overruns(const std::string& pool, const std::string& name,
                               std::function<void(const overrun&)> f);

} // namespace charmer
