#include "charmer/supervision/errors.hpp"

#include "charmer/supervision/error_texts.hpp"
#include "charmer/supervision/messages.hpp"

#include <array>
#include <map>
#include <mutex>

namespace charmer {

namespace {

constexpr std::array code_names{
    "none",
    "already_started",
    "already_present",
    "not_found",
    "running",
    "restarting",
    "not_running",
    "start_failed",
    "start_timeout",
    "invalid_spec",
    "restart_intensity_reached",
    "shutting_down",
    "planned_stop",
    "replaced",
    "unsupported",
    "abandoned",
    "handler_failed",
};

template <class T>
const T* find_in_context(const caf::error& x) {
  if (!x)
    return nullptr;
  const auto& context = x.context();
  for (std::size_t i = 0; i < context.size(); ++i)
    if (context.match_element<T>(i))
      return &context.get_as<T>(i);
  return nullptr;
}

std::string code_name(const caf::error& x) {
  if (has_code_of<supervision_errc>(x))
    return to_string(static_cast<supervision_errc>(x.code()));
  if (has_code_of<caf::exit_reason>(x))
    return to_string(static_cast<caf::exit_reason>(x.code()));
  if (has_code_of<caf::sec>(x))
    return to_string(static_cast<caf::sec>(x.code()));
  return category_name(x) + " error " + std::to_string(x.code());
}

// Those of other rooms, by the name of their category.
struct foreign_texts {
  std::mutex mutex;
  std::map<std::string, error_text> known;

  static foreign_texts& instance() {
    static foreign_texts result;
    return result;
  }

  error_text find(const std::string& category) {
    std::lock_guard guard{mutex};
    auto i = known.find(category);
    return i == known.end() ? nullptr : i->second;
  }
};

} // namespace

bool detail::describe_category(const std::string& category, error_text f) {
  auto& texts = foreign_texts::instance();
  std::lock_guard guard{texts.mutex};
  return texts.known.insert_or_assign(category, f).second;
}

std::string to_string(supervision_errc x) {
  auto i = static_cast<std::size_t>(x);
  return i < code_names.size() ? code_names[i] : "unknown";
}

caf::error make_error(supervision_errc code, std::string text,
                      caf::error cause) {
  if (cause)
    return error_saying(code, std::move(text), std::move(cause));
  return text.empty() ? error_saying(code)
                      : error_saying(code, std::move(text));
}

caf::error make_error(supervision_errc code, exit_details said) {
  return error_saying(code, std::move(said));
}

std::optional<exit_details> exit_details_of(const caf::error& x) {
  if (auto found = find_in_context<exit_details>(x))
    return *found;
  return std::nullopt;
}

caf::error cause_of(const caf::error& x) {
  if (auto found = find_in_context<caf::error>(x))
    return *found;
  return {};
}

std::string describe_reason(const caf::error& x) {
  if (!x)
    return "normal";
  if (auto f = foreign_texts::instance().find(category_name(x)))
    return f(x);
  auto result = code_name(x);
  if (auto said = find_in_context<exit_details>(x); said && !said->text.empty())
    result += ": " + said->text;
  else if (auto text = find_in_context<std::string>(x))
    result += ": " + *text;
  else if (!said && !x.context().empty() && !cause_of(x))
    result += ": " + to_string(x.context());
  if (auto cause = cause_of(x))
    result += " (" + describe_reason(cause) + ")";
  return result;
}

} // namespace charmer
