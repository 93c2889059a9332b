#include "charmer/profiles/errors.hpp"

#include "charmer/profiles/messages.hpp"
#include "charmer/supervision/error_texts.hpp"
#include "charmer/supervision/errors.hpp"

#include <array>

namespace charmer {

namespace {

constexpr std::array code_names{
    "none",
    "no_such_pool",
    "already_started",
    "pool_degraded",
    "queue_full",
    "circuit_open",
    "wait_timeout",
    "exec_timeout",
    "worker_died",
    "poisoned",
    "cancelled",
    "no_available_worker",
    "unknown_command",
    "python_exception",
    "bad_payload",
    "frame_too_large",
    "protocol_error",
    "start_failed",
    "invalid_settings",
    "no_pools_configured",
    "node_down",
    "unsupported",
    "would_deadlock",
    "shutting_down",
};

static_assert(code_names.size()
              == static_cast<std::size_t>(pool_errc::shutting_down) + 1);

bool is_pool_error(const caf::error& x) {
  return has_code_of<pool_errc>(x);
}

const failure* find_failure(const caf::error& x) {
  if (!x)
    return nullptr;
  const auto& context = x.context();
  for (std::size_t i = 0; i < context.size(); ++i)
    if (context.match_element<failure>(i))
      return &context.get_as<failure>(i);
  return nullptr;
}

// "pool default, worker-3 (incarnation 7), request 12, command add, correlation
// "order 7""
std::string place(const failure& x) {
  std::string result;
  auto add = [&](const std::string& part) {
    result += result.empty() ? part : ", " + part;
  };
  if (!x.pool.empty())
    add("pool " + x.pool);
  if (!x.worker.empty())
    add(x.worker + " (incarnation " + std::to_string(x.incarnation) + ")");
  if (x.request != 0)
    add("request " + std::to_string(x.request));
  if (!x.command.empty())
    add("command " + x.command);
  if (!x.correlation.empty())
    add("correlation \"" + x.correlation + '"');
  return result;
}

// What there is to say before the details.
std::string summary(const caf::error& x) {
  auto result = to_string(static_cast<pool_errc>(x.code()));
  auto* what = find_failure(x);
  auto said =
      what ? what->text : exit_details_of(x).value_or(exit_details{}).text;
  if (!said.empty())
    result += ": " + said;
  if (auto where = what ? place(*what) : std::string{}; !where.empty())
    result += " (" + where + ")";
  return result;
}

// Before anybody has one to describe.
const bool is_known = describe_errors_of<pool_errc>(summary);

} // namespace

std::string to_string(pool_errc x) {
  auto i = static_cast<std::size_t>(x);
  return i < code_names.size() ? code_names[i] : "unknown";
}

caf::error make_error(pool_errc code, failure what) {
  return error_saying(code, std::move(what));
}

caf::error make_error(pool_errc code, std::string text) {
  return make_error(code, failure{.text = std::move(text)});
}

failure failure_of(const caf::error& x) {
  if (auto found = find_failure(x))
    return *found;
  return x ? failure{.text = describe_reason(x)} : failure{};
}

std::optional<pool_errc> code_of(const caf::error& x) {
  if (!x || !is_pool_error(x))
    return std::nullopt;
  return static_cast<pool_errc>(x.code());
}

std::string describe(const caf::error& x) {
  auto result = describe_reason(x);
  if (!is_pool_error(x))
    return result;
  auto what = failure_of(x);
  if (!what.traceback.empty())
    result += "\n" + what.traceback;
  if (!what.stderr_tail.empty()) {
    result += "\nlast lines on stderr:";
    for (auto& line : what.stderr_tail)
      result += "\n  " + line;
  }
  return result;
}

} // namespace charmer
