// Streams: the values of a generator in Python, as it makes them.
//
// A consumer takes chunks one by one, in order, then the end or one error;
// whichever it is comes exactly once, and nothing after it. Flow is controlled
// by credit: at most options.window chunks (16 if not said) are on their way,
// and the generator goes on only when its consumer has taken some. A consumer
// that wants no more, or that ends, ends the generator, and the worker is free.
//
// A command that is no generator streams its one result; a generator that is
// called with charmer::call answers a list. Native workers do not stream.
//
// Deadlines: options.timeout is for all of it, by default the pool's
// stream_timeout. A stream of which a chunk has been delivered is not tried
// again when its worker dies.
//
//   charmer::stream(self, pool, "tokens", {{"prompt", text}})
//     .receive([](const charmer::chunk& x) { std::cout << x.json(); },
//              [](const charmer::stream_end& x) { … x.chunks … },
//              [](const caf::error& e) { std::cerr << describe(e); });
//
// In event-based actors `.then(…)` does the same. Where the consumer is another
// actor, or needs time for a chunk:
//
//   auto tokens = charmer::stream_to(consumer, pool, "tokens", …);
//   // in the consumer:
//   [=](const charmer::chunk& x) { …; charmer::acknowledge(pool, x); },
//   [=](const charmer::stream_end& x) { … },
//   [=](const charmer::stream_failure& x) { … },
//
// Threading: `then` and `receive` belong to the calling actor; the rest may be
// called from any thread.
#pragma once

