// A worker in one's own hands (poolboy's checkout, poolex's and wpool's run).
//
// The holder of a lease has the worker to itself: nobody else's request runs on
// it until the lease ends. (Of a worker that runs several requests at once, as
// those of the profile "thread" do, it has the place of one.) What is sent to
// the lease goes to that worker, one request after the other. A lease ends when
// it is given back (once; its destructor does it, too), when its holder ends,
// when the worker dies, or after options.timeout, if one was given. After that
// requests to it are answered no_available_worker.
//
// No request to a lease has more time than the lease has left. When it ends,
// the one that runs goes on until it is done, or its time is over; those that
// wait behind it are answered `cancelled`, or worker_died.
//
// To a lease a cast, a broadcast and a broadcall are requests to that worker,
// too, and options that choose a worker mean nothing. A checkout is answered
// `unsupported`: the worker is held already. Statistics and resize are those of
// the pool.
//
// How long a caller waits for a worker: options.queue_timeout. Which worker:
// options.strategy.
//
// Threading: a lease belongs to one actor; it may be destroyed in any thread,
// also after its pool, and the actor system, have ended. Errors: those of
// pools; the worker that was asked for by next_available_worker is there at
// once or not at all.
//
//   charmer::run(self, pool, [&](charmer::lease& worker, charmer::timespan) {
//     charmer::call(self, worker.pool(), "load", {{"path", path}}).receive(…);
//     charmer::call(self, worker.pool(), "solve").receive(…);
//   });
//   charmer::checkout(self, pool).then(
//     [=](charmer::lease worker) { … }, [=](const caf::error& e) { … });
#pragma once

#include "charmer/actors/call.hpp"

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace charmer {

class lease {
public:
  lease() = default;

  lease(const pool_handle& pool, call_id id, granted what)
      : held_(std::make_shared<held>(pool, id, std::move(what))) {
    // nop
  }

  /// The held worker as a pool of its own. REQUIRES, here and below: the lease
  /// was granted, and not given back by way of this value.
  const pool_handle& pool() const { return held_->mine; }

  /// For typed messages to the held worker.
  const caf::actor& actor() const { return held_->mine.actor(); }

  /// "worker-3"
  const std::string& worker() const { return held_->what.worker; }

  std::uint64_t incarnation() const { return held_->what.incarnation; }

  /// What was left when it was granted; infinite without options.timeout.
  timespan time_left() const { return held_->what.time_left; }

  /// Gives the worker back, unless another copy of the lease is left: the last
  /// one does. Doing so again does nothing.
  void give_back() { held_.reset(); }

  explicit operator bool() const noexcept { return held_ != nullptr; }

private:
  // Shared, because CAF copies what a handler captures; the last one gives the
  // worker back.
  struct held {
    held(const pool_handle& pool, call_id id, granted x)
        : door(pool.actor()), id(id), mine(pool.with({.within = id})),
          what(std::move(x)) {}
    held(const held&) = delete;
    held& operator=(const held&) = delete;
    ~held() { cast(door, checkin_atom_v, id); }

    const caf::actor door;
    const call_id id;
    const pool_handle mine;
    const granted what;
  };

  std::shared_ptr<const held> held_;
};

/// A worker that was asked for: say what to do with it, once. If nobody says
/// so, it is not taken.
template <class Response>
class [[nodiscard]] pending_lease {
public:
  pending_lease(Response response, pool_handle pool, call_id id)
      : answer_(std::move(response), std::move(pool)), id_(id) {
    // nop
  }

  pending_lease(pending_lease&& other) noexcept
      : answer_(std::move(other.answer_)), id_(other.id_),
        awaited_(std::exchange(other.awaited_, true)) {
    // nop
  }

  pending_lease& operator=(pending_lease&&) = delete;

  ~pending_lease() {
    if (!awaited_)
      cast(answer_.pool().actor(), checkin_atom_v, id_);
  }

  /// Event-based actors. `f(lease)`, `g(error)`.
  template <class F, class G>
  void then(F f, G g) {
    awaited_ = true;
    answer_.then(taking(std::move(f)), std::move(g));
  }

  /// Blocking actors.
  template <class F, class G>
  void receive(F f, G g) {
    awaited_ = true;
    answer_.receive(taking(std::move(f)), std::move(g));
  }

  /// It is no longer wanted.
  void cancel() const { cast(answer_.pool().actor(), cancel_atom_v, id_); }

private:
  template <class F>
  auto taking(F f) const {
    return [f = std::move(f), pool = answer_.pool(),
            id = id_](granted& x) mutable {
      f(lease{pool, id, std::move(x)});
    };
  }

  pending_answer<Response> answer_;
  call_id id_;
  bool awaited_ = false;
};

/// Asks for a worker.
template <class Self>
auto checkout(Self* self, const pool_handle& pool, call_options options = {}) {
  options.id = call_id::next();
  auto id = options.id;
  auto limit = detail::response_limit(pool, options);
  auto response =
      request(self, pool.actor(), limit, checkout_atom_v, std::move(options));
  return pending_lease<decltype(response)>{std::move(response), pool, id};
}

inline auto checkout(caf::scoped_actor& self, const pool_handle& pool,
                     call_options options = {}) {
  return checkout(self.ptr(), pool, std::move(options));
}

/// Blocks: asks for a worker, calls `f(lease&, time left)`, gives the worker
/// back, also if `f` throws.
/// @returns what `f` returns, in an expected; or why there was no worker
template <class F>
auto run(caf::scoped_actor& self, const pool_handle& pool, F f,
         call_options options = {}) {
  using result_type = std::invoke_result_t<F, lease&, timespan>;
  lease worker;
  caf::error why;
  checkout(self, pool, std::move(options))
      .receive([&](lease x) { worker = std::move(x); },
               [&](caf::error& e) { why = std::move(e); });
  if constexpr (std::is_void_v<result_type>) {
    if (worker)
      f(worker, worker.time_left());
    return why;
  } else {
    if (!worker)
      return caf::expected<result_type>{std::move(why)};
    return caf::expected<result_type>{f(worker, worker.time_left())};
  }
}

} // namespace charmer
