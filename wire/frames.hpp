// private: Frames as bytes, the host's side.
//
// Frames are appended to a buffer, length first, so that many of them leave in
// one write. The frames of a call and of an answer to a worker's question are
// laid out by hand: all but the bytes of their payload, which come last, so
// that what is large need not be copied into the buffer at all (Protobuf leaves
// the order of fields free).
//
// Threading: functions of their arguments.
#pragma once

#include "charmer/supervision/caf.hpp"
#include "charmer/wire/frames.pb.h"
#include "charmer/wire/payload.hpp"

#include <cstdint>
#include <string_view>

namespace charmer::wire {

/// The version of the schema that this side speaks. Raised when a peer of the
/// old version could not work; new fields and frames alone do not raise it.
inline constexpr std::uint32_t protocol_version = 1;

/// Appends a frame, its length first.
void append_frame(byte_buffer& out, const Frame& frame);

/// One request on its way to a worker.
struct call_parts {
  std::uint64_t id = 0;
  std::string_view command;
  const payload& arguments;
  std::uint64_t timeout_ns = 0;
  std::string_view correlation;
  std::string_view session;
  /// Of a stream: chunks that may be sent at first. 0: no stream is wanted.
  std::uint32_t credit = 0;
};

/// Bytes of the call's frame, without the length before it.
std::uint64_t call_size(const call_parts& x);

/// Appends the call's frame, its length first, up to `arguments.data`; these
/// bytes must follow. REQUIRES: call_size(x) fits in 32 bits.
void append_call_head(byte_buffer& out, const call_parts& x);

/// The same of the answer to a worker's question.
std::uint64_t reply_size(std::uint64_t number, const payload& value);
void append_reply_head(byte_buffer& out, std::uint64_t number,
                       const payload& value);

/// Takes a payload out of a message.
payload take(Payload& x);

} // namespace charmer::wire
