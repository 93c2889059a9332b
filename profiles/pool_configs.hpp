// Questions about settings, by the name of a pool. The names are Snakepit's
// (Config).
//
// Threading: pure functions.
//
// Errors: pool_errc::no_such_pool; the text names the pools that there are.
//
//   auto pool = charmer::get_pool_config(all, "compute");
//   if (charmer::is_thread_profile(all, "compute")) …
#pragma once

#include "charmer/profiles/settings.hpp"
#include "charmer/profiles/worker_profile.hpp"

#include <memory>
#include <string>
#include <vector>

namespace charmer {

/// Those of all pools that are started: none if pooling is not enabled.
std::vector<pool_settings> get_pool_configs(const settings& x);

caf::expected<pool_settings>
get_pool_config(const settings& x, const std::string& name = "default");

/// False also if there is no such pool.
bool is_thread_profile(const settings& x, const std::string& name = "default");

/// What runs the workers of a pool. Errors: also invalid_settings, if nobody
/// has registered its profile.
caf::expected<std::shared_ptr<worker_profile>>
get_profile(const settings& x, const std::string& name = "default");

} // namespace charmer
