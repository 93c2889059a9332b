#include "charmer/tools/diagnosis.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/examination.hpp"
#include "charmer/profiles/interpreter.hpp"
#include "charmer/profiles/library_compatibility.hpp"
#include "charmer/profiles/units.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace charmer::tools {

namespace {

namespace compat = compatibility;

bool is_thread(const pool_settings& x) {
  return x.profile == "thread";
}

// -- the interpreter ----------------------------------------------------------

finding on_python(const pool_settings& pool, const interpreter_info& x) {
  // Of the one that the settings name, on_protobuf tells what it lacks.
  auto only_protobuf =
      x.fault == interpreter_fault::no_protobuf && !pool.python.empty();
  if (x.fault == interpreter_fault::none || only_protobuf)
    return {urgency::fine, "python", to_string(x.version) + ", " + x.executable,
            ""};
  auto remedy = x.remedy;
  if (remedy.empty())
    remedy = R"(name one that will do in the setting "python")";
  return {urgency::trouble, "python", x.problem, remedy};
}

std::vector<finding> on_environment(const interpreter_info& x) {
  if (x.passed_over.empty())
    return {};
  return {{urgency::advice, "python", x.passed_over,
           "or name the Python that is meant in the setting \"python\""}};
}

finding on_protobuf(const interpreter_info& x) {
  if (x.fault == interpreter_fault::no_protobuf)
    return {urgency::trouble, "protobuf",
            x.protobuf.empty() ? "not there" : x.protobuf + " is too old",
            x.remedy};
  return {urgency::fine, "protobuf", x.protobuf, ""};
}

std::string state_of_gil(const interpreter_info& x) {
  if (interpreter::supports_free_threading(x))
    return "off: threads run Python in parallel";
  if (x.free_threaded_build)
    return "on, though this build could do without";
  if (interpreter::supports_free_threading(x.version))
    return "on; there are builds of this version without it";
  return "on, as in every Python before 3.13";
}

finding on_gil(const pool_settings& pool, const interpreter_info& x) {
  auto recommended = interpreter::recommend_profile(x);
  if (is_thread(pool) && recommended != pool.profile) {
    if (x.free_threaded_build)
      return {urgency::advice, "gil", state_of_gil(x),
              "look for PYTHON_GIL=1 or -X gil in the environment"};
    return {urgency::advice, "gil", state_of_gil(x),
            "threads help only commands that wait or release the GIL; for "
            "others use the process profile, or a free-threaded Python"};
  }
  if (pool.profile == "process" && recommended == "thread")
    return {urgency::fine, "gil", state_of_gil(x),
            "the thread profile could run this adapter in parallel in one "
            "process"};
  return {urgency::fine, "gil", state_of_gil(x), ""};
}

// -- the adapter --------------------------------------------------------------

std::string remedy_of_import(const examination& x,
                             const interpreter_info& info) {
  auto& python = info.executable;
  if (!x.missing_module.empty()) {
    // Debian names packages as they are imported, the others as they please.
    auto known = compat::get_library_info(x.missing_module);
    auto install = python.starts_with("/usr/bin/")
                       ? "apt-get install python3-" + x.missing_module
                       : python + " -m pip install "
                             + (known ? known->name : x.missing_module);
    install += ", or name its folder in python_path";
    return info.passed_over.empty()
               ? install
               : "is it in the virtual environment that was passed over? Else "
                     + install;
  }
  return x.traceback.empty() ? "" : "mend the adapter; its traceback is above";
}

finding on_adapter(const pool_settings& pool, const examination& x,
                   const interpreter_info& python) {
  if (!x.adapter_error.empty()) {
    // A traceback ends with the error.
    auto& text = x.traceback.empty() ? x.adapter_error : x.traceback;
    return {urgency::trouble, "adapter",
            pool.adapter + " cannot be used: " + text,
            remedy_of_import(x, python)};
  }
  auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(x.import_time);
  auto text = pool.adapter + ", imported in " + render_duration(took);
  if (x.import_time * 2 > pool.start_timeout)
    return {urgency::advice, "adapter", std::move(text),
            "a worker has " + render_duration(pool.start_timeout)
                + " for that and for its setup; raise start_timeout"};
  return {urgency::fine, "adapter", std::move(text), ""};
}

// Nobody runs the loop between two calls.
std::vector<finding> on_setup(const pool_settings& pool, const examination& x) {
  if (!x.async_setup || is_thread(pool))
    return {};
  return {{urgency::fine, "setup",
           "async def: what it leaves running in the background stands still "
           "between calls",
           "if it is to go on it needs a thread of its own, or the thread "
           "profile"}};
}

// An extension that does not know of free threading turns the GIL on again.
std::vector<finding> on_gil_after(const interpreter_info& before,
                                  const examination& after) {
  if (!interpreter::supports_free_threading(before) || !after.gil_enabled)
    return {};
  return {{urgency::advice, "gil",
           "importing the adapter has turned it on again",
           "python -W default says which extension; update it, or use the "
           "process profile"}};
}

// -- libraries ----------------------------------------------------------------

std::string with_version(const compat::checked& x) {
  return x.version.empty() ? x.library : x.library + ' ' + x.version;
}

finding on_import(const compat::checked& x) {
  auto text = with_version(x) + " (imported): " + to_string(x.is);
  if (x.is == compat::verdict::safe)
    return {urgency::fine, "library", text + ", " + x.note, ""};
  return {urgency::advice, "library", std::move(text), x.note};
}

// What is installed but not imported is named, and asks for nothing; what
// belongs to Python is installed everywhere.
std::vector<finding> on_libraries(const pool_settings& pool,
                                  const examination& x) {
  std::vector<finding> result;
  std::string others;
  auto all = compat::generate_report(x.libraries, pool.profile);
  for (auto& library : all.libraries) {
    auto is_used =
        std::find(x.imported.begin(), x.imported.end(), library.library)
        != x.imported.end();
    if (is_used)
      result.push_back(on_import(library));
    else if (!library.version.empty())
      others += (others.empty() ? "" : ", ") + with_version(library);
  }
  if (!others.empty())
    result.push_back({urgency::fine, "library",
                      "installed, and not imported by the adapter: " + others,
                      ""});
  return result;
}

// -- text ---------------------------------------------------------------------

std::string word_of(urgency x) {
  switch (x) {
    case urgency::fine:
      return "ok";
    case urgency::advice:
      return "advice";
    case urgency::trouble:
      return "TROUBLE";
  }
  return "ok";
}

// Further lines stand below the first.
std::string indented(const std::string& text, const std::string& margin) {
  std::string result;
  for (auto c : text.substr(0, text.find_last_not_of('\n') + 1)) {
    result += c;
    if (c == '\n')
      result += margin;
  }
  return result;
}

std::string line_of(const finding& x) {
  auto padded = [](std::string text, std::size_t width) {
    text.resize(std::max(text.size() + 1, width), ' ');
    return text;
  };
  const std::string margin(19, ' ');
  auto result = "  " + padded(word_of(x.is), 8) + padded(x.about, 9)
                + indented(x.text, margin) + '\n';
  if (!x.remedy.empty())
    result += margin + "→ " + indented(x.remedy, margin + "  ") + '\n';
  return result;
}

} // namespace

