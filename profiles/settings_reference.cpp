#include "charmer/profiles/settings_reference.hpp"

#include "charmer/profiles/settings_values.hpp"

#include <nlohmann/json.hpp>

#include <type_traits>

namespace charmer {

namespace {

using namespace settings_fields;

// A bar would end the cell.
std::string cell(const std::string& text) {
  std::string result;
  for (auto c : text) {
    if (c == '|')
      result += '\\';
    result += c;
  }
  return result;
}

void add_row(std::string& to, const std::string& key, const std::string& value,
             const std::string& allowed) {
  to += "| `" + key + "` | `" + cell(value) + "` | " + cell(allowed) + " |\n";
}

// What stands in a table of its own is told with its name before it.
template <class Struct>
void add_rows(std::string& to, const Struct& defaults,
              const std::string& prefix) {
  each_field(defaults, [&](const char* key, const auto& value,
                           const auto& rule) {
    using rule_type = std::decay_t<decltype(rule)>;
    if constexpr (std::is_same_v<rule_type, nested>)
      add_rows(to, value, prefix + key + '.');
    else if constexpr (std::is_same_v<rule_type, profile_name>)
      // An application's own differ from one to the next.
      add_row(to, prefix + key, write(value, rule).dump(),
              R"("process", "thread", "native", or one that is registered)");
    else
      add_row(to, prefix + key, write(value, rule).dump(), rule.allowed());
  });
}

constexpr auto head = "| key | default | allowed |\n|---|---|---|\n";

} // namespace

std::string settings_reference() {
  std::string result =
      "# Settings\n\n"
      "Every setting of a file, its default, and what is allowed. What each of "
      "them is\nfor stands in [settings.hpp](settings.hpp). This table is made "
      "of the one that the\nreader and the checks use; a test compares it.\n\n"
      "## Of a pool\n\n";
  result += head;
  add_rows(result, pool_settings{}, "");
  result += "\n## At the top, beside `pools`\n\n";
  result += head;
  add_rows(result, settings{}, "");
  return result;
}

} // namespace charmer
