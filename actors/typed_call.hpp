// Calls whose arguments and results are messages of a .proto that C++ and
// Python share. No header of Protobuf is needed here.
//
//   // shop.proto:  message Order { … }  message Receipt { … }
//   charmer::call<Receipt>(self, pool, "buy", order)
//     .then([](Receipt& x) { … }, [](const caf::error& e) { … });
//
//   @charmer.command
//   def buy(order: Order) -> Receipt: …      # imports shop_pb2
//
// Errors: those of `call`; bad_payload if the command answered something else.
#pragma once

#include "charmer/actors/call.hpp"

#include <concepts>
#include <string>
#include <utility>

namespace charmer {

/// A generated class of Protobuf, or whatever else looks like one.
template <class T>
concept protobuf_message = std::default_initializable<T> && requires(
    T& x, const T& y, std::string& text) {
  { x.ParseFromString(text) } -> std::convertible_to<bool>;
  { y.SerializeAsString() } -> std::convertible_to<std::string>;
  { y.GetTypeName() } -> std::convertible_to<std::string>;
};

/// The message in a payload, of a reply or a chunk; bad_payload if it holds
/// something else.
template <protobuf_message Message>
caf::expected<Message> message_in(const payload& x) {
  Message result;
  auto type = std::string{result.GetTypeName()};
  if (x.is == payload::kind::message && x.type == type
      && result.ParseFromString(x.data))
    return result;
  auto found = x.is == payload::kind::json  ? std::string{"JSON"}
               : x.is == payload::kind::raw ? std::string{"bytes"}
                                            : x.type;
  return make_error(pool_errc::bad_payload,
                    "expected a " + type + ", not " + found);
}

/// As pending_call, with a reply of this type.
template <protobuf_message Reply, class Response>
class typed_pending_call {
public:
  explicit typed_pending_call(pending_call<Response> call)
      : call_(std::move(call)) {
    // nop
  }

  /// Event-based actors. `on_reply(Reply&)`.
  template <class F, class G>
  void then(F on_reply, G on_error) {
    call_.then(reading(std::move(on_reply), on_error), on_error);
  }

  /// Blocking actors.
  template <class F, class G>
  void receive(F on_reply, G on_error) {
    call_.receive(reading(std::move(on_reply), on_error), on_error);
  }

  void cancel() const { call_.cancel(); }

  const call_id& id() const noexcept { return call_.id(); }

private:
  template <class F, class G>
  static auto reading(F f, G g) {
    return [f = std::move(f), g = std::move(g)](const reply& x) mutable {
      if (auto message = message_in<Reply>(x.value))
        f(*message);
      else
        g(message.error());
    };
  }

  pending_call<Response> call_;
};

namespace detail {

template <class Reply, class Response>
auto with_reply(pending_call<Response> x) {
  return typed_pending_call<Reply, Response>{std::move(x)};
}

} // namespace detail

/// Calls a command with a message, and takes a message as its result.
template <protobuf_message Reply, class Self, protobuf_message Request>
auto call(Self* self, const pool_handle& pool, std::string command,
          const Request& request, call_options options = {}) {
  return detail::with_reply<Reply>(
      charmer::call(self, pool, std::move(command),
                    arguments{payload::message(request)}, std::move(options)));
}

template <protobuf_message Reply, protobuf_message Request>
auto call(caf::scoped_actor& self, const pool_handle& pool, std::string command,
          const Request& request, call_options options = {}) {
  return call<Reply>(self.ptr(), pool, std::move(command), request,
                     std::move(options));
}

} // namespace charmer