bool diagnosis::in_trouble() const {
  return std::any_of(findings.begin(), findings.end(),
                     [](auto& x) { return x.is == urgency::trouble; });
}

diagnosis diagnose(const pool_settings& pool, timespan limit) {
  diagnosis result{pool.name, pool.profile, pool.adapter, pool.size, {}};
  auto& findings = result.findings;
  if (pool.profile != "process" && !is_thread(pool)) {
    findings.push_back({urgency::fine, "workers",
                        "no Python: the application brings them", ""});
    return result;
  }
  auto python = interpreter::info(pool, limit);
  findings.push_back(on_python(pool, python));
  for (auto& x : on_environment(python))
    findings.push_back(x);
  if (python.version == python_version{})
    return result;
  findings.push_back(on_protobuf(python));
  findings.push_back(on_gil(pool, python));
  if (python.fault != interpreter_fault::none)
    return result;
  std::error_code ignored;
  if (!pool.cwd.empty() && !std::filesystem::is_directory(pool.cwd, ignored)) {
    findings.push_back({urgency::trouble, "cwd",
                        pool.cwd
                            + " is no directory, and the pool's workers "
                              "are to run there",
                        "mkdir -p " + pool.cwd + ", or change cwd"});
    return result;
  }
  auto found = examine(pool, limit);
  if (!found) {
    findings.push_back({urgency::trouble, "adapter",
                        failure_of(found.error()).text,
                        "import it by hand to see what it does"});
    return result;
  }
  findings.push_back(on_adapter(pool, *found, python));
  for (auto& x : on_setup(pool, *found))
    findings.push_back(x);
  for (auto& x : on_gil_after(python, *found))
    findings.push_back(x);
  for (auto& x : on_libraries(pool, *found))
    findings.push_back(x);
  return result;
}

std::string to_text(const diagnosis& x) {
  auto result = "pool " + x.pool + ": " + std::to_string(x.size) + " x "
                + x.profile + ' ' + x.adapter + '\n';
  for (auto& one : x.findings)
    result += line_of(one);
  return result;
}

nlohmann::json to_json(const diagnosis& x) {
  auto findings = nlohmann::json::array();
  for (auto& one : x.findings)
    findings.push_back({{"urgency", one.is == urgency::trouble  ? "trouble"
                                    : one.is == urgency::advice ? "advice"
                                                                : "fine"},
                        {"about", one.about},
                        {"text", one.text},
                        {"remedy", one.remedy}});
  return {{"pool", x.pool},        {"profile", x.profile},
          {"adapter", x.adapter},  {"size", x.size},
          {"ok", !x.in_trouble()}, {"findings", std::move(findings)}};
}

} // namespace charmer::tools
