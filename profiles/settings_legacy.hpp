// private: settings as Snakepit writes them, turned into those of today.
//
// Snakepit has a form without "pools": adapter_module, pool_size, pool_config …
// at the top make one pool, the default one. And its names for the fields of a
// pool (worker_profile, pool_size, worker_ttl …) are understood wherever a pool
// is described. A time-out under one of these names may be a bare number, of
// milliseconds, as it is there.
//
// Threading: pure functions.
#pragma once

#include "charmer/profiles/settings_values.hpp"

#include <map>
#include <string>
#include <vector>

namespace charmer::settings_fields {

/// Settings in the form of today.
struct modern_settings {
  json file;
  std::vector<settings_error> mistakes;
  std::vector<std::string> notes; ///< what is accepted and not needed

  /// Where something stands in the file as it was written: "pool_size" for
  /// "pools[0].size".
  std::string place_in_file(const std::string& place) const;

  /// From places of today to those in the file, where they differ.
  std::map<std::string, std::string> places;
  /// The file has the form without "pools".
  bool without_pools = false;
};

modern_settings modernized(json file);

/// Keys of Snakepit's at the top of a file, and in a pool.
std::vector<std::string> legacy_keys_of_file();
std::vector<std::string> legacy_keys_of_pool();

} // namespace charmer::settings_fields
