// Whether a text is JSON, and if not, where it stops being so.
//
// Texts are checked, not parsed: their bytes go to Python as they came.
//
// Threading: pure functions.
//
//   if (auto fault = find_json_fault(line))
//     std::cerr << "column " << fault->column << ": " << fault->text;
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace charmer::tools {

struct json_fault {
  std::size_t line = 1;   ///< within the text, from 1
  std::size_t column = 1; ///< in characters, from 1
  std::string text;       ///< what is wrong
};

/// Nothing if the text is exactly one JSON value.
std::optional<json_fault> find_json_fault(std::string_view text);

} // namespace charmer::tools
