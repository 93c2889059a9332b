#include "charmer/supervision/validation.hpp"

#include "charmer/supervision/duration_text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <unordered_set>

namespace charmer {

namespace {

using namespace std::chrono_literals;

// Each function returns what is wrong and what would be right, or an empty
// text.

constexpr auto replace = nlohmann::json::error_handler_t::replace;

bool is_control(char c) {
  return std::iscntrl(static_cast<unsigned char>(c)) != 0;
}

std::string mistake_in_name(const char* what, const std::string& x) {
  auto is = "the " + std::string{what} + " is ";
  if (x.empty())
    return is + "empty; name what it is";
  if (x.find('/') != std::string::npos)
    return is + "'" + x + "'; it must do without \"/\", which paths need";
  if (std::any_of(x.begin(), x.end(), is_control))
    return is + nlohmann::json(x).dump(-1, ' ', false, replace)
           + "; it must do without control characters, which logs need";
  return {};
}

std::string not_positive(const char* what, timespan x) {
  return std::string{what} + " is " + to_short(x)
         + "; it must be positive (or charmer::infinite)";
}

std::string negative(const char* what, timespan x) {
  return std::string{what} + " is " + to_short(x) + "; it must not be negative";
}

template <class Enum>
std::string unknown(const char* what, Enum x) {
  return std::string{what} + " is " + std::to_string(static_cast<int>(x))
         + ", which is none of its enumerators";
}

std::string mistake_in(const restart_intensity& x) {
  if (x.intensity < 0)
    return "intensity.intensity is " + std::to_string(x.intensity)
           + "; it must not be negative";
  if (x.period <= 0s)
    return not_positive("intensity.period", x.period);
  return {};
}

std::string mistake_in(const backoff& x) {
  if (x.minimum < 0s)
    return negative("retry.minimum", x.minimum);
  if (x.maximum < x.minimum)
    return "retry.maximum is " + to_short(x.maximum)
           + "; it must not be below retry.minimum, " + to_short(x.minimum);
  if (!(x.factor >= 1) || std::isinf(x.factor)) // also what is no number
    return "retry.factor is " + std::to_string(x.factor)
           + "; it must be a finite number from 1";
  if (!(x.jitter >= 0 && x.jitter <= 1))
    return "retry.jitter is " + std::to_string(x.jitter)
           + "; it must be a number from 0 to 1";
  if (x.reset_after < 0s)
    return negative("retry.reset_after", x.reset_after);
  return {};
}

std::string mistake_in_stop(const char* what,
                            const std::optional<shutdown>& x) {
  if (!x || x->kills_at_once() || x->limit() >= 0s)
    return {};
  return std::string{what} + " limit is " + to_short(x->limit())
         + "; it must not be negative (shutdown::brutal_kill() kills at once)";
}

std::string mistake_in_significance(const child_spec& x, auto_shutdown when) {
  if (!x.significant)
    return {};
  if (x.restart == restart_type::permanent)
    return "it is significant and permanent, and so never ends for good; make "
           "it transient or temporary";
  if (when == auto_shutdown::never)
    return "it is significant, which means nothing while the supervisor's "
           "auto_shutdown is never; set one or the other";
  return {};
}

std::string mistake_in_details(const child_spec& x) {
  for (const auto& [key, value] : x.details)
    if (!nlohmann::json::accept(value))
      return "details[\"" + key + "\"] is no JSON: " + value
             + "; a text needs quotes, as in \"\\\"text\\\"\"";
  return {};
}

std::string mistake_in(const child_spec& x, auto_shutdown when) {
  std::string found;
  auto is_wrong = [&](std::string text) {
    found = std::move(text);
    return !found.empty();
  };
  if (is_wrong(mistake_in_name("id", x.id)))
    return found;
  if (!x.start)
    return "there is no start function; it must return a charmer::started";
  if (x.restart > restart_type::temporary)
    return unknown("restart", x.restart);
  if (x.type > child_type::supervisor)
    return unknown("type", x.type);
  if (x.start_limit <= 0s)
    return not_positive("start_limit", x.start_limit);
  if (is_wrong(mistake_in_stop("the shutdown", x.stop))
      || is_wrong(mistake_in_stop("the retire", x.retire))
      || is_wrong(mistake_in_significance(x, when))
      || is_wrong(mistake_in_details(x))
      || (x.intensity && is_wrong(mistake_in(*x.intensity)))
      || (x.retry && is_wrong(mistake_in(*x.retry))))
    return found;
  return {};
}

std::string mistake_in(const supervisor_spec& x) {
  if (auto found = mistake_in_name("name", x.name); !found.empty())
    return found;
  if (!x.path_prefix.empty() && x.path_prefix.back() == '/')
    return "path_prefix is '" + x.path_prefix + "'; leave out the last \"/\"";
  if (x.strategy > strategy::simple_one_for_one)
    return unknown("strategy", x.strategy);
  if (x.auto_shutdown > auto_shutdown::all_significant)
    return unknown("auto_shutdown", x.auto_shutdown);
  if (auto found = mistake_in(x.intensity); !found.empty())
    return found;
  if (x.kill_grace <= 0s)
    return not_positive("kill_grace", x.kill_grace);
  if (x.stop_limit <= 0s)
    return not_positive("stop_limit", x.stop_limit);
  if (x.strategy == strategy::simple_one_for_one && x.children.size() != 1)
    return "there are " + std::to_string(x.children.size())
           + " children; simple_one_for_one has exactly one, the template";
  std::unordered_set<std::string> ids;
  for (const auto& child : x.children)
    if (!ids.insert(child.id).second)
      return "child '" + child.id + "' is there twice; each id is unique";
  return {};
}

caf::error invalid(const std::string& where, const std::string& mistake) {
  return make_error(supervision_errc::invalid_spec, where + ": " + mistake);
}

/// What a child that stands alone may be.
constexpr auto anything = auto_shutdown::any_significant;

} // namespace

caf::error validate(const child_spec& x, auto_shutdown when,
                    const std::string& path) {
  auto own = path.empty() ? x.id : path + '/' + x.id;
  if (auto found = mistake_in(x, when); !found.empty())
    return invalid("child '" + own + "'", found);
  return x.below ? validate(*x.below, own) : caf::error{};
}

caf::error validate(const supervisor_spec& x, const std::string& path) {
  if (auto found = mistake_in(x); !found.empty())
    return invalid("supervisor '" + path + "'", found);
  for (const auto& child : x.children)
    if (auto mistake = validate(child, x.auto_shutdown, path))
      return mistake;
  return {};
}

caf::error validate(const child_spec& x) {
  return validate(x, anything, {});
}

caf::error validate(const supervisor_spec& x) {
  return validate(x, x.path_prefix.empty() ? x.name
                                           : x.path_prefix + '/' + x.name);
}

} // namespace charmer
