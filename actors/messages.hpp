// What the actors of a pool and its callers say to each other, beside the
// requests themselves.
//
// The door of a pool understands:
//   invocation                     a request to a Python worker
//   (call_options, message)        a request to a native worker, with options
//   (cancel_atom, call_id)      -> bool, the request is no longer wanted
//   (credit_atom, call_id, uint32)
//                                  a stream may send so many chunks more
//   (cast_atom, call_options, message)
//                               -> (), once the request is accepted; or why not
//   (broadcast_atom, call_options, message)
//                               -> how many workers it was sent to, or why to
//                                  none
//   (checkout_atom, call_options)
//                               -> granted: the caller holds a worker
//   (checkin_atom, call_id)     -> bool, and gives it back; who sends without
//                                  a sender needs no more than the id
//   (members_atom)              -> vector<pool_member>, the ready workers
//   (members_atom, call_options)   the same; through a lease, the one it holds
//   (resize_atom, uint32)       -> resized
//   (stats_atom)                -> pool_stats
//   (status_atom)               -> pool_status
//   anything else                  a request to a native worker, as it is
//
// Threading: plain values.
#pragma once

#include "charmer/actors/books.hpp"
#include "charmer/actors/pool_handle.hpp"
#include "charmer/profiles/messages.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace charmer {

struct task;

/// One worker, as `stats` shows it.
struct worker_stats {
  std::string worker;
  std::uint64_t incarnation = 0;
  worker_state state = worker_state::starting;
  std::uint64_t running = 0;
  std::uint64_t ahead = 0;    ///< sent ahead of their turn
  std::uint64_t line = 0;     ///< wait for this one alone
  std::uint64_t requests = 0; ///< answered
  timespan uptime{0};         ///< since it was ready
  bool overflow = false;
  bool held = false; ///< by hand
  std::string task;  ///< the command it runs, if it has a name
  timespan runtime{0};
  std::uint64_t memory = 0; ///< bytes; 0: it has none of its own
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, worker_stats& x) {
  return inspect_fields(f, x, "charmer::worker_stats", x.worker, x.incarnation,
                        x.state, x.running, x.ahead, x.line, x.requests,
                        x.uptime, x.overflow, x.held, x.task, x.runtime,
                        x.memory);
}

/// How long something took: how often, in all, at most.
struct duration_stats {
  std::uint64_t count = 0;
  timespan total{0};
  timespan longest{0};
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, duration_stats& x) {
  return inspect_fields(f, x, "charmer::duration_stats", x.count, x.total,
                        x.longest);
}

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, books& x) {
  return inspect_fields(f, x, "charmer::books", x.accepted, x.replied, x.failed,
                        x.cancelled, x.waiting, x.running, x.refused,
                        x.unserved, x.requeued, x.retried, x.stale, x.expelled,
                        x.overruns);
}

/// Everything about a pool at one moment; its books balance (wpool's stats).
struct pool_stats {
  std::string pool;
  std::string supervisor;        ///< its path
  std::uint32_t size = 0;        ///< workers that are wanted now
  std::uint32_t overflow = 0;    ///< workers beyond that
  std::uint32_t abandoned = 0;   ///< native workers left behind, still running
  std::uint32_t next_worker = 0; ///< whose turn it is, counted from 0
  bool degraded = false;
  bool draining = false;
  bool circuit_open = false;
  std::uint64_t waiting_bytes = 0;
  std::uint64_t sessions = 0; ///< that are remembered
  duration_stats waited;      ///< from acceptance to a worker
  duration_stats busy;        ///< from a worker to the answer
  books counts;
  std::vector<worker_stats> workers;
  std::string settings; ///< with which it was started, as JSON
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, pool_stats& x) {
  return inspect_fields(f, x, "charmer::pool_stats", x.pool, x.supervisor,
                        x.size, x.overflow, x.abandoned, x.next_worker,
                        x.degraded, x.draining, x.circuit_open, x.waiting_bytes,
                        x.sessions, x.waited, x.busy, x.counts, x.workers,
                        x.settings);
}

