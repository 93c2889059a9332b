// What `charmer doctor` finds out about a pool, as plain values.
//
// Threading: diagnose blocks for as long as the pool's interpreter takes to
// answer and to import the adapter, at most for `limit`; the rest are pure
// functions.
//
//   auto x = diagnose(pool, 60s);
//   std::cout << to_text(x);
#pragma once

#include "charmer/profiles/settings.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace charmer::tools {

/// What a finding asks of its reader.
enum class urgency : std::uint8_t {
  fine,    ///< nothing
  advice,  ///< to think about it: the pool works, perhaps not as wanted
  trouble, ///< to do something: the pool cannot work like this
};

struct finding {
  urgency is = urgency::fine;
  std::string about; ///< "python", "gil", "protobuf", "adapter", "library"
  std::string text;
  std::string remedy; ///< what to do; empty if there is nothing to do
};

struct diagnosis {
  std::string pool;
  std::string profile;
  std::string adapter;
  std::uint32_t size = 0;
  std::vector<finding> findings;

  /// Whether something must be done.
  bool in_trouble() const;
};

/// Asks the interpreter of the pool; starts no worker.
diagnosis diagnose(const pool_settings& pool, timespan limit);

/// A heading, and a line or a few for each finding.
std::string to_text(const diagnosis& x);

nlohmann::json to_json(const diagnosis& x);

} // namespace charmer::tools
