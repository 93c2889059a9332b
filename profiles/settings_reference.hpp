// The table of all settings for people: key, default, what is allowed. It is
// made of the same table as the reader, the writer and the checks
// (settings_fields.hpp), so that it cannot be wrong; profiles/SETTINGS.md is
// this text.
//
// Threading: a pure function.
#pragma once

#include <string>

namespace charmer {

/// In Markdown.
std::string settings_reference();

} // namespace charmer
