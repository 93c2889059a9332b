#include "charmer/actors/callbacks.hpp"

#include <chrono>
#include <iostream>
#include <sstream>
#include <utility>

#include <nlohmann/json.hpp>

namespace charmer {

namespace {

handler_spec observer(const std::string& kind, const std::string& pool,
                      const std::string& name,
                      std::function<void(const event&)> f) {
  handler_spec result;
  result.name = kind + " \"" + name + "\" of pool " + pool;
  result.filter = {.name = "charmer.worker.*", .path = "*pool " + pool + "/*"};
  result.on_event = std::move(f);
  result.blocking = true;
  return result;
}

void call_back(const worker_callbacks& xs, const event& x) {
  if (x.name == "charmer.worker.spawned" && xs.on_init_start)
    xs.on_init_start(x.child);
  else if (x.name == "charmer.worker.ready" && xs.on_new_worker)
    xs.on_new_worker(x.child);
  else if (x.name == "charmer.worker.terminated" && xs.on_worker_dead)
    xs.on_worker_dead(x.child, x.reason);
}

overrun overrun_of(const event& x) {
  auto detail = [&](const char* key) {
    return nlohmann::json::parse(x.details.at(key));
  };
  std::chrono::duration<double> seconds{detail("runtime_seconds")};
  return {detail("alert"), detail("pool"), x.child, detail("task"),
          std::chrono::duration_cast<timespan>(seconds)};
}

} // namespace

void log_overrun(const overrun& x) {
  auto runtime = std::chrono::duration<double>(x.runtime).count();
  std::ostringstream line;
  line << "charmer: pool " << x.pool << ": " << x.worker << " has run "
       << (x.task.empty() ? "a request" : x.task) << " for " << runtime << " s"
       << (x.alert == "overrun" ? "" : " and is replaced") << '\n';
  std::cerr << line.str();
}

handler_spec following_workers(const std::string& pool, const std::string& name,
                               worker_callbacks callbacks) {
  return observer(
      "callbacks", pool, name,
      [xs = std::move(callbacks)](const event& x) { call_back(xs, x); });
}

handler_spec watching_overruns(const std::string& pool, const std::string& name,
                               std::function<void(const overrun&)> f) {
  std::function<void(const event&)> watch;
  if (f) // else it is no handler, and refused as such
    watch = [f = std::move(f)](const event& x) {
      if (x.name == "charmer.worker.overrun")
        f(overrun_of(x));
    };
  return observer("overrun handlers", pool, name, std::move(watch));
}

} // namespace charmer
