// What an application holds of a pool.
//
// A handle stays valid whatever happens to the actors of the pool; once the
// pool was stopped every request gets `shutting_down`.
//
// Messages: the workers of a native pool get whatever is sent to `actor()`, and
// answer requests as if they had been asked themselves; but for what pools
// understand (messages.hpp), exit and down messages. What was sent and not
// requested is not answered. The sender that a worker sees is the pool: what it
// sends there is an answer if it answers its request, and else a new request to
// the pool, as from anybody. To talk to a caller, have it send its own handle.
// A pool's address never ends, and a monitor on it never fires.
//
// Messages carry no key, deadline or strategy: the pool's defaults hold for
// them, and `with` gives a handle with others. `pool_of` is a handle that is
// typed as the workers are, so that the compiler checks what is sent.
//
// Threading: values; copies may be used from any thread, and be sent in
// messages, also to another node. Of a pool_of its untyped() is sent.
//
//   auto pool = *app->pool("sums");
//   request(self, pool.actor(), 5s, 1, 2).receive([](int x) { … }, …);
//   auto mine = pool.with({.strategy = charmer::hash_worker("customer 7")});
//   request(self, mine.actor(), 5s, 1, 2).receive(…);
//
//   charmer::pool_of<adder_actor> sums = *app->pool_of<adder_actor>("sums");
//   request(self, sums.actor(), 5s, 1, 2).receive([](int x) { … }, …);
#pragma once

#include "charmer/profiles/messages.hpp"
#include "charmer/supervision/caf.hpp"

#include <string>
#include <utility>

namespace charmer {

class pool_handle {
public:
  /// No pool: requests are answered with an error, casts come to nothing.
  pool_handle() = default;

  /// The limits are those of the pool, for requests that do not say: an answer
  /// from another node is waited for so long, and a little longer. A handle
  /// that the runtime has given, or that came in a message, knows them.
  pool_handle(std::string name, caf::actor door,
              timespan request_timeout = std::chrono::seconds(60),
              timespan stream_timeout = std::chrono::seconds(300))
      : name_(std::move(name)), door_(std::move(door)), pool_(door_),
        request_timeout_(request_timeout), stream_timeout_(stream_timeout) {
    // nop
  }

  const std::string& name() const noexcept { return name_; }

  /// The pool's address: takes requests from actors of this and other nodes.
  const caf::actor& actor() const noexcept { return door_; }

  /// Whether it is a pool of another node, which may fall silent.
  bool is_remote() const;

  /// How long a request, or a stream, may take that does not say.
  timespan request_timeout() const noexcept { return request_timeout_; }
  timespan stream_timeout() const noexcept { return stream_timeout_; }

  /// The same pool, for requests that are to be treated so. What a request says
  /// itself wins.
  pool_handle with(call_options defaults) const;

  explicit operator bool() const noexcept { return static_cast<bool>(door_); }

  template <class Inspector>
  friend inspected<Inspector> inspect(Inspector& f, pool_handle& x) {
    return inspect_fields(f, x, "charmer::pool_handle", x.name_, x.door_,
                          x.pool_, x.request_timeout_, x.stream_timeout_);
  }

private:
  std::string name_;
  caf::actor door_; ///< with defaults of its own, or the pool's
  caf::actor pool_;
  timespan request_timeout_{0};
  timespan stream_timeout_{0};
};

/// A handle typed as the workers are. See runtime::pool_of.
template <class Worker>
class pool_of {
public:
  pool_of() = default;

  /// REQUIRES: the workers of the pool accept what `Worker` does.
  explicit pool_of(pool_handle untyped)
      : untyped_(std::move(untyped)),
        actor_(caf::actor_cast<Worker>(untyped_.actor())) {
    // nop
  }

  const std::string& name() const noexcept { return untyped_.name(); }

  const Worker& actor() const noexcept { return actor_; }

  pool_of with(call_options defaults) const {
    return pool_of{untyped_.with(std::move(defaults))};
  }

  /// For everything that is not a message to a worker: statistics, leases.
  const pool_handle& untyped() const noexcept { return untyped_; }

private:
  pool_handle untyped_;
  Worker actor_;
};

} // namespace charmer
