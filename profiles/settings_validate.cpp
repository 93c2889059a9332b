#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/settings.hpp"
#include "charmer/profiles/settings_values.hpp"

#include <type_traits>

namespace charmer {

using namespace settings_fields;

namespace {

// Walks the table of one struct and notes what its rules refuse.
template <class Struct>
void check_fields(const Struct& x, const std::string& prefix,
                  std::vector<settings_error>& errors) {
  each_field(x, [&](const char* key, const auto& value, const auto& rule) {
    using rule_type = std::decay_t<decltype(rule)>;
    if constexpr (std::is_same_v<rule_type, nested>) {
      check_fields(value, prefix + key + ".", errors);
    } else if (!rule.holds(value)) {
      errors.push_back(
          {prefix + key, found(write(value, rule)), rule.allowed()});
    }
  });
}

// What the rules of single fields cannot know, one function for each matter.

void check_adapter(const pool_settings& x,
                   std::vector<settings_error>& errors) {
  if ((x.profile == "process" || x.profile == "thread") && x.adapter.empty())
    errors.push_back({"adapter", "nothing",
                      "the adapter that a " + x.profile
                          + R"( worker runs: "module:Class" or "module", as )"
                            "Python imports it"});
}

void check_size(const pool_settings& x, std::vector<settings_error>& errors) {
  auto number = [](std::uint32_t n) { return std::to_string(n); };
  if (x.min_size > x.max_size)
    errors.push_back({"min_size", number(x.min_size),
                      "not above max_size (" + number(x.max_size) + ")"});
  if (x.size == 0 && x.max_overflow == 0)
    errors.push_back({"size", "0",
                      "a whole number from 1 to 10000; 0 only together with "
                      "max_overflow"});
  else if (x.min_size <= x.max_size
           && (x.size < x.min_size || x.size > x.max_size))
    errors.push_back({"size", number(x.size),
                      "a whole number from min_size (" + number(x.min_size)
                          + ") to max_size (" + number(x.max_size) + ")"});
}

void check_queue(const pool_settings& x, std::vector<settings_error>& errors) {
  auto& usual = x.default_strategy;
  if (x.queue == queue_order::off
      && (usual == "available_worker" || usual == "next_available_worker"))
    errors.push_back({"default_strategy", '"' + usual + R"(" with queue "off")",
                      "a strategy that needs no queue (best_worker, "
                      "random_worker, next_worker, hash_worker), or queue "
                      R"("fifo" or "lifo")"});
  if (x.queue == queue_order::off && x.max_overflow != 0)
    errors.push_back({"max_overflow",
                      std::to_string(x.max_overflow) + R"( with queue "off")",
                      "0, for overflow workers are started for requests that "
                      R"(wait in the queue; or queue "fifo" or "lifo")"});
}

// What would be accepted and never do anything.
void check_limits(const pool_settings& x, std::vector<settings_error>& errors) {
  for (auto [key, value] :
       {std::pair{"waiting_callers_impl", &x.waiting_callers_impl},
        {"idle_workers_impl", &x.idle_workers_impl},
        {"busy_workers_impl", &x.busy_workers_impl},
        {"idle_overflow_workers_impl", &x.idle_overflow_workers_impl}})
    if (x.queue == queue_order::off && !value->empty())
      errors.push_back(
          {key, '"' + *value + R"(" with queue "off")",
           "nothing, for it says who of those that wait in the "
           R"(queue is served by whom; or queue "fifo" or "lifo")"});
  if (x.max_overrun_warnings != 0 && x.overrun_warning == infinite)
    errors.push_back(
        {"max_overrun_warnings",
         std::to_string(x.max_overrun_warnings) + " without overrun_warning",
         "0, or an overrun_warning that is no infinity"});
  if (x.memory_limit != 0 && x.profile == "native")
    errors.push_back({"memory_limit",
                      render_size(x.memory_limit) + R"( with profile "native")",
                      "0, for a native worker has no memory of its own"});
}

void check_breaker(const breaker_settings& x,
                   std::vector<settings_error>& errors) {
  if (!x.enabled)
    return;
  if (x.consecutive == 0 && x.rate == 0)
    errors.push_back({"breaker", "enabled, with consecutive 0 and rate 0",
                      "one of the two above 0, or enabled false"});
  if (x.failures.empty())
    errors.push_back({"breaker.failures", "an empty list",
                      "what counts as a failure, or enabled false"});
}

void check_backoff(const backoff& x, std::vector<settings_error>& errors) {
  if (x.maximum < x.minimum)
    errors.push_back({"restart_backoff.maximum",
                      found(render_duration(x.maximum)),
                      "a duration not below restart_backoff.minimum ("
                          + render_duration(x.minimum) + ")"});
}

std::vector<settings_error> validate_resolved(const pool_settings& x) {
  std::vector<settings_error> result;
  check_fields(x, "", result);
  check_adapter(x, result);
  check_size(x, result);
  check_queue(x, result);
  check_limits(x, result);
  check_breaker(x.breaker, result);
  check_backoff(x.restart_backoff, result);
  return result;
}

} // namespace

std::uint32_t threads_of(const pool_settings& x) {
  return x.profile == "thread" ? x.threads_per_worker : 1;
}

pool_settings resolved(pool_settings pool, const settings& among) {
  if (pool.default_strategy.empty())
    pool.default_strategy = among.default_strategy;
  return pool;
}

std::vector<settings_error> validate(const pool_settings& x) {
  return validate_resolved(resolved(x, {}));
}

std::vector<settings_error> validate(const settings& x) {
  std::vector<settings_error> result;
  check_fields(x, "", result);
  std::map<std::string, std::string> places;
  for (std::size_t i = 0; i < x.pools.size(); ++i) {
    const auto place = "pools[" + std::to_string(i) + "]";
    for (auto& error : validate_resolved(resolved(x.pools[i], x))) {
      error.where = place + "." + error.where;
      result.push_back(std::move(error));
    }
    const auto& name = x.pools[i].name;
    auto [first, is_new] = places.emplace(name, place);
    if (!is_new && !name.empty())
      result.push_back({place + ".name",
                        found(name) + ", which is the name of " + first->second,
                        "a name of its own"});
  }
  return result;
}

caf::error make_error(const std::vector<settings_error>& mistakes) {
  std::string text = mistakes.size() == 1 ? "1 mistake in the settings"
                                          : std::to_string(mistakes.size())
                                                + " mistakes in the settings";
  for (const auto& x : mistakes)
    text += "\n  " + x.where + ": found " + x.found + "; allowed: " + x.allowed;
  return make_error(pool_errc::invalid_settings, std::move(text));
}

} // namespace charmer