#include "charmer/actors/call.hpp"

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace charmer {

/// Names a stream under way.
class stream_handle {
public:
  stream_handle(pool_handle pool, call_id id)
      : pool_(std::move(pool)), id_(id) {
    // nop
  }

  /// Ends it: the outcome becomes `cancelled`, unless another was faster.
  void cancel() const { cast(pool_.actor(), cancel_atom_v, id_); }

  /// Its consumer has taken so many chunks.
  void acknowledge(std::uint32_t chunks) const {
    cast(pool_.actor(), credit_atom_v, id_, chunks);
  }

  const pool_handle& pool() const noexcept { return pool_; }

  const call_id& id() const noexcept { return id_; }

private:
  pool_handle pool_;
  call_id id_;
};

namespace detail {

/// Fills in what streams need.
void prepare_stream(call_options& options);

/// Hands on what comes of a stream, and gives credit for what was taken.
template <class OnChunk, class OnEnd, class OnError>
class stream_reader {
public:
  stream_reader(stream_handle stream, std::uint32_t window, OnChunk f, OnEnd g,
                OnError h)
      : stream_(std::move(stream)), batch_((window + 1) / 2),
        on_chunk_(std::move(f)), on_end_(std::move(g)),
        on_error_(std::move(h)) {
    // nop
  }

  stream_reader(const stream_reader&) = delete;
  stream_reader& operator=(const stream_reader&) = delete;

  /// Whoever no longer reads wants no more.
  ~stream_reader() {
    if (!over_)
      stream_.cancel();
  }

  bool over() const noexcept { return over_; }

  void take(chunk& x) {
    if (stopped_)
      return;
    ++taken_;
    if (!goes_on(x)) {
      stopped_ = true;
      stream_.cancel();
    } else if (++owed_ >= batch_) {
      stream_.acknowledge(std::exchange(owed_, 0));
    }
  }

  void end(stream_end& x) {
    over_ = true;
    if (stopped_)
      x = {x.stream, taken_, x.elapsed, true};
    on_end_(x);
  }

  void fail(caf::error& why) {
    over_ = true;
    if (stopped_)
      on_end_(stream_end{stream_.id(), taken_, timespan{0}, true});
    else
      on_error_(why = in_terms_of_pools(stream_.pool(), std::move(why)));
  }

private:
  bool goes_on(chunk& x) {
    if constexpr (std::is_void_v<std::invoke_result_t<OnChunk&, chunk&>>) {
      on_chunk_(x);
      return true;
    } else {
      return on_chunk_(x);
    }
  }

  const stream_handle stream_;
  const std::uint32_t batch_;
  OnChunk on_chunk_;
  OnEnd on_end_;
  OnError on_error_;
  std::uint64_t taken_ = 0;
  std::uint32_t owed_ = 0; // credit that was not given yet
  bool stopped_ = false;
  bool over_ = false;
};

// All that comes of a stream has the id of its request's answer.
template <class Self, class Reader>
void await_more(Self* self, caf::message_id answer,
                std::shared_ptr<Reader> reader) {
  then_answer(
      self, answer,
      [=](chunk& x) {
        await_more(self, answer, reader);
        reader->take(x);
      },
      [=](stream_end& x) { reader->end(x); },
      [=](caf::error& why) { reader->fail(why); });
}

} // namespace detail

/// A stream that was asked for: say what to do with it, once; or cancel it.
template <class Self>
class pending_stream {
public:
  pending_stream(Self* self, caf::message_id answer, stream_handle stream,
                 std::uint32_t window,
                 std::shared_ptr<const void> bond = nullptr)
      : self_(self), answer_(answer), stream_(std::move(stream)),
        window_(window), bond_(std::move(bond)) {
    // nop
  }

  /// Event-based actors. `on_chunk(const chunk&)` may return false: it wants no
  /// more, and `on_end` is called with `stopped`.
  template <class F, class G, class H>
  void then(F on_chunk, G on_end, H on_error) {
    using reader = detail::stream_reader<F, G, H>;
    detail::await_more(
        self_, answer_,
        std::make_shared<reader>(stream_, window_, std::move(on_chunk),
                                 std::move(on_end), std::move(on_error)));
  }

  /// The same for blocking actors; returns after the end or the error.
  template <class F, class G, class H>
  void receive(F on_chunk, G on_end, H on_error) {
    detail::stream_reader<F, G, H> reader{stream_, window_, std::move(on_chunk),
                                          std::move(on_end),
                                          std::move(on_error)};
    while (!reader.over())
      receive_answer(
          self_, answer_, [&](chunk& x) { reader.take(x); },
          [&](stream_end& x) { reader.end(x); },
          [&](caf::error& why) { reader.fail(why); });
  }

  /// As stream_handle's.
  void cancel() const { stream_.cancel(); }

  const stream_handle& handle() const noexcept { return stream_; }

private:
  Self* self_;
  caf::message_id answer_;
  stream_handle stream_;
  std::uint32_t window_;
  std::shared_ptr<const void> bond_; // as that of pending_call
};

/// @param self the calling actor, event-based or blocking
template <class Self>
auto stream(Self* self, const pool_handle& pool, std::string command,
            arguments args = {}, call_options options = {}) {
  detail::prepare_stream(options);
  auto id = options.id;
  auto window = options.window;
  auto limit = detail::response_limit(pool, options);
  auto answer =
      request_answers(self, pool.actor(), limit,
                      invocation{std::move(command), std::move(args).take(),
                                 std::move(options)});
  return pending_stream<Self>{
      self, answer, {pool, id}, window, detail::ending_with_caller(pool, id)};
}

inline auto stream(caf::scoped_actor& self, const pool_handle& pool,
                   std::string command, arguments args = {},
                   call_options options = {}) {
  return stream(self.ptr(), pool, std::move(command), std::move(args),
                std::move(options));
}

/// Streams to an actor: it gets `chunk`s, each of which it has to acknowledge,
/// and then one `stream_end` or `stream_failure`. The stream ends with it; for
/// an empty handle none is begun. Thread-safe.
stream_handle stream_to(const caf::actor& consumer, const pool_handle& pool,
                        std::string command, arguments args = {},
                        call_options options = {});

/// The consumer of this chunk can take another one.
inline void acknowledge(const pool_handle& pool, const chunk& x) {
  stream_handle{pool, x.stream}.acknowledge(1);
}

} // namespace charmer
