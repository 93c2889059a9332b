#include "charmer/actors/task.hpp"

#include "charmer/profiles/native_profile.hpp"

#include <exception>

namespace charmer {

namespace {

constexpr auto adapter = "charmer.tasks";

caf::error failed(const char* text) {
  return make_error(task_failed, failure{.text = text, .begun = true});
}

caf::behavior task_worker(caf::event_based_actor*) {
  return {
      [=](task& x) -> caf::result<void> {
        try {
          x.run();
          return caf::unit;
        } catch (const std::exception& e) {
          return failed(e.what());
        } catch (...) {
          return failed("the task threw what is no std::exception");
        }
      },
  };
}

pool_settings pool_of_tasks(std::string name, std::uint32_t size,
                            timespan limit) {
  pool_settings result;
  result.name = std::move(name);
  result.profile = "native";
  result.adapter = adapter;
  result.size = size;
  result.request_timeout = limit;
  result.breaker.enabled = true;
  return result;
}

} // namespace

pool_settings task_pool(std::string name) {
  return pool_of_tasks(std::move(name), 10, std::chrono::seconds(30));
}

pool_settings async_pool(std::string name) {
  return pool_of_tasks(std::move(name), 100, std::chrono::seconds(30));
}

pool_settings stream_pool(std::string name) {
  return pool_of_tasks(std::move(name), 50, std::chrono::minutes(5));
}

pool_settings native_pool(std::string name) {
  auto result = pool_of_tasks(std::move(name), 100, std::chrono::seconds(5));
  result.breaker.enabled = false;
  return result;
}

void register_tasks() {
  register_native(adapter, [](caf::actor_system& sys) {
    return sys.spawn<caf::detached>(task_worker);
  });
}

} // namespace charmer
