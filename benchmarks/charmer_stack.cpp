#include "charmer_stack.hpp"

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

charmer::settings one_pool(const std::string& python, std::uint32_t workers) {
  charmer::pool_settings pool;
  pool.size = workers;
  pool.adapter = "commands";
  pool.python = python;
  pool.python_path = {CHARMER_BENCHMARKS};
  return {.pools = {pool}};
}

} // namespace

struct charmer_stack::parts {
  parts(const std::string& python, std::uint32_t workers)
      : system(config),
        runtime(value_of(charmer::start(system, one_pool(python, workers)))) {
    if (auto failed = runtime.await_all())
      call_failed(failed);
    pool = value_of(runtime.pool());
  }

  with_pipes config;
  caf::actor_system system;
  charmer::runtime runtime;
  charmer::pool_handle pool;
};

charmer_stack::charmer_stack(const std::string& python, std::uint32_t workers)
    : parts_(std::make_unique<parts>(python, workers)) {}

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

void call_failed(const caf::error& x) {
  throw std::runtime_error{charmer::describe(x)};
}

} // namespace bench
