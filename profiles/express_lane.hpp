// private: The way of a request into the pipe of an idle worker without its
// actor: the sender writes the frame itself.
//
// Handing a request to the actor costs a wake-up of the event loop's thread, a
// sixth of a sequential call (benchmark row 1). While the worker has nothing to
// do and nothing of its actor's waits to be written, nobody can come in
// between; a frame of up to PIPE_BUF bytes is taken by the pipe whole or not at
// all. In every other case the actor does it, many frames in one write.
//
// Also the table of the requests that lie with the worker, which both ways
// fill.
//
// Threading: every function from any thread. No function blocks longer than a
// write to a non-blocking pipe.
#pragma once

#include "charmer/profiles/messages.hpp"
#include "charmer/wire/frames.hpp"
#include "charmer/wire/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace charmer {

/// A request that lies with the worker, and where its answer goes.
struct open_request {
  caf::strong_actor_ptr sender;
  caf::message_id answer;
  std::string command;
  call_id id;
  std::string correlation{};

  // -- of a stream ------------------------------------------------------------

  std::uint64_t granted = 0; ///< chunks that the worker may send; 0: no stream
  std::uint64_t chunks = 0;  ///< that it has sent
};

/// Where a chunk goes.
struct chunk_receiver {
  caf::strong_actor_ptr sender;
  caf::message_id answer;
  call_id stream;
  bool expected = true; ///< it is the next one, and there was credit for it
};

class express_lane {
public:
  // -- the requests -----------------------------------------------------------

  void add(std::uint64_t lease, open_request who);

  /// Removes a request, because it is answered.
  std::optional<open_request> take(std::uint64_t lease);

  bool contains(std::uint64_t lease) const;

  /// Whether none lies with the worker.
  bool empty() const;

  /// Counts a chunk of a stream. Nothing: there is no such request.
  std::optional<chunk_receiver> count(std::uint64_t lease,
                                      std::uint64_t number);

  /// A stream may send so many chunks more. False: there is no such stream.
  bool grant(std::uint64_t lease, std::uint32_t chunks);

  /// Empty if there is no such request.
  std::string command_of(std::uint64_t lease) const;

  // -- the worker's actor -----------------------------------------------------

  /// What is left of the time that a request has.
  using clock = std::function<timespan(std::uint64_t lease)>;

  /// Lets senders write frames of up to `max_frame_bytes` to a copy of `fd`;
  /// without one they cannot.
  void open(int fd, std::uint64_t max_frame_bytes, clock time_left);

  /// Nobody writes any more, and the copy is closed.
  void close();

  /// The actor has something to write: nobody else does.
  void occupy();

  /// The actor has written everything.
  void vacate();

  // -- senders ----------------------------------------------------------------

  /// Writes the request if the worker is idle. False: leave it to the actor.
  bool send(const invocation& x, caf::message_id id,
            const caf::strong_actor_ptr& sender);

private:
  /// Empty if nobody may write now, so that no frame is laid out in vain.
  clock usable() const;

  mutable std::mutex mutex_;
  wire::unique_fd pipe_;
  std::uint64_t max_frame_ = 0;
  clock time_left_;
  bool occupied_ = false;
  std::unordered_map<std::uint64_t, open_request> requests_;
};

/// A request as a frame says it.
wire::call_parts parts_of(const invocation& x, std::uint64_t lease,
                          timespan time_left);

/// What is remembered of it.
open_request request_of(const invocation& x, caf::message_id id,
                        caf::strong_actor_ptr sender);

/// What a pool sends requests to: an address without a mailbox, in front of the
/// worker's actor.
caf::actor make_worker_front(caf::actor worker,
                             std::shared_ptr<express_lane> lane);

} // namespace charmer
