#include "charmer_stack.hpp"

#include "charmer/profiles/native_profile.hpp"

#include <stdexcept>
#include <utility>

#include <caf/io/all.hpp>

namespace bench {

namespace {

struct with_pipes : charmer::config {
  with_pipes() { load<caf::io::middleman>(); }
};

template <class T>
T value_of(caf::expected<T> x) {
  if (!x)
    call_failed(x.error());
  return std::move(*x);
}

} // namespace

struct charmer_stack::parts {
  explicit parts(charmer::pool_settings x)
      : system(config),
        runtime(value_of(charmer::start(system, {.pools = {std::move(x)}}))) {
    if (auto failed = runtime.await_all())
      call_failed(failed);
    pool = value_of(runtime.pool());
  }

  with_pipes config;
  caf::actor_system system;
  charmer::runtime runtime;
  charmer::pool_handle pool;
};

charmer_stack::charmer_stack(charmer::pool_settings x)
    : parts_(std::make_unique<parts>(std::move(x))) {}

charmer_stack::charmer_stack(const std::string& python, std::uint32_t workers)
    : charmer_stack(python_workers(python, workers)) {}

charmer_stack::charmer_stack(const std::string& python,
                             const on_host_core* place)
    : charmer_stack(python, 1) {
  if (place == nullptr)
    return;
  caf::scoped_actor self{system()};
  charmer::call(self, pool(), "move_to",
                charmer::arguments::positional({place->worker_core()}))
      .receive([](const charmer::reply&) {}, call_failed);
}

charmer_stack::~charmer_stack() = default;

caf::actor_system& charmer_stack::system() {
  return parts_->system;
}

const charmer::pool_handle& charmer_stack::pool() const {
  return parts_->pool;
}

charmer::pool_settings python_workers(const std::string& python,
                                      std::uint32_t size) {
  charmer::pool_settings x;
  x.size = size;
  x.adapter = "commands";
  x.python = python;
  x.python_path = {CHARMER_BENCHMARKS};
  return x;
}

charmer::pool_settings
native_workers(caf::behavior (*behavior)(caf::event_based_actor*),
               std::uint32_t size) {
  charmer::register_native("measured", [=](caf::actor_system& sys) {
    return caf::actor{sys.spawn(behavior)};
  });
  charmer::pool_settings x;
  x.profile = "native";
  x.adapter = "measured";
  x.size = size;
  return x;
}

void call_failed(const caf::error& x) {
  throw std::runtime_error{charmer::describe(x)};
}

} // namespace bench
