// The messages between callers, pools and workers.
//
// Threading: plain values, immutable once they are in a message.
#pragma once

#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/strategy.hpp"
#include "charmer/supervision/caf.hpp"
#include "charmer/wire/payload.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace charmer {

class late_error;

/// Names one call everywhere: made by the caller's side, unique without asking
/// anybody. {0, 0} names none.
struct call_id {
  std::uint64_t origin = 0; ///< random, one for each process
  std::uint64_t number = 0;

  /// The next one of this process. Thread-safe.
  static call_id next();

  explicit operator bool() const noexcept { return number != 0; }
  friend bool operator==(const call_id&, const call_id&) = default;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, call_id& x) {
  return inspect_fields(f, x, "charmer::call_id", x.origin, x.number);
}

/// Whether a request may run twice. What the request says wins over the
/// decorator and the settings, of which each can only add commands that may.
enum class idempotence : std::uint8_t { unsaid, yes, no };

/// Of two requests that wait at the pool, which goes first.
enum class priority : std::uint8_t { high, normal, low };

/// Of a duration: the pool decides. It is not 0, because a caller whose time is
/// up says 0, and its request never runs.
inline constexpr timespan unsaid = timespan::min();

/// How one request is to be treated. What is not set, the pool decides.
struct call_options {
  /// Waiting and running together; by default the pool's request_timeout.
  timespan timeout = unsaid;
  /// Waiting alone; by default the pool's queue_timeout.
  timespan queue_timeout = unsaid;
  /// Which worker; e.g. charmer::best_worker, charmer::hash_worker("key").
  worker_strategy strategy;
  charmer::priority priority = charmer::priority::normal;
  idempotence idempotent = idempotence::unsaid;
  /// Appears in Python's log records and in events.
  std::string correlation;
  /// Names a session: its requests go to one worker, as far as the setting
  /// session_affinity says, and find there what charmer.session() remembers.
  /// With a `strategy` of its own a request goes where that says. Empty: none.
  std::string session;
  /// Set by charmer::call; names the request when it is to be cancelled.
  call_id id;
  /// Set by charmer::lease; the worker that its holder holds is to run it.
  call_id within;
  /// Of a stream: chunks that may be on their way to its consumer at once. Set
  /// by charmer::stream, 16 if it is 0. 0: no stream is wanted.
  std::uint32_t window = 0;
  /// The calls within which this one is made, by functions of the application
  /// that their commands called; the outermost first. Set by charmer::call.
  std::vector<call_id> chain;
  /// What is left of the deadlines of those: it has no more than that, whatever
  /// `timeout` says. Set by charmer::call.
  timespan time_left = infinite;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, worker_strategy& x) {
  return inspect_fields(f, x, "charmer::worker_strategy", x.kind, x.value);
}

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, call_options& x) {
  return inspect_fields(f, x, "charmer::call_options", x.timeout,
                        x.queue_timeout, x.strategy, x.priority, x.idempotent,
                        x.correlation, x.session, x.id, x.within, x.window,
                        x.chain, x.time_left);
}

/// A request to a Python worker.
struct invocation {
  std::string command;
  payload arguments;
  call_options options;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, invocation& x) {
  return inspect_fields(f, x, "charmer::invocation", x.command, x.arguments,
                        x.options);
}

/// What a Python worker answers.
struct reply {
  payload value;
  /// The command alone, measured in Python.
  timespan elapsed{0};

  /// The value, parsed; include <nlohmann/json.hpp> to use it.
  /// @throws std::invalid_argument if it is no JSON but a message or bytes
  nlohmann::json json() const;

  /// The value as it came: JSON text, or bytes.
  const std::string& text() const noexcept { return value.data; }
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, reply& x) {
  return inspect_fields(f, x, "charmer::reply", x.value, x.elapsed);
}

/// One value of a stream.
struct chunk {
  call_id stream;
  std::uint64_t number = 0; ///< 0, 1, 2, …
  payload value;

  /// As those of `reply`.
  nlohmann::json json() const;
  const std::string& text() const noexcept { return value.data; }
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, chunk& x) {
  return inspect_fields(f, x, "charmer::chunk", x.stream, x.number, x.value);
}

/// Nothing more comes: the last chunk was the one before.
struct stream_end {
  call_id stream;
  std::uint64_t chunks = 0;
  /// The command alone, waiting for its consumer included.
  timespan elapsed{0};
  /// Its consumer wanted no more; there may have been more.
  bool stopped = false;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, stream_end& x) {
  return inspect_fields(f, x, "charmer::stream_end", x.stream, x.chunks,
                        x.elapsed, x.stopped);
}

/// How a stream to a consumer actor failed; nothing more comes.
struct stream_failure {
  call_id stream;
  caf::error why;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, stream_failure& x) {
  return inspect_fields(f, x, "charmer::stream_failure", x.stream, x.why);
}

/// A command calls a function of the application (charmer.host.call).
struct host_call {
  std::string function;
  payload arguments;
  /// How long the answer is waited for: what is left of the calling command's
  /// deadline, or less if it said so.
  timespan time_left = infinite;
  std::string correlation;
  /// The calls within which it is made; the last one is the caller's own.
  std::vector<call_id> chain;

  /// The arguments, as those of `reply`; null if there are none.
  nlohmann::json json() const;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, host_call& x) {
  return inspect_fields(f, x, "charmer::host_call", x.function, x.arguments,
                        x.time_left, x.correlation, x.chain);
}

} // namespace charmer

CAF_BEGIN_TYPE_ID_BLOCK(charmer_profiles, caf::first_custom_type_id + 2100)

CAF_ADD_TYPE_ID(charmer_profiles, (charmer::payload))
CAF_ADD_TYPE_ID(charmer_profiles, (charmer::worker_strategy))
CAF_ADD_TYPE_ID(charmer_profiles, (charmer::failure))
CAF_ADD_TYPE_ID(charmer_profiles, (charmer::pool_errc))
CAF_ADD_TYPE_ID(charmer_profiles, (charmer::call_id))
CAF_ADD_TYPE_ID(charmer_profiles, (charmer::call_options))
CAF_ADD_TYPE_ID(charmer_profiles, (charmer::invocation))
CAF_ADD_TYPE_ID(charmer_profiles, (charmer::reply))
CAF_ADD_TYPE_ID(charmer_profiles, (charmer::chunk))
CAF_ADD_TYPE_ID(charmer_profiles, (charmer::stream_end))
CAF_ADD_TYPE_ID(charmer_profiles, (charmer::stream_failure))
CAF_ADD_TYPE_ID(charmer_profiles, (charmer::host_call))
CHARMER_ADD_LOCAL_TYPE(charmer_profiles, (std::shared_ptr<charmer::late_error>))

// pool to worker: the request with this lease is no longer wanted
CHARMER_ADD_ATOM(charmer_profiles, cancel_atom, "ch.cancel")
// caller to pool, with the stream's call_id, and pool to worker, with its
// lease: so many chunks more may be sent
CHARMER_ADD_ATOM(charmer_profiles, credit_atom, "ch.credit")
// application to worker: the answer to a host call
CHARMER_ADD_ATOM(charmer_profiles, answer_atom, "ch.answer")
// pool to worker: end at once, you are being replaced (a planned stop)
CHARMER_ADD_ATOM(charmer_profiles, expel_atom, "ch.expel")

// pool to worker: you were asked to stop, and have nothing left to do
CHARMER_ADD_ATOM(charmer_profiles, dismiss_atom, "ch.dismis")

CAF_END_TYPE_ID_BLOCK(charmer_profiles)
