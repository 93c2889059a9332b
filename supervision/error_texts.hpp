// What describe_reason, and with it every event, says of errors whose codes
// other rooms have defined.
//
// Threading: thread-safe.
//
//   const bool is_known = describe_errors_of<pool_errc>(one_line);
#pragma once

#include "charmer/supervision/caf.hpp"

#include <string>

namespace charmer {

/// An error of that category on one line.
using error_text = std::string (*)(const caf::error& x);

namespace detail {

bool describe_category(const std::string& category, error_text f);

} // namespace detail

/// From now on errors with such codes are described by `f`, in place of what
/// was said before. False: something was.
template <class Codes>
bool describe_errors_of(error_text f) {
  return detail::describe_category(category_name(caf::error{Codes{1}}), f);
}

} // namespace charmer
