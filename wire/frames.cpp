#include "charmer/wire/frames.hpp"

#include <string>

namespace charmer::wire {

namespace {

// Tags of Protobuf: field number and wire type.
constexpr char varint_tag(int field) {
  return static_cast<char>(field << 3);
}
constexpr char bytes_tag(int field) {
  return static_cast<char>(field << 3 | 2);
}

std::uint64_t varint_size(std::uint64_t x) {
  std::uint64_t n = 1;
  for (; x >= 0x80; x >>= 7)
    ++n;
  return n;
}

void append_varint(byte_buffer& out, std::uint64_t x) {
  for (; x >= 0x80; x >>= 7)
    append(out, static_cast<char>(x | 0x80));
  append(out, static_cast<char>(x));
}

// Size of a field of bytes, tag included; every tag used here is one byte.
std::uint64_t field_size(std::uint64_t length) {
  return 1 + varint_size(length) + length;
}

void append_head(byte_buffer& out, int field, std::uint64_t length) {
  append(out, bytes_tag(field));
  append_varint(out, length);
}

void append_bytes(byte_buffer& out, int field, std::string_view bytes) {
  append_head(out, field, bytes.size());
  append(out, bytes);
}

void append_length(byte_buffer& out, std::uint64_t length) {
  for (int shift : {24, 16, 8, 0})
    append(out, static_cast<char>(length >> shift));
}

struct payload_sizes {
  std::uint64_t typed = 0; // TypedMessage
  std::uint64_t payload = 0;
};

payload_sizes measure(const payload& x) {
  payload_sizes n;
  auto data = field_size(x.data.size());
  if (x.is == payload::kind::message) {
    n.typed = field_size(x.type.size()) + data;
    n.payload = field_size(n.typed);
  } else {
    n.payload = data;
  }
  return n;
}

// All of it but the bytes of its data.
void append_payload_head(byte_buffer& out, int field, const payload& x) {
  auto n = measure(x);
  append_head(out, field, n.payload);
  switch (x.is) {
    case payload::kind::json:
      append_head(out, Payload::kJsonFieldNumber, x.data.size());
      break;
    case payload::kind::message:
      append_head(out, Payload::kMessageFieldNumber, n.typed);
      append_bytes(out, TypedMessage::kTypeFieldNumber, x.type);
      append_head(out, TypedMessage::kValueFieldNumber, x.data.size());
      break;
    case payload::kind::raw:
    default: // of no kind at all: the frame is to be whole, and it is bytes
      append_head(out, Payload::kRawFieldNumber, x.data.size());
      break;
  }
}

struct call_sizes : payload_sizes {
  std::uint64_t call = 0;
};

call_sizes measure(const call_parts& x) {
  call_sizes n{measure(x.arguments)};
  n.call = 1 + varint_size(x.id) + field_size(x.command.size())
           + field_size(n.payload);
  if (x.timeout_ns != 0)
    n.call += 1 + varint_size(x.timeout_ns);
  if (!x.correlation.empty())
    n.call += field_size(x.correlation.size());
  if (x.credit != 0)
    n.call += 2 + 1 + varint_size(x.credit);
  if (!x.session.empty())
    n.call += field_size(x.session.size());
  return n;
}

std::uint64_t measure_reply(std::uint64_t number, const payload& value) {
  return 1 + varint_size(number) + field_size(measure(value).payload);
}

} // namespace

void append_frame(byte_buffer& out, const Frame& frame) {
  auto length = frame.ByteSizeLong();
  append_length(out, length);
  auto at = out.size();
  out.resize(at + length);
  frame.SerializeWithCachedSizesToArray(
      reinterpret_cast<std::uint8_t*>(out.data() + at));
}

std::uint64_t call_size(const call_parts& x) {
  return field_size(measure(x).call);
}

void append_call_head(byte_buffer& out, const call_parts& x) {
  auto n = measure(x);
  append_length(out, field_size(n.call));
  append_head(out, Frame::kCallFieldNumber, n.call);
  append(out, varint_tag(Call::kIdFieldNumber));
  append_varint(out, x.id);
  append_bytes(out, Call::kCommandFieldNumber, x.command);
  if (x.timeout_ns != 0) {
    append(out, varint_tag(Call::kTimeoutNsFieldNumber));
    append_varint(out, x.timeout_ns);
  }
  if (!x.correlation.empty())
    append_bytes(out, Call::kCorrelationFieldNumber, x.correlation);
  if (x.credit != 0) {
    append(out, varint_tag(Call::kStreamFieldNumber));
    append_varint(out, 1);
    append(out, varint_tag(Call::kCreditFieldNumber));
    append_varint(out, x.credit);
  }
  if (!x.session.empty())
    append_bytes(out, Call::kSessionFieldNumber, x.session);
  append_payload_head(out, Call::kArgumentsFieldNumber, x.arguments);
}

std::uint64_t reply_size(std::uint64_t number, const payload& value) {
  return field_size(measure_reply(number, value));
}

void append_reply_head(byte_buffer& out, std::uint64_t number,
                       const payload& value) {
  auto n = measure_reply(number, value);
  append_length(out, field_size(n));
  append_head(out, Frame::kHostReplyFieldNumber, n);
  append(out, varint_tag(HostReply::kIdFieldNumber));
  append_varint(out, number);
  append_payload_head(out, HostReply::kValueFieldNumber, value);
}

payload take(Payload& x) {
  switch (x.kind_case()) {
    case Payload::kMessage:
      return {payload::kind::message,
              std::move(*x.mutable_message()->mutable_type()),
              std::move(*x.mutable_message()->mutable_value())};
    case Payload::kRaw:
      return payload::raw(std::move(*x.mutable_raw()));
    default:
      return payload::json(std::move(*x.mutable_json()));
  }
}

} // namespace charmer::wire
