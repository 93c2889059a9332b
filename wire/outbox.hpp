// Frames that wait for a pipe to take them.
//
// Small frames are copied together, so that many leave in one write. Large
// bodies stay where they are, held by their message, and are copied out piece
// by piece: the event loop is shared by all workers, and one that copies
// 256 MiB at once stalls the others for a third of a second.
//
// Threading: a plain value.
//
//   append_frame(out.tail(), hello);
//   out.append_body(arguments.data, message);
//   out.fill(writer.wr_buf());
#pragma once

#include "charmer/supervision/caf.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <string_view>

namespace charmer::wire {

class outbox {
public:
  /// What lies in the buffer of a pipe at any time.
  static constexpr std::size_t buffer_limit = std::size_t{256} << 10;

  /// A body from this size on is not copied into the tail.
  static constexpr std::size_t large_body = std::size_t{32} << 10;

  /// Where small frames are appended.
  byte_buffer& tail();

  /// Appends bytes that `owner` keeps alive until they have been taken.
  void append_body(std::string_view bytes, std::shared_ptr<const void> owner);

  bool empty() const noexcept { return pieces_.empty(); }

  /// Bytes that wait.
  std::size_t size() const;

  /// Moves what waits to the end of `buffer`, until that holds `buffer_limit`.
  void fill(byte_buffer& buffer);

  /// Forgets everything.
  void clear() { pieces_.clear(); }

private:
  struct piece {
    byte_buffer small;                   // or:
    std::shared_ptr<const void> owner{}; // of `large`
    std::string_view large{};
    std::size_t taken = 0;

    std::string_view rest() const {
      auto all = owner ? large : characters(small);
      return all.substr(taken);
    }
  };

  std::deque<piece> pieces_;
};

} // namespace charmer::wire
