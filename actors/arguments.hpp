// The arguments of a command, written down in C++.
//
// An object becomes the keywords of the Python function, an array its
// positional arguments, anything else its only one. Numbers keep their kind; a
// NaN or an infinity is refused with std::invalid_argument.
//
// Threading: plain values.
//
//   call(self, pool, "add", {{"a", 5}, {"b", 3}});
//   call(self, pool, "add", arguments::positional({5, 3}));
//   call(self, pool, "parse", payload::raw(bytes));
#pragma once

#include "charmer/wire/payload.hpp"

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json_fwd.hpp>

namespace charmer {

/// One value as JSON text.
class value {
public:
  value(std::nullptr_t) : text_("null") {}
  value(bool x) : text_(x ? "true" : "false") {}
  value(double x);
  value(const char* x) : value(std::string_view{x}) {}
  value(std::string_view x);
  value(const std::string& x) : value(std::string_view{x}) {}
  value(const nlohmann::json& x);

  template <std::integral T>
  value(T x) : text_(std::to_string(x)) {}

  const std::string& text() const noexcept { return text_; }

private:
  std::string text_;
};

class arguments {
public:
  /// None.
  arguments() : content_(payload::json("{}")) {}

  /// By name.
  arguments(std::initializer_list<std::pair<std::string_view, value>> xs);

  arguments(const nlohmann::json& x);

  /// JSON text, a message or bytes, as they are.
  arguments(payload x) : content_(std::move(x)) {}

  static arguments positional(std::initializer_list<value> xs);

  payload take() && { return std::move(content_); }

private:
  payload content_;
};

} // namespace charmer
