// private: What a worker's Hello says beside the adapter's own options.
//
// Threading: a function of its argument.
#pragma once

#include "charmer/profiles/settings.hpp"

#include <string>

namespace charmer {

/// The adapter's options with those of the worker itself, under the key
/// "charmer" (see python/charmer/options.py). What a user wrote there stays,
/// unless the settings say otherwise.
std::string worker_options(const pool_settings& x);

} // namespace charmer
