// Cuts a stream of bytes into frames: four bytes of length, big-endian, then
// as many bytes.
//
// Survives any sequence of bytes, cut anywhere. A length is checked against the
// limit before anything is allocated for it. A frame that lies within one piece
// is handed on where it lies; one that spans pieces is collected in memory that
// was reserved once, so that the cost is linear in the bytes.
//
// Threading: a plain value.
//
//   frame_splitter in{64 << 20};
//   if (!in.feed(bytes, [&](std::string_view frame) { return handle(frame); }))
//     give_up(in.refused_length());
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace charmer::wire {

class frame_splitter {
public:
  /// Bytes of the length that stands before each frame.
  static constexpr std::size_t header_size = 4;

  explicit frame_splitter(std::uint64_t max_frame_bytes)
      : limit_(max_frame_bytes) {}

  /// Takes the next bytes and calls `f(std::string_view)` for each frame that
  /// they complete, in order; `f` returns false to stop.
  /// @returns false if a length was above the limit, now or earlier, or if `f`
  /// said stop: the stream cannot be understood from there on.
  template <class F>
  bool feed(std::string_view bytes, F&& f) {
    while (!broken_ && !bytes.empty()) {
      if (collecting_)
        collect(bytes, f);
      else if (header_bytes_ == 0 && bytes.size() >= header_size)
        take_whole(bytes, f);
      else
        collect_header(bytes, f);
    }
    return !broken_;
  }

  /// The length that was above the limit, 0 if there was none.
  std::uint64_t refused_length() const noexcept { return refused_; }

  /// Bytes of a frame that is not complete yet, its header included.
  std::size_t pending() const noexcept {
    return collecting_ ? header_size + partial_.size() : header_bytes_;
  }

  /// Bytes that the frame being collected still lacks.
  std::size_t missing() const noexcept {
    return collecting_ ? length_ - partial_.size() : 0;
  }

private:
  // More than this is given back after a frame, so that one large answer does
  // not cost its size for the rest of the worker's life.
  static constexpr std::size_t kept_capacity = std::size_t{1} << 20;

  static std::uint32_t length_at(const char* p) {
    auto at = [p](int i) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(p[i]));
    };
    return at(0) << 24 | at(1) << 16 | at(2) << 8 | at(3);
  }

  bool acceptable(std::uint32_t length) {
    if (length <= limit_)
      return true;
    refused_ = length;
    broken_ = true;
    return false;
  }

  template <class F>
  void take_whole(std::string_view& bytes, F& f) {
    auto length = length_at(bytes.data());
    if (!acceptable(length))
      return;
    bytes.remove_prefix(header_size);
    if (bytes.size() < length) {
      begin(length);
      return;
    }
    auto frame = bytes.substr(0, length);
    bytes.remove_prefix(length);
    broken_ = !f(frame);
  }

  template <class F>
  void collect_header(std::string_view& bytes, F& f) {
    auto n = std::min(header_size - header_bytes_, bytes.size());
    std::copy_n(bytes.data(), n, header_.data() + header_bytes_);
    header_bytes_ += n;
    bytes.remove_prefix(n);
    if (header_bytes_ < header_size)
      return;
    header_bytes_ = 0;
    auto length = length_at(header_.data());
    if (!acceptable(length))
      return;
    begin(length);
    collect(bytes, f); // a frame of length 0 is complete already
  }

  template <class F>
  void collect(std::string_view& bytes, F& f) {
    auto n = std::min(missing(), bytes.size());
    partial_.append(bytes.substr(0, n));
    bytes.remove_prefix(n);
    if (missing() > 0)
      return;
    broken_ = !f(std::string_view{partial_});
    collecting_ = false;
    partial_.clear();
    if (partial_.capacity() > kept_capacity)
      partial_ = std::string{};
  }

  void begin(std::uint32_t length) {
    partial_.reserve(length);
    length_ = length;
    collecting_ = true;
  }

  std::uint64_t limit_;
  std::array<char, header_size> header_{};
  std::size_t header_bytes_ = 0;
  std::string partial_;
  std::size_t length_ = 0;
  std::uint64_t refused_ = 0;
  bool collecting_ = false;
  bool broken_ = false;
};

} // namespace charmer::wire
