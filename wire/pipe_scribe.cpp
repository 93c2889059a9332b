#include "charmer/wire/pipe_scribe.hpp"

#include <cerrno>

#include <poll.h>
#include <unistd.h>

namespace charmer::wire {

namespace {

using state = caf::io::network::rw_state;

// How much one worker may say before the others are heard: 256 KiB.
constexpr int reads_in_a_row = 4;

bool worth_waiting(int error) {
  return error == EAGAIN || error == EINTR;
}

} // namespace

state pipe_policy::read_some(std::size_t& n, int fd, void* to,
                             std::size_t size) {
  n = 0;
  // A pipe that gave less than was asked for is empty: asking again would cost
  // a system call per answer. The loop tells when there is more.
  if (reads_ < 0 || reads_ == reads_in_a_row) {
    reads_ = 0;
    return state::success;
  }
  auto result = ::read(fd, to, size);
  if (result > 0) {
    n = static_cast<std::size_t>(result);
    reads_ = n < size ? -1 : reads_ + 1;
    return state::success;
  }
  reads_ = 0;
  return result < 0 && worth_waiting(errno) ? state::success : state::failure;
}

state pipe_policy::write_some(std::size_t& n, int fd, const void* from,
                              std::size_t size) {
  auto result = ::write(fd, from, size);
  n = result > 0 ? static_cast<std::size_t>(result) : 0;
  return result >= 0 || worth_waiting(errno) ? state::success : state::failure;
}

state exit_policy::read_some(std::size_t& n, int fd, void* to,
                             std::size_t size) {
  n = 0;
  pollfd waiting{fd, POLLIN, 0};
  if (told_ || size == 0 || ::poll(&waiting, 1, 0) != 1)
    return state::success;
  told_ = true;
  *static_cast<char*>(to) = 1;
  n = 1;
  return state::success;
}

void reader::adapt(std::size_t n) {
  constexpr int patience = 16;
  auto before = size_;
  small_ones_ = n < small_read ? small_ones_ + 1 : 0;
  if (size_ == 0 || small_ones_ > patience)
    size_ = small_read;
  else if (n == small_read)
    size_ = large_read;
  if (size_ != before)
    configure_read(caf::io::receive_policy::at_most(size_));
}

bool writer::write_now() {
  auto& bytes = wr_buf();
  if (busy_ || bytes.empty())
    return true;
  std::size_t n = 0;
  if (pipe_policy::write_some(n, fd(), bytes.data(), bytes.size())
      == state::failure)
    return false;
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
  if (!bytes.empty()) {
    busy_ = true;
    stream_.flush(this);
  }
  return true;
}

void writer::drop() {
  caf::intrusive_ptr<scribe> guard{this};
  wr_buf().clear();
  leave(operation::write);
  graceful_shutdown();
}

} // namespace charmer::wire
