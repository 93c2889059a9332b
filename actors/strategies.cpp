#include "charmer/actors/strategies.hpp"

#include <map>
#include <mutex>

namespace charmer {

namespace {

struct registry {
  std::mutex mutex;
  std::map<std::uint64_t, strategy_function> functions;
};

registry& all() {
  static registry instance;
  return instance;
}

} // namespace

void register_strategy(const std::string& name, strategy_function f) {
  if (!f) {
    unregister_strategy(name);
    return;
  }
  auto& known = all();
  std::lock_guard guard{known.mutex};
  known.functions[custom_worker(name).value] = std::move(f);
}

bool unregister_strategy(const std::string& name) {
  auto& known = all();
  std::lock_guard guard{known.mutex};
  return known.functions.erase(custom_worker(name).value) != 0;
}

strategy_function find_strategy(std::uint64_t hash) {
  auto& known = all();
  std::lock_guard guard{known.mutex};
  auto i = known.functions.find(hash);
  return i != known.functions.end() ? i->second : nullptr;
}

} // namespace charmer
