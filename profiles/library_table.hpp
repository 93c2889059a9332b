// private: python/charmer/library_compatibility.json, compiled in, so that no
// file need be found. The build makes the source of it.
//
// Threading: a constant.
#pragma once

#include <string_view>

namespace charmer::compatibility {

extern const std::string_view library_table;

} // namespace charmer::compatibility
