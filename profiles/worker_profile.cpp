#include "charmer/profiles/worker_profile.hpp"

#include "charmer/profiles/native_profile.hpp"
#include "charmer/profiles/process_profile.hpp"

#include <map>
#include <mutex>

namespace charmer {

namespace {

struct registry {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<worker_profile>> profiles{
      {"native", std::make_shared<native_profile>()},
      {"process", std::make_shared<process_profile>()},
      {"thread", std::make_shared<process_profile>()},
  };
};

registry& all() {
  static registry instance;
  return instance;
}

} // namespace

caf::expected<std::shared_ptr<worker_profile>>
find_profile(const std::string& name) {
  auto& known = all();
  std::lock_guard guard{known.mutex};
  if (auto i = known.profiles.find(name); i != known.profiles.end())
    return i->second;
  std::string names;
  for (auto& [other, ignored] : known.profiles)
    names += (names.empty() ? "" : ", ") + other;
  return make_error(pool_errc::invalid_settings,
                    "no profile is named \"" + name + "\"; there are " + names);
}

std::vector<std::string> profile_names() {
  auto& known = all();
  std::lock_guard guard{known.mutex};
  std::vector<std::string> result;
  for (auto& [name, ignored] : known.profiles)
    result.push_back(name);
  return result;
}

void register_profile(const std::string& name,
                      std::shared_ptr<worker_profile> profile) {
  auto& known = all();
  std::lock_guard guard{known.mutex};
  known.profiles[name] = std::move(profile);
}

} // namespace charmer
