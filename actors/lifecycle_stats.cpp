#include "charmer/actors/lifecycle_stats.hpp"

#include <nlohmann/json.hpp>

namespace charmer {

namespace {

nlohmann::ordered_json json_of(const lifecycle_counts& x) {
  return {{"workers", x.workers},   {"requests", x.requests},
          {"near_ttl", x.near_ttl}, {"near_max_requests", x.near_max_requests},
          {"delayed", x.delayed},   {"recycled", x.recycled}};
}

} // namespace

lifecycle_counts& lifecycle_counts::operator+=(const lifecycle_counts& x) {
  workers += x.workers;
  requests += x.requests;
  near_ttl += x.near_ttl;
  near_max_requests += x.near_max_requests;
  delayed += x.delayed;
  for (auto& [reason, count] : x.recycled)
    recycled[reason] += count;
  return *this;
}

std::string to_json(const lifecycle_stats& x) {
  auto result = json_of(x.total);
  result["pools"] = nlohmann::ordered_json::object();
  for (auto& [name, counts] : x.pools)
    result["pools"][name] = json_of(counts);
  return result.dump();
}

} // namespace charmer
