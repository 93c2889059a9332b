#include "charmer/profiles/pool_configs.hpp"

#include "charmer/profiles/errors.hpp"

#include <algorithm>

namespace charmer {

namespace {

caf::error no_such_pool(const settings& x, const std::string& name) {
  std::string known;
  for (auto& pool : x.pools)
    known += (known.empty() ? "" : ", ") + pool.name;
  return make_error(pool_errc::no_such_pool,
                    "the settings have no pool \"" + name + "\"; there "
                        + (known.empty() ? "is none" : "are: " + known));
}

} // namespace

std::vector<pool_settings> get_pool_configs(const settings& x) {
  if (!x.pooling_enabled)
    return {};
  return x.pools;
}

caf::expected<pool_settings> get_pool_config(const settings& x,
                                             const std::string& name) {
  auto found = std::find_if(x.pools.begin(), x.pools.end(),
                            [&](auto& pool) { return pool.name == name; });
  if (found == x.pools.end())
    return no_such_pool(x, name);
  return *found;
}

bool is_thread_profile(const settings& x, const std::string& name) {
  auto pool = get_pool_config(x, name);
  return pool && pool->profile == "thread";
}

caf::expected<std::shared_ptr<worker_profile>>
get_profile(const settings& x, const std::string& name) {
  auto pool = get_pool_config(x, name);
  if (!pool)
    return std::move(pool.error());
  return find_profile(pool->profile);
}

} // namespace charmer
