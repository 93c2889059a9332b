// Part of the runtime: what one can ask of a pool, and have told about it.
#include "charmer/actors/lifecycle_manager.hpp"
#include "charmer/actors/runtime.hpp"
#include "charmer/actors/runtime_state.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace charmer {

// -- statistics ---------------------------------------------------------------

caf::expected<pool_stats> runtime::stats(const std::string& name) const {
  if (auto ctx = state_->pools->find(name))
    return ctx->stats();
  return no_pool(name);
}

caf::expected<std::vector<command_info>>
runtime::commands(const std::string& name) const {
  auto ctx = state_->pools->find(name);
  if (!ctx)
    return no_pool(name);
  for (auto& worker : ctx->stats().workers)
    if (auto info = ctx->info(worker.incarnation))
      return std::move(info->commands);
  return make_error(pool_errc::no_available_worker,
                    "no worker of pool \"" + name + "\" is ready");
}

std::vector<pool_stats> runtime::all_stats() const {
  std::vector<pool_stats> result;
  for (auto& ctx : state_->pools->all())
    result.push_back(ctx->stats());
  return result;
}

caf::expected<std::vector<pool_member>>
runtime::workers(const std::string& name) const {
  auto ctx = state_->pools->find(name);
  if (!ctx)
    return no_pool(name);
  return ctx->members();
}

caf::expected<std::string>
runtime::debug_information(const std::string& name) const {
  auto ctx = state_->pools->find(name);
  if (!ctx)
    return no_pool(name);
  auto impl = [](const std::string& chosen, const char* built_in) {
    return chosen.empty() ? std::string{built_in} : chosen;
  };
  auto x = ctx->collections();
  auto callers = x.newest_first ? "lifo_callers" : "fifo_callers";
  auto handles = nlohmann::ordered_json::object();
  for (auto& worker : ctx->members())
    handles[worker.worker] = to_string(worker.handle);
  return nlohmann::ordered_json{
      {"statistics", nlohmann::ordered_json::parse(to_json(ctx->stats()))},
      {"handles", std::move(handles)},
      {"collections",
       {{"waiting_callers", impl(x.waiting_callers, callers)},
        {"idle_workers", impl(x.idle_workers, "lifo_workers")},
        {"busy_workers", impl(x.busy_workers, "lifo_workers")},
        {"idle_overflow_workers",
         impl(x.idle_overflow_workers, "lifo_workers")}}}}
      .dump();
}

// -- what commands can call ---------------------------------------------------

void runtime::register_function(const std::string& name, host_function f) {
  state_->pools->functions->add(name, std::move(f));
}

void runtime::register_actor(const std::string& name, caf::actor who) {
  state_->pools->functions->add(name, std::move(who));
}

bool runtime::unregister(const std::string& name) {
  return state_->pools->functions->remove(name);
}

// -- the life of workers ------------------------------------------------------

caf::expected<std::vector<worker_metadata>>
runtime::metadata(const std::string& name) const {
  auto ctx = state_->pools->find(name);
  if (!ctx)
    return no_pool(name);
  std::vector<worker_metadata> result;
  for (auto& x : ctx->views())
    result.push_back(ctx->ask_profile(
        "get_metadata",
        worker_metadata{.profile = ctx->settings->profile,
                        .worker = x.worker,
                        .incarnation = x.incarnation,
                        .pid = x.info.pid},
        [&](auto& profile) { return profile.get_metadata(x); }));
  return result;
}

lifecycle_stats runtime::lifecycle() const {
  lifecycle_stats result;
  for (auto& ctx : state_->pools->all()) {
    auto counts = counts_of(*ctx);
    result.total += counts;
    result.pools.emplace(ctx->settings->name, std::move(counts));
  }
  return result;
}

// -- changes ------------------------------------------------------------------

caf::expected<resized> runtime::resize(const std::string& name,
                                       std::uint32_t size) {
  auto ctx = state_->pools->find(name);
  if (!ctx)
    return no_pool(name);
  return ctx->resize(size);
}

caf::error runtime::no_pool(const std::string& name) const {
  auto known = pool(name);
  return known ? make_error(pool_errc::shutting_down,
                            "pool \"" + name + "\" was stopped")
               : known.error();
}

const caf::actor_system& runtime::system() const {
  return state_->system;
}

caf::error runtime::check_interface(const std::string& name,
                                    const message_interface& wanted) const {
  auto ctx = state_->pools->find(name);
  if (!ctx)
    return no_pool(name);
  auto there = native_interface(state_->system, ctx->settings->adapter);
  if (std::includes(there.begin(), there.end(), wanted.begin(), wanted.end()))
    return {};
  std::string text = "the workers of pool \"" + name + "\" do not accept:";
  for (auto& x : wanted)
    if (there.count(x) == 0)
      text += "\n  " + x;
  if (there.empty())
    text += "\n(they were registered without their type: see register_native)";
  return make_error(pool_errc::unsupported, std::move(text));
}

// -- observers ----------------------------------------------------------------

caf::expected<std::string> runtime::observe(std::function<void(const event&)> f,
                                            event_filter filter) {
  return state_->events->observe(std::move(f), std::move(filter));
}

void runtime::stop_observing(const std::string& name) {
  state_->events->remove(name);
}

const std::shared_ptr<event_hub>& runtime::events() const {
  return state_->events;
}

caf::error runtime::add_observer(const std::string& pool_name, handler_spec x) {
  if (!state_->pools->find(pool_name))
    return no_pool(pool_name);
  auto name = x.name;
  auto why = state_->events->add(std::move(x));
  if (why == supervision_errc::already_present)
    return make_error(pool_errc::already_started, "there are " + name);
  return why;
}

caf::error runtime::remove_observer(const std::string& name) {
  if (state_->events->remove(name))
    return {};
  return make_error(pool_errc::no_such_pool, "there are no " + name);
}

caf::error runtime::add_callbacks(const std::string& pool,
                                  const std::string& name,
                                  worker_callbacks callbacks) {
  return add_observer(pool,
                      following_workers(pool, name, std::move(callbacks)));
}

caf::error runtime::remove_callbacks(const std::string& pool,
                                     const std::string& name) {
  return remove_observer(following_workers(pool, name, {}).name);
}

caf::error runtime::add_overrun_handler(const std::string& pool,
                                        const std::string& name,
                                        std::function<void(const overrun&)> f) {
  return add_observer(pool, watching_overruns(pool, name, std::move(f)));
}

caf::error runtime::remove_overrun_handler(const std::string& pool,
                                           const std::string& name) {
  return remove_observer(watching_overruns(pool, name, {}).name);
}

} // namespace charmer
