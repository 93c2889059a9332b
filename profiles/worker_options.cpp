#include "charmer/profiles/worker_options.hpp"

#include <nlohmann/json.hpp>

namespace charmer {

namespace {

using json = nlohmann::ordered_json;

// Only what differs from the defaults: a worker has the same ones.
json options_of(const pool_settings& x) {
  const pool_settings usual;
  auto result = json::object();
  if (x.safety != usual.safety)
    result["safety"] = x.safety;
  auto& telemetry = x.telemetry;
  if (telemetry.sample != usual.telemetry.sample)
    result["telemetry"]["sample"] = telemetry.sample;
  if (telemetry.allow != usual.telemetry.allow)
    result["telemetry"]["allow"] = telemetry.allow;
  if (telemetry.deny != usual.telemetry.deny)
    result["telemetry"]["deny"] = telemetry.deny;
  if (x.session_ttl == infinite)
    result["sessions"]["ttl"] = 1e12; // seconds; JSON knows no infinity
  else if (x.session_ttl != usual.session_ttl)
    result["sessions"]["ttl"] =
        std::chrono::duration<double>(x.session_ttl).count();
  if (x.max_sessions != usual.max_sessions)
    result["sessions"]["max"] = x.max_sessions;
  return result;
}

} // namespace

std::string worker_options(const pool_settings& x) {
  auto ours = options_of(x);
  if (ours.empty())
    return x.adapter_options;
  auto all = x.adapter_options.empty() ? json::object()
                                       : json::parse(x.adapter_options);
  all["charmer"].merge_patch(ours);
  return all.dump();
}

} // namespace charmer
