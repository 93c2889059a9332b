// private: the JSON text of settings, parsed, with what is wrong in the text.
//
// Threading: pure functions.
#pragma once

#include "charmer/profiles/settings_values.hpp"

#include <string>
#include <vector>

namespace charmer::settings_fields {

/// @param mistakes gets each key that is written twice in one object; which of
/// its values is taken is not said.
/// @returns the JSON, or pool_errc::invalid_settings with line and column.
caf::expected<json> parse_json(const std::string& text,
                               std::vector<settings_error>& mistakes);

} // namespace charmer::settings_fields
