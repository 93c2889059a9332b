// What goes into the core of a pool, and what it asks for: plain values.
#pragma once

#include "charmer/actors/request_table.hpp"
#include "charmer/profiles/pool_errc.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace charmer {

/// What bounds a pool; constant while it lives.
struct core_limits {
  std::uint64_t queue_size = 1000;
  std::uint64_t queue_bytes = 256ull << 20;
  std::uint32_t poison_after = 3;
  /// Work that may lie in a worker's pipe behind what it runs. 0: none.
  std::chrono::nanoseconds prefetch{0};
  std::chrono::nanoseconds cancel_grace = std::chrono::milliseconds(500);
};

/// A request as it comes in.
template <class Request>
struct submission {
  using time_point = std::chrono::steady_clock::time_point;

  Request what;
  caller_key caller = nullptr;
  request_key key;
  std::uint64_t bytes = 0;
  time_point deadline;       ///< waiting and running together
  time_point queue_deadline; ///< waiting alone
  std::string_view command;
  /// What the request itself says; nothing: the command decides.
  std::optional<bool> idempotent;
};

/// An outcome that is not a worker's answer.
template <class Request, class Cause>
struct settlement {
  Request who;
  pool_errc code = pool_errc::none;
  std::uint64_t serial = 0;
  bool begun = false;
  std::uint32_t deaths = 0;
  std::string worker;
  std::uint64_t incarnation = 0;
  std::optional<Cause> why;
};

/// What has to be done once the core's lock is released.
template <class Traits>
struct core_effects {
  using request = typename Traits::request;
  using worker = typename Traits::worker;

  struct assignment {
    worker to;
    std::uint64_t lease;
    request what;
    bool confirm; ///< call `sent` once it is enqueued
  };

  struct cancellation {
    worker to;
    std::uint64_t lease;
  };

  std::vector<assignment> assignments;
  std::vector<settlement<request, typename Traits::cause>> settlements;
  std::vector<cancellation> cancellations;
  std::vector<worker> expulsions; ///< end them, they do not listen
  caller_key watch = nullptr;     ///< tell `caller_died` when it ends
  /// Call `expire` then.
  std::optional<std::chrono::steady_clock::time_point> tick_at;
  bool wake = false; ///< call `dispatch` from elsewhere
};

} // namespace charmer
