// private: Pipes and pidfds in CAF's event loop.
//
// CAF's own scribes use send and recv, which pipes refuse. These go through
// CAF's public stream_impl with a policy that reads and writes. There is one
// scribe for each direction: with one for both, a broken stdin would close
// stdout and lose what the child still says.
//
// Reading: `reader` tells the broker with caf::io::new_data_msg, and
// connection_closed_msg at the end. Writing: `writer::flush` writes at once
// what the pipe takes and leaves the rest to the loop; the broker hears of that
// rest with data_transferred_msg. `exit_watch` tells with new_data_msg, once,
// that a process has ended.
//
// Threading: all of it on the event loop's thread, owned by a broker.
#pragma once

#include "charmer/supervision/caf.hpp"
#include "charmer/wire/unique_fd.hpp"

#include <caf/io/all.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/stream_impl.hpp>

#include <cstddef>
#include <memory>
#include <string>

namespace charmer::wire {

/// How stream_impl reads from and writes to a pipe.
class pipe_policy {
public:
  using state = caf::io::network::rw_state;

  state read_some(std::size_t& n, int fd, void* to, std::size_t size);

  static state write_some(std::size_t& n, int fd, const void* from,
                          std::size_t size);

  static constexpr bool must_read_more(int, std::size_t) { return false; }

private:
  // Full reads in a row; then others have their turn.
  int reads_ = 0;
};

/// How stream_impl waits for a pidfd: one byte when it is readable.
class exit_policy {
public:
  using state = caf::io::network::rw_state;

  state read_some(std::size_t& n, int fd, void* to, std::size_t size);

  static state write_some(std::size_t& n, int, const void*, std::size_t) {
    n = 0;
    return state::failure;
  }

  static constexpr bool must_read_more(int, std::size_t) { return false; }

private:
  bool told_ = false;
};

/// What the three have in common: a stream that leaves the loop cleanly, also
/// when it was never quite in it.
template <class Stream>
class loop_scribe : public caf::io::scribe {
public:
  using multiplexer = caf::io::network::default_multiplexer;
  using operation = caf::io::network::operation;

  template <class... Ts>
  loop_scribe(multiplexer& loop, int fd, Ts&&... xs)
      : scribe(caf::io::network::conn_hdl_from_socket(fd)),
        stream_(loop, fd, std::forward<Ts>(xs)...) {}

  /// The loop of a broker.
  static multiplexer& loop_of(caf::io::abstract_broker* self) {
    return static_cast<multiplexer&>(self->backend());
  }

  void configure_read(caf::io::receive_policy::config config) override {
    stream_.configure_read(config);
    if (!launched_) {
      launched_ = true;
      stream_.start(this);
    }
  }

  void ack_writes(bool enable) override { stream_.ack_writes(enable); }

  byte_buffer& wr_buf() override { return stream_.wr_buf(); }

  byte_buffer& rd_buf() override { return stream_.rd_buf(); }

  void flush() override {}

  void graceful_shutdown() override {
    caf::intrusive_ptr<scribe> guard{this};
    detach(&stream_.backend(), false);
  }

  void add_to_loop() override { stream_.activate(this); }

  void remove_from_loop() override { leave(operation::read); }

  std::string addr() const override { return "pipe"; }

  std::uint16_t port() const override { return 0; }

protected:
  // CAF drops a registration that is undone before it was carried out without
  // telling the stream, whose reference to this scribe (and so the descriptor)
  // would then live for ever.
  void leave(operation op) {
    caf::intrusive_ptr<scribe> guard{this};
    auto mask = op == operation::read ? caf::io::network::input_mask
                                      : caf::io::network::output_mask;
    stream_.backend().del(op, stream_.fd(), &stream_);
    if ((stream_.eventbf() & mask) == 0)
      stream_.removed_from_loop(op);
  }

  Stream stream_;

private:
  bool launched_ = false;
};

/// The reading end of a pipe.
class reader : public loop_scribe<caf::io::network::stream_impl<pipe_policy>> {
public:
  /// Small reads are cheap, because CAF clears the buffer before each; a
  /// worker that talks much gets the large one.
  static constexpr std::size_t small_read = 4096;
  static constexpr std::size_t large_read = 65536;

  reader(multiplexer& loop, unique_fd fd) : loop_scribe(loop, fd.release()) {}

  /// Begins to read, or goes on with another size after a message of `n` bytes.
  void adapt(std::size_t n);

  int fd() const { return stream_.fd(); }

private:
  std::size_t size_ = 0;
  int small_ones_ = 0;
};

/// The writing end of a pipe.
class writer : public loop_scribe<caf::io::network::stream_impl<pipe_policy>> {
public:
  writer(multiplexer& loop, unique_fd fd) : loop_scribe(loop, fd.release()) {
    ack_writes(true);
  }

  /// Writes `wr_buf()`: now, as far as the pipe takes it, and the rest from the
  /// loop. False: the other end is closed.
  bool write_now();

  /// Whether something is left to the loop.
  bool busy() const noexcept { return busy_; }

  /// To be called with what a data_transferred_msg says.
  void transferred(std::size_t remaining) { busy_ = remaining > 0; }

  /// Forgets what was not written and closes.
  void drop();

  int fd() const { return stream_.fd(); }

private:
  bool busy_ = false;
};

/// The stream of a pidfd, which somebody else owns.
class exit_stream : public caf::io::network::stream_impl<exit_policy> {
public:
  using stream_impl::stream_impl;

  ~exit_stream() override { fd_ = -1; }
};

/// Waits for the end of a process.
class exit_watch : public loop_scribe<exit_stream> {
public:
  exit_watch(multiplexer& loop, std::shared_ptr<const unique_fd> pidfd)
      : loop_scribe(loop, pidfd->get()), pidfd_(std::move(pidfd)) {}

private:
  std::shared_ptr<const unique_fd> pidfd_; // must outlive the loop's interest
};

} // namespace charmer::wire
