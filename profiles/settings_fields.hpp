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

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
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

/// The text of a JSON object, or nothing. In a file it is the object itself.
struct json_object {
  bool holds(const std::string& x) const;
  std::string allowed() const { return "a JSON object"; }
};

/// A struct with fields of its own.
struct nested {
  std::string allowed() const { return "a JSON object"; }
};

/// What to do when restarts are used up.
struct exhaustion {
  bool holds(on_exhausted x) const {
    return x == on_exhausted::degrade || x == on_exhausted::escalate;
  }
  std::string allowed() const { return R"("degrade" or "escalate")"; }
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

template <values_of<pool_settings> Struct, class Visitor>
void each_field(Struct& x, Visitor&& f) {
  using namespace std::chrono_literals;
  constexpr auto a_moment = timespan{1};
  constexpr auto many = std::numeric_limits<std::uint32_t>::max();
  f("name", x.name,
    text{is_pool_name, "1 to 64 letters, digits, '_', '-' and '.'"});
  f("profile", x.profile, one_of{{"process", "native"}});
  f("size", x.size, whole{1, 10'000});
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

  f("max_queue_size", x.max_queue_size, whole{0, many});
  f("max_queue_bytes", x.max_queue_bytes, bytes{0, 1ull << 50});
  f("queue_timeout", x.queue_timeout, duration{0s, infinite});
  f("request_timeout", x.request_timeout, duration{a_moment, infinite});
  f("cancel_grace", x.cancel_grace, duration{0s, 24h});
  f("poison_after", x.poison_after, whole{1, many});
  f("prefetch", x.prefetch, duration{0s, 1s});
  // Protobuf itself reads no message of 2 GiB or more.
  f("max_frame_bytes", x.max_frame_bytes, bytes{1ull << 10, (1ull << 31) - 1});

  f("start_timeout", x.start_timeout, duration{a_moment, 24h});
  f("start_batch", x.start_batch, whole{1, 10'000});
  f("worker_shutdown", x.worker_shutdown, duration{0s, 24h});
  f("intensity", x.intensity, whole{0, many});
  f("period", x.period, duration{a_moment, infinite});
  f("restart_backoff", x.restart_backoff, nested{});
  f("on_exhausted", x.exhausted, exhaustion{});

  f("ttl", x.ttl, duration{a_moment, infinite});
  f("max_requests", x.max_requests,
    whole{0, std::numeric_limits<std::uint64_t>::max()});
  f("memory_limit", x.memory_limit,
    bytes{1ull << 20, 1ull << 50, /*zero_is_off=*/true});
  f("lifecycle_check", x.lifecycle_check, duration{1ms, infinite});
  f("max_surge", x.max_surge, whole{0, 10'000});

  f("log_level", x.log_level,
    one_of{{"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}});
  f("stderr_lines", x.stderr_lines, whole{0, 10'000});
}

/// All but the pools, which are a list and walked by who needs them.
template <values_of<settings> Struct, class Visitor>
void each_field(Struct& x, Visitor&& f) {
  using namespace std::chrono_literals;
  f("stop_timeout", x.stop_timeout, duration{0s, 24h});
}

} // namespace charmer::settings_fields
