// An error that waits a moment on its way to the caller, so that somebody can
// add to it what he knows.
//
// It is sent by whoever lets go of it last: so it comes, whatever becomes of
// those who have it, also if it lies in the mailbox of an actor that ends.
//
// Threading: any one thread at a time.
//
//   auto late = std::make_shared<late_error>(send, code, what);
//   …
//   late->add_traceback(text);   // or not
//   late = nullptr;              // now it is sent
#pragma once

#include "charmer/profiles/errors.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace charmer {

class late_error {
public:
  using sender = std::function<void(caf::error)>;

  late_error(sender send, pool_errc code, failure what)
      : send_(std::move(send)), code_(code), what_(std::move(what)) {}

  late_error(const late_error&) = delete;
  late_error& operator=(const late_error&) = delete;

  ~late_error() { send_(make_error(code_, std::move(what_))); }

  void add_text(std::string_view text) { what_.text += text; }

  void add_traceback(std::string text) { what_.traceback = std::move(text); }

private:
  const sender send_;
  const pool_errc code_;
  failure what_;
};

using late_error_ptr = std::shared_ptr<late_error>;

} // namespace charmer
