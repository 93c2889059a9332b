// What the actors of a pool and its callers say to each other, beside the
// requests themselves.
//
// The door of a pool understands:
//   invocation                     a request to a Python worker
//   (call_options, message)        a request to a native worker, with options
//   (cancel_atom, call_id)         the request is no longer wanted
//   (stats_atom)                -> pool_stats
//   (status_atom)               -> pool_status
//   anything else                  a request to a native worker, as it is
//
// Threading: plain values.
#pragma once

#include "charmer/actors/books.hpp"
#include "charmer/profiles/messages.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace charmer {

/// One worker, as `stats` shows it.
struct worker_stats {
  std::string worker;
  std::uint64_t incarnation = 0;
  worker_state state = worker_state::starting;
  std::uint64_t running = 0;
  std::uint64_t ahead = 0;    ///< sent ahead of their turn
  std::uint64_t requests = 0; ///< answered
  timespan uptime{0};         ///< since it was ready
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, worker_stats& x) {
  return f(caf::meta::type_name("charmer::worker_stats"), x.worker,
           x.incarnation, x.state, x.running, x.ahead, x.requests, x.uptime);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, books& x) {
  return f(caf::meta::type_name("charmer::books"), x.accepted, x.replied,
           x.failed, x.cancelled, x.waiting, x.running, x.refused, x.requeued,
           x.retried, x.stale, x.expelled);
}

/// Everything about a pool at one moment; its books balance (wpool's stats).
struct pool_stats {
  std::string pool;
  std::uint32_t size = 0; ///< as configured
  bool degraded = false;
  bool draining = false;
  std::uint64_t waiting_bytes = 0;
  books counts;
  std::vector<worker_stats> workers;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, pool_stats& x) {
  return f(caf::meta::type_name("charmer::pool_stats"), x.pool, x.size,
           x.degraded, x.draining, x.waiting_bytes, x.counts, x.workers);
}

/// The short form (PhoenixGenApi's status).
struct pool_status {
  std::uint64_t idle_workers = 0;
  std::uint64_t busy_workers = 0;
  std::uint64_t queued_tasks = 0;
  std::uint64_t total_tasks_executed = 0; ///< failed ones included
  std::uint64_t total_tasks_failed = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, pool_status& x) {
  return f(caf::meta::type_name("charmer::pool_status"), x.idle_workers,
           x.busy_workers, x.queued_tasks, x.total_tasks_executed,
           x.total_tasks_failed);
}

std::string to_string(worker_state x);

/// One line for the pool, one for each worker.
std::string to_string(const pool_stats& x);

std::string to_json(const pool_stats& x);

} // namespace charmer

CAF_BEGIN_TYPE_ID_BLOCK(charmer, caf::first_custom_type_id + 2200)

CAF_ADD_TYPE_ID(charmer, (charmer::books))
CAF_ADD_TYPE_ID(charmer, (charmer::worker_stats))
CAF_ADD_TYPE_ID(charmer, (charmer::pool_stats))
CAF_ADD_TYPE_ID(charmer, (charmer::pool_status))

CAF_ADD_ATOM(charmer, charmer, stats_atom, "ch.stats")
CAF_ADD_ATOM(charmer, charmer, status_atom, "ch.status")

// wake-ups within a pool: look at the core
CAF_ADD_ATOM(charmer, charmer, look_atom, "ch.look")
CAF_ADD_ATOM(charmer, charmer, tick_atom, "ch.tick")
CAF_ADD_ATOM(charmer, charmer, arm_atom, "ch.arm")
CAF_ADD_ATOM(charmer, charmer, check_atom, "ch.check")

CAF_END_TYPE_ID_BLOCK(charmer)
