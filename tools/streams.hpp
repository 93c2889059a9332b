// The input and the output of a subcommand: descriptors that are used only when
// poll() says so, so that a signal is never missed behind a slow pipe.
//
// Threading: used by the main thread. Errors: texts that name the file.
#pragma once

#include "charmer/wire/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace charmer::tools {

class input_stream {
public:
  /// @param path empty: stdin
  explicit input_stream(const std::string& path);

  /// Why it could not be opened or read; empty: all is well.
  const std::string& error() const noexcept { return error_; }

  int fd() const noexcept { return fd_; }

  bool ended() const noexcept { return ended_; }

  /// Whether it is the regular file of that path.
  bool is(const std::string& path) const;

  /// If it is a regular file: how much there is to read.
  std::optional<std::uint64_t> size() const noexcept { return size_; }

  /// Reads what there is; empty at the end and after an error.
  const std::string& read();

  /// Reads to the end. Blocks.
  std::string read_all();

private:
  std::string name_;
  wire::unique_fd owned_;
  int fd_ = -1;
  std::optional<std::uint64_t> size_;
  std::string chunk_;
  std::string error_;
  bool ended_ = false;
};

class output_stream {
public:
  /// @param path empty: stdout
  explicit output_stream(const std::string& path);

  /// Why it could not be opened or written; empty: all is well.
  const std::string& error() const noexcept { return error_; }

  /// Whoever read it is gone (EPIPE).
  bool closed() const noexcept { return closed_; }

  int fd() const noexcept { return fd_; }

  /// What is yet to be written; append to it.
  std::string& buffer() noexcept { return buffer_; }

  bool empty() const noexcept { return written_ == buffer_.size(); }

  /// Writes as much as does not block. REQUIRES: poll() said that it can.
  void write_some();

  /// Writes all of it. Blocks.
  void write_all();

private:
  void write(std::size_t most);

  std::string name_;
  wire::unique_fd owned_;
  int fd_ = -1;
  bool regular_ = false;
  std::string buffer_;
  std::size_t written_ = 0;
  std::string error_;
  bool closed_ = false;
};

} // namespace charmer::tools
