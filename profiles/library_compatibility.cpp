#include "charmer/profiles/library_compatibility.hpp"

#include "charmer/profiles/library_table.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

namespace charmer::compatibility {

namespace {

// -- the table ----------------------------------------------------------------

verdict class_of(const std::string& word) {
  if (word == "safe")
    return verdict::safe;
  if (word == "conditional")
    return verdict::conditional;
  return word == "unsafe" ? verdict::unsafe : verdict::unknown;
}

// "scikit-learn" cannot be imported under that name, "scikit_learn" could.
std::string importable(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

library_info entry(const std::string& name, const nlohmann::json& x) {
  library_info result;
  result.name = name;
  result.thread_safety = class_of(x.at("class"));
  if (x.at("min_version").is_string())
    result.min_version = x.at("min_version");
  result.releases_gil = x.at("gil") == "released";
  result.note = x.at("note");
  result.workaround = x.value("workaround", "");
  result.modules = x.value("modules", std::vector<std::string>{});
  if (result.modules.empty())
    result.modules = {importable(name)};
  result.aliases = x.value("aliases", std::vector<std::string>{});
  return result;
}

// Read once; nlohmann's objects are sorted by key.
const std::vector<library_info>& table() {
  static const auto all = [] {
    std::vector<library_info> result;
    auto parsed = nlohmann::json::parse(library_table);
    for (auto& [name, x] : parsed.at("libraries").items())
      result.push_back(entry(name, x));
    return result;
  }();
  return all;
}

bool is_called(const library_info& x, std::string_view name) {
  auto among = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return x.name == name || among(x.modules) || among(x.aliases);
}

const library_info* find(std::string_view name) {
  for (auto& x : table())
    if (is_called(x, name))
      return &x;
  return nullptr;
}

// -- versions -----------------------------------------------------------------

// The numbers of a release, without zeros at the end: 1.20 is 1.20.0.
std::vector<unsigned> numbers(std::string_view& text) {
  std::vector<unsigned> result;
  while (!text.empty()) {
    unsigned number = 0;
    auto [after, error] =
        std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{})
      break;
    result.push_back(number);
    text.remove_prefix(static_cast<std::size_t>(after - text.data()));
    if (text.size() < 2 || text[0] != '.' || text[1] < '0' || text[1] > '9')
      break;
    text.remove_prefix(1);
  }
  while (!result.empty() && result.back() == 0)
    result.pop_back();
  return result;
}

// Whether what follows the numbers says that they are not reached yet: alpha,
// beta, rc, dev; not post or a local version.
bool is_before_release(std::string_view rest) {
  while (!rest.empty() && (rest[0] == '.' || rest[0] == '-' || rest[0] == '_'))
    rest.remove_prefix(1);
  return rest.starts_with("a") || rest.starts_with("b") || rest.starts_with("c")
         || rest.starts_with("rc") || rest.starts_with("dev")
         || rest.starts_with("pre");
}

// -- verdicts -----------------------------------------------------------------

std::string advice(const library_info& x) {
  return x.workaround.empty() ? x.note : x.note + "; " + x.workaround;
}

checked in_threads(const library_info& x, std::string_view version) {
  checked result{x.name, std::string{version}, x.thread_safety, advice(x)};
  if (!version.empty() && !x.min_version.empty()
      && older(version, x.min_version)) {
    result.is = verdict::unknown;
    result.note = "known from version " + x.min_version + " on: " + x.note
                  + "; install that or later, or use the process profile";
  }
  return result;
}

} // namespace

std::string to_string(verdict x) {
  switch (x) {
    case verdict::safe:
      return "safe";
    case verdict::conditional:
      return "conditional";
    case verdict::unsafe:
      return "unsafe";
    case verdict::unknown:
      return "unknown";
  }
  return "unknown";
}

bool older(std::string_view version, std::string_view than) {
  auto mine = numbers(version);
  auto theirs = numbers(than);
  if (mine != theirs)
    return mine < theirs;
  return is_before_release(version) && !is_before_release(than);
}

checked check(std::string_view library, std::string_view profile) {
  return check(library, "", profile);
}

checked check(std::string_view library, std::string_view version,
              std::string_view profile) {
  auto known = find(library);
  auto name = known != nullptr ? known->name : std::string{library};
  if (profile == "process")
    return {name, std::string{version}, verdict::safe,
            "a process runs one command at a time"};
  if (profile != "thread")
    return {name, std::string{version}, verdict::unknown,
            "of the profile " + std::string{profile} + " nothing is known"};
  if (known == nullptr)
    return {name, std::string{version}, verdict::unknown,
            "not in the table; try it with the safety checker, or use the "
            "process profile"};
  return in_threads(*known, version);
}

std::optional<library_info> get_library_info(std::string_view name) {
  if (auto known = find(name))
    return *known;
  return std::nullopt;
}

std::vector<library_info> list_all(verdict which) {
  std::vector<library_info> result;
  for (auto& x : table())
    if (x.thread_safety == which)
      result.push_back(x);
  return result;
}

std::vector<library_info> list_all() {
  return table();
}

std::vector<checked> report::of(verdict which) const {
  std::vector<checked> result;
  for (auto& x : libraries)
    if (x.is == which)
      result.push_back(x);
  return result;
}

report generate_report(const std::vector<std::string>& libraries,
                       std::string_view profile) {
  report result{std::string{profile}, {}};
  for (auto& x : libraries)
    result.libraries.push_back(check(x, profile));
  return result;
}

report generate_report(const std::map<std::string, std::string>& installed,
                       std::string_view profile) {
  report result{std::string{profile}, {}};
  for (auto& [library, version] : installed)
    result.libraries.push_back(check(library, version, profile));
  return result;
}

std::string to_string(const report& x) {
  std::string result;
  for (auto& library : x.libraries) {
    result += library.library;
    if (!library.version.empty())
      result += ' ' + library.version;
    result += ": " + to_string(library.is) + ", " + library.note + '\n';
  }
  return result;
}

} // namespace charmer::compatibility