/// The short form (PhoenixGenApi's status, and poolex's counts).
struct pool_status {
  std::uint64_t idle_workers = 0;
  std::uint64_t busy_workers = 0;
  std::uint64_t overflow_workers = 0; ///< of those
  std::uint64_t queued_tasks = 0;
  bool circuit_open = false;
  /// By workers; those that failed included, those that waited in vain not.
  std::uint64_t total_tasks_executed = 0;
  std::uint64_t total_tasks_failed = 0;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, pool_status& x) {
  return inspect_fields(f, x, "charmer::pool_status", x.idle_workers,
                        x.busy_workers, x.overflow_workers, x.queued_tasks,
                        x.circuit_open, x.total_tasks_executed,
                        x.total_tasks_failed);
}

/// A ready worker.
struct pool_member {
  std::string worker;
  std::uint64_t incarnation = 0;
  caf::actor handle;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, pool_member& x) {
  return inspect_fields(f, x, "charmer::pool_member", x.worker, x.incarnation,
                        x.handle);
}

/// A caller holds a worker.
struct granted {
  std::string worker;
  std::uint64_t incarnation = 0;
  timespan time_left{0}; ///< then it is taken away
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, granted& x) {
  return inspect_fields(f, x, "charmer::granted", x.worker, x.incarnation,
                        x.time_left);
}

/// What one worker answered to a broadcall.
struct worker_reply {
  std::string worker;
  caf::message value;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, worker_reply& x) {
  return inspect_fields(f, x, "charmer::worker_reply", x.worker, x.value);
}

struct worker_error {
  std::string worker;
  caf::error why;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, worker_error& x) {
  return inspect_fields(f, x, "charmer::worker_error", x.worker, x.why);
}

/// What all of them answered.
struct gathered {
  std::vector<worker_reply> replies;
  std::vector<worker_error> errors;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, gathered& x) {
  return inspect_fields(f, x, "charmer::gathered", x.replies, x.errors);
}

/// What came of a change of size.
struct resized {
  std::uint32_t before = 0;
  std::uint32_t after = 0;
  std::string text; ///< what was not done, and why; empty: all was
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, resized& x) {
  return inspect_fields(f, x, "charmer::resized", x.before, x.after, x.text);
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
CAF_ADD_TYPE_ID(charmer, (charmer::duration_stats))
CAF_ADD_TYPE_ID(charmer, (charmer::pool_member))
CAF_ADD_TYPE_ID(charmer, (std::vector<charmer::pool_member>))
CAF_ADD_TYPE_ID(charmer, (charmer::granted))
CAF_ADD_TYPE_ID(charmer, (charmer::resized))
CAF_ADD_TYPE_ID(charmer, (charmer::worker_reply))
CAF_ADD_TYPE_ID(charmer, (charmer::worker_error))
CAF_ADD_TYPE_ID(charmer, (charmer::gathered))
CHARMER_ADD_LOCAL_TYPE(charmer, (charmer::task))
CAF_ADD_TYPE_ID(charmer, (charmer::pool_handle))

CHARMER_ADD_ATOM(charmer, stats_atom, "ch.stats")
CHARMER_ADD_ATOM(charmer, status_atom, "ch.status")
CHARMER_ADD_ATOM(charmer, cast_atom, "ch.cast")
CHARMER_ADD_ATOM(charmer, broadcast_atom, "ch.broadc")
CHARMER_ADD_ATOM(charmer, gather_atom, "ch.gather")
CHARMER_ADD_ATOM(charmer, checkout_atom, "ch.chkout")
CHARMER_ADD_ATOM(charmer, checkin_atom, "ch.chkin")
CHARMER_ADD_ATOM(charmer, members_atom, "ch.member")
CHARMER_ADD_ATOM(charmer, resize_atom, "ch.resize")

// wake-ups within a pool: look at the core
CHARMER_ADD_ATOM(charmer, look_atom, "ch.look")
CHARMER_ADD_ATOM(charmer, tick_atom, "ch.tick")
CHARMER_ADD_ATOM(charmer, arm_atom, "ch.arm")
CHARMER_ADD_ATOM(charmer, check_atom, "ch.check")

// runtime to lifecycle manager: (recycle_atom, pool, worker) -> ()
CHARMER_ADD_ATOM(charmer, recycle_atom, "ch.recycle")

CAF_END_TYPE_ID_BLOCK(charmer)
