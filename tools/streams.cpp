#include "charmer/tools/streams.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace charmer::tools {

namespace {

constexpr std::size_t chunk_size = 256u << 10;

std::string because(const char* what, const std::string& name) {
  return std::string{what} + ' ' + name + ": " + std::strerror(errno);
}

} // namespace

// -- input_stream -------------------------------------------------------------

input_stream::input_stream(const std::string& path)
    : name_(path.empty() ? "standard input" : path) {
  if (path.empty())
    fd_ = STDIN_FILENO;
  else
    owned_ = wire::unique_fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (owned_)
    fd_ = owned_.get();
  struct stat about {};
  if (fd_ < 0 || fstat(fd_, &about) != 0) {
    error_ = because("cannot read", name_);
    return;
  }
  auto here = S_ISREG(about.st_mode) ? lseek(fd_, 0, SEEK_CUR) : -1;
  if (here >= 0)
    size_ =
        static_cast<std::uint64_t>(std::max<off_t>(about.st_size - here, 0));
}

const std::string& input_stream::read() {
  chunk_.resize(chunk_size);
  auto n = ::read(fd_, chunk_.data(), chunk_.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    chunk_.clear();
    return chunk_;
  }
  if (n < 0)
    error_ = because("cannot read", name_);
  ended_ = n <= 0;
  chunk_.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  return chunk_;
}

std::string input_stream::read_all() {
  std::string result;
  while (!ended_)
    result += read();
  return result;
}

// -- output_stream ------------------------------------------------------------

bool input_stream::is(const std::string& path) const {
  struct stat mine {};
  struct stat other {};
  return fstat(fd_, &mine) == 0 && ::stat(path.c_str(), &other) == 0
         && S_ISREG(mine.st_mode) && mine.st_dev == other.st_dev
         && mine.st_ino == other.st_ino;
}

output_stream::output_stream(const std::string& path)
    : name_(path.empty() ? "standard output" : path) {
  if (path.empty())
    fd_ = STDOUT_FILENO;
  else
    owned_ = wire::unique_fd{
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
  if (owned_)
    fd_ = owned_.get();
  struct stat about {};
  if (fd_ < 0 || fstat(fd_, &about) != 0)
    error_ = because("cannot write", name_);
  regular_ = S_ISREG(about.st_mode);
}

void output_stream::write_some() {
  // A pipe that can be written to takes at least PIPE_BUF bytes.
  write(regular_ ? buffer_.size() : PIPE_BUF);
}

void output_stream::write_all() {
  while (!empty() && error_.empty() && !closed_)
    write(buffer_.size());
}

void output_stream::write(std::size_t most) {
  auto size = std::min(most, buffer_.size() - written_);
  auto n = ::write(fd_, buffer_.data() + written_, size);
  if (n >= 0) {
    written_ += static_cast<std::size_t>(n);
  } else if (errno == EPIPE) {
    closed_ = true;
  } else if (errno != EAGAIN && errno != EINTR) {
    error_ = because("cannot write", name_);
  }
  if (empty() || written_ > chunk_size) {
    buffer_.erase(0, written_);
    written_ = 0;
  }
}

} // namespace charmer::tools
