// A value on its way between C++ and Python.
//
// One of three kinds: JSON text, a Protobuf message by type name, or raw bytes.
// JSON numbers keep their kind (an int stays an int); NaN and infinities are no
// JSON and are refused. The bytes are carried as they are: nothing between the
// two ends parses them.
//
// Threading: a plain value.
//
//   charmer::payload a = charmer::payload::json(R"({"a": 5})");
//   charmer::payload b = charmer::payload::message(my_proto);
//   charmer::payload c = charmer::payload::raw(bytes);
#pragma once

#include "charmer/supervision/caf.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace charmer {

struct payload {
  enum class kind : std::uint8_t { json, message, raw };

  kind is = kind::json;
  std::string type; ///< of a message: its full Protobuf name
  std::string data;

  /// JSON text; not parsed here.
  static payload json(std::string text) {
    return {kind::json, {}, std::move(text)};
  }

  /// A Protobuf message, of any generated class.
  template <class Message>
  static payload message(const Message& x) {
    return {kind::message, x.GetTypeName(), x.SerializeAsString()};
  }

  /// Bytes as they are.
  static payload raw(std::string bytes) {
    return {kind::raw, {}, std::move(bytes)};
  }

  friend bool operator==(const payload&, const payload&) = default;
};

template <class Inspector>
inspected<Inspector> inspect(Inspector& f, payload& x) {
  return inspect_fields(f, x, "charmer::payload", x.is, x.type, x.data);
}

} // namespace charmer
