// private: the fields of settings, each with its JSON key and what it may hold.
//
// One table per struct. The reader, the writer and the validator all walk it,
// so a new setting is one line here and its default in settings.hpp. A rule has
// `holds(value)` and `allowed()`, the words that finish "allowed: …".
//
// Threading: pure functions.
#pragma once

#include "charmer/profiles/settings.hpp"
#include "charmer/profiles/units.hpp"
#include "charmer/supervision/child_spec.hpp"

#include <nlohmann/json_fwd.hpp>

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace charmer::settings_fields {

// -- rules --------------------------------------------------------------------

/// A whole number within a range.
struct whole {
  std::uint64_t min;
  std::uint64_t max;

  bool holds(std::uint64_t x) const { return x >= min && x <= max; }
  std::string allowed() const;
};

/// A number, fractions too, within a range.
struct real {
  double min;
  double max;

  bool holds(double x) const { return x >= min && x <= max; }
  std::string allowed() const;
};

/// A duration within a range; with `infinite` as the upper end also infinity.
struct duration {
  timespan min;
  timespan max;

  bool holds(timespan x) const { return x >= min && x <= max; }
  std::string allowed() const;
};

/// A number of bytes within a range; 0 may switch the limit off.
struct bytes {
  std::uint64_t min;
  std::uint64_t max;
  bool zero_is_off = false;

  bool holds(std::uint64_t x) const {
    return (x >= min && x <= max) || (x == 0 && zero_is_off);
  }
  std::string allowed() const;
};

/// One of a few words.
struct one_of {
  std::vector<std::string_view> words;

  bool holds(const std::string& x) const;
  std::string allowed() const;
};

/// A text for which `test` holds.
struct text {
  bool (*test)(std::string_view);
  std::string_view words;

  bool holds(const std::string& x) const { return test(x); }
  std::string allowed() const { return std::string{words}; }
};

/// A list of texts, each for which `test` holds.
struct texts {
  bool (*test)(std::string_view);
  std::string_view words;

  bool holds(const std::vector<std::string>& xs) const;
  std::string allowed() const { return std::string{words}; }
};

/// Names of environment variables and their values.
struct variables {
  bool holds(const std::map<std::string, std::string>& xs) const;
  std::string allowed() const;
};

/// The text of a JSON object, or nothing; under "charmer" stands what is for
/// the worker itself. In a file it is the object itself.
struct json_object {
  bool holds(const std::string& x) const;
  bool accepts(const nlohmann::json& x) const;
  std::string allowed() const {
    return "a JSON object, and so is \"charmer\" in it";
  }
};

/// A struct with fields of its own.
struct nested {
  std::string allowed() const { return "a JSON object"; }
};

/// One of an enum's values, each with its word.
template <class Enum>
struct named {
  std::vector<std::pair<std::string_view, Enum>> words;

  std::optional<Enum> value_of(std::string_view word) const {
    for (auto& [known, value] : words)
      if (known == word)
        return value;
    return std::nullopt;
  }

  std::optional<std::string_view> word_of(Enum x) const {
    for (auto& [word, value] : words)
      if (value == x)
        return word;
    return std::nullopt;
  }

  bool holds(Enum x) const { return word_of(x).has_value(); }

  std::string allowed() const {
    one_of result;
    for (auto& entry : words)
      result.words.push_back(entry.first);
    return result.allowed();
  }
};

/// True or false.
struct yes_or_no {
  bool holds(bool) const { return true; }
  std::string allowed() const { return "true or false"; }
};

/// How something is stopped: at once, or asked and killed after a while. As a
/// timespan, 0 is at once.
struct stop_limit {
  timespan max;

  bool holds(timespan x) const { return x >= timespan{0} && x <= max; }
  bool holds(const shutdown& x) const {
    return x.kills_at_once() || holds(x.limit());
  }
  std::string allowed() const;
};

/// The name of a worker_profile that there is.
struct profile_name {
  bool holds(const std::string& x) const;
  std::string allowed() const;
};

/// What a breaker may count: errors that say something about the workers.
struct breaker_failures {
  bool holds(const std::vector<std::string>& xs) const;
  std::string allowed() const;
};

// -- tests of texts -----------------------------------------------------------

/// 1 to 64 letters, digits, `_`, `-` and `.`.
bool is_pool_name(std::string_view x);
/// "module" or "package.module:name", or empty: validate() knows who needs one.
bool is_adapter(std::string_view x);
/// An operating system's path or nothing: anything without a NUL.
bool is_path(std::string_view x);
/// The name of a command: not empty.
bool is_command(std::string_view x);
/// A name as a pool's, or nothing.
bool is_name_or_nothing(std::string_view x);

constexpr const char* allowed_strategies =
    "best_worker, random_worker, next_worker, available_worker, "
    "next_available_worker, hash_worker or the name of a registered strategy";

// -- tables -------------------------------------------------------------------

template <class Struct, class Value>
concept values_of = std::same_as<std::remove_const_t<Struct>, Value>;

template <values_of<backoff> Struct, class Visitor>
void each_field(Struct& x, Visitor&& f) {
  using namespace std::chrono_literals;
  f("minimum", x.minimum, duration{0s, 24h});
  f("maximum", x.maximum, duration{0s, 24h});
  f("factor", x.factor, real{1, 100});
  f("jitter", x.jitter, real{0, 1});
  f("reset_after", x.reset_after, duration{0s, infinite});
}

template <values_of<breaker_settings> Struct, class Visitor>
void each_field(Struct& x, Visitor&& f) {
  using namespace std::chrono_literals;
  constexpr auto many = std::numeric_limits<std::uint32_t>::max();
  f("enabled", x.enabled, yes_or_no{});
  f("consecutive", x.consecutive, whole{0, many});
  f("rate", x.rate, real{0, 1});
  f("minimum", x.minimum, whole{1, many});
  f("window", x.window, duration{1ms, 24h});
  f("cooldown", x.cooldown, duration{1ms, 24h});
  f("failures", x.failures, breaker_failures{});
}

template <values_of<telemetry_settings> Struct, class Visitor>
void each_field(Struct& x, Visitor&& f) {
  f("sample", x.sample, real{0, 1});
  constexpr texts patterns{is_command, "a list of patterns, as \"model.*\""};
  f("allow", x.allow, patterns);
  f("deny", x.deny, patterns);
}

template <values_of<pool_settings> Struct, class Visitor>
void each_field(Struct& x, Visitor&& f) {
  using namespace std::chrono_literals;
  constexpr auto a_moment = timespan{1};
  constexpr auto many = std::numeric_limits<std::uint32_t>::max();
  f("name", x.name,
    text{is_pool_name, "1 to 64 letters, digits, '_', '-' and '.'"});
  f("profile", x.profile, profile_name{});
  f("size", x.size, whole{0, 10'000});
  f("threads_per_worker", x.threads_per_worker, whole{1, 1'000});
  f("adapter", x.adapter,
    text{is_adapter, R"("module:Class" or "module", as Python imports it)"});
  f("python", x.python,
    text{is_path, "a path, a name on PATH or the folder of a virtual "
                  "environment"});
  f("python_path", x.python_path, texts{is_path, "a list of folders"});
  f("env", x.env, variables{});
  f("cwd", x.cwd, text{is_path, "a folder"});
  f("adapter_options", x.adapter_options, json_object{});
  f("idempotent", x.idempotent, texts{is_command, "a list of commands"});

  f("default_strategy", x.default_strategy,
    text{is_name_or_nothing, allowed_strategies});
  f("queue", x.queue,
    named<queue_order>{{{"fifo", queue_order::fifo},
                        {"lifo", queue_order::lifo},
                        {"off", queue_order::off}}});
  constexpr text collection{is_name_or_nothing,
                            "the name of a registered collection, or \"\" for "
                            "the built-in one"};
  f("waiting_callers_impl", x.waiting_callers_impl, collection);
  f("idle_workers_impl", x.idle_workers_impl, collection);
  f("busy_workers_impl", x.busy_workers_impl, collection);
  f("idle_overflow_workers_impl", x.idle_overflow_workers_impl, collection);

  f("session_affinity", x.session_affinity,
    named<session_affinity>{{{"prefer", session_affinity::prefer},
                             {"wait", session_affinity::wait},
                             {"fail", session_affinity::fail}}});
  f("session_ttl", x.session_ttl, duration{1ms, infinite});
  f("max_sessions", x.max_sessions, whole{1, 10'000'000});

  f("max_overflow", x.max_overflow, whole{0, 10'000});
  f("overflow_retention", x.overflow_retention, duration{0s, infinite});
  f("min_size", x.min_size, whole{0, 10'000});
  f("max_size", x.max_size, whole{0, 10'000});

  f("max_queue_size", x.max_queue_size, whole{0, many});
  f("max_queue_bytes", x.max_queue_bytes, bytes{0, 1ull << 50});
  f("queue_timeout", x.queue_timeout, duration{a_moment, infinite});
  f("request_timeout", x.request_timeout, duration{a_moment, infinite});
  f("stream_timeout", x.stream_timeout, duration{a_moment, infinite});
  f("cancel_grace", x.cancel_grace, duration{0s, 24h});
  f("overrun_warning", x.overrun_warning, duration{a_moment, infinite});
  f("max_overrun_warnings", x.max_overrun_warnings, whole{0, many});
  f("poison_after", x.poison_after, whole{1, many});
  f("prefetch", x.prefetch, duration{0s, 1s});
  // Protobuf itself reads no message of 2 GiB or more.
  f("max_frame_bytes", x.max_frame_bytes, bytes{1ull << 10, (1ull << 31) - 1});
  f("breaker", x.breaker, nested{});

  f("start_timeout", x.start_timeout, duration{a_moment, 24h});
  f("start_batch", x.start_batch, whole{1, 10'000});
  f("worker_shutdown", x.worker_shutdown, stop_limit{24h});
  f("strategy", x.strategy,
    one_of{{"one_for_one", "one_for_all", "rest_for_one"}});
  f("intensity", x.intensity, whole{0, many});
  f("period", x.period, duration{a_moment, infinite});
  f("pool_sup_intensity", x.pool_sup_intensity, whole{0, many});
  f("pool_sup_period", x.pool_sup_period, duration{a_moment, infinite});
  f("pool_sup_shutdown", x.pool_sup_shutdown, stop_limit{24h});
  f("restart_backoff", x.restart_backoff, nested{});
  f("on_exhausted", x.exhausted,
    named<on_exhausted>{{{"degrade", on_exhausted::degrade},
                         {"escalate", on_exhausted::escalate}}});
  f("max_abandoned", x.max_abandoned, whole{0, 10'000});

  f("ttl", x.ttl, duration{a_moment, infinite});
  f("max_requests", x.max_requests,
    whole{0, std::numeric_limits<std::uint64_t>::max()});
  f("memory_limit", x.memory_limit,
    bytes{1ull << 20, 1ull << 50, /*zero_is_off=*/true});
  f("lifecycle_check", x.lifecycle_check, duration{1ms, infinite});
  f("max_surge", x.max_surge, whole{0, 10'000});
  f("health_interval", x.health_interval, duration{1ms, infinite});
  f("health_timeout", x.health_timeout, duration{1ms, 24h});
  f("health_failures", x.health_failures, whole{1, many});

  f("log_level", x.log_level,
    one_of{{"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}});
  f("stderr_lines", x.stderr_lines, whole{0, 10'000});
  f("telemetry", x.telemetry, nested{});
  f("heartbeat", x.heartbeat, duration{1ms, infinite});
  f("safety", x.safety, one_of{{"off", "warn", "strict"}});
}

/// All but the pools, which are a list and walked by who needs them.
template <values_of<settings> Struct, class Visitor>
void each_field(Struct& x, Visitor&& f) {
  using namespace std::chrono_literals;
  f("pooling_enabled", x.pooling_enabled, yes_or_no{});
  f("default_strategy", x.default_strategy,
    text{is_pool_name, allowed_strategies});
  f("stop_timeout", x.stop_timeout, duration{0s, 24h});
}

} // namespace charmer::settings_fields
