// Texts of others on a line of one's own.
//
// Threading: pure.
#pragma once

#include <string>
#include <string_view>

namespace charmer {

/// The text without anything that could end the line or change what stands
/// before it: control characters but tabs are written as \n or \x1b.
std::string on_one_line(std::string_view text);

} // namespace charmer
