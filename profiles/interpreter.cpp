#include "charmer/profiles/interpreter.hpp"
#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/interpreter_probe.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include <unistd.h>

namespace charmer {

namespace fs = std::filesystem;

namespace {

// A variable as the workers of the pool will see it.
std::string variable(const pool_settings& pool, const std::string& name) {
  if (auto set = pool.env.find(name); set != pool.env.end())
    return set->second;
  auto inherited = std::getenv(name.c_str());
  return inherited != nullptr ? inherited : "";
}

bool is_file(const fs::path& x) {
  std::error_code ignored;
  return fs::is_regular_file(x, ignored);
}

bool is_folder(const fs::path& x) {
  std::error_code ignored;
  return fs::is_directory(x, ignored);
}

bool is_program(const fs::path& x) {
  return is_file(x) && ::access(x.c_str(), X_OK) == 0;
}

// The interpreter of a virtual environment, if the folder is one.
std::optional<fs::path> in_environment(const fs::path& folder) {
  for (auto name : {"bin/python3", "bin/python"})
    if (is_program(folder / name))
      return folder / name;
  return std::nullopt;
}

// Every program of that name on PATH, in order.
std::vector<fs::path> on_path(const pool_settings& pool,
                              const std::string& name) {
  std::vector<fs::path> result;
  auto path = variable(pool, "PATH");
  for (std::size_t start = 0; start <= path.size();) {
    auto end = std::min(path.find(':', start), path.size());
    auto program = fs::path{path.substr(start, end - start)} / name;
    // What stands in the current folder by accident is not run.
    if (program.is_absolute() && is_program(program))
      result.push_back(program);
    start = end + 1;
  }
  return result;
}

// Links between folders (/bin and /usr/bin) name a program twice. The program
// itself may be a link that matters: a virtual environment's is one.
fs::path with_real_folder(const fs::path& program) {
  std::error_code error;
  auto folder = fs::canonical(program.parent_path(), error);
  return error ? program : folder / program.filename();
}

caf::error failed(std::string text) {
  return make_error(pool_errc::start_failed, std::move(text));
}

// "  /usr/bin/python3 has no protobuf (apt-get install …)"
std::string line(const fs::path& program, const interpreter_probe& found) {
  auto result = "\n  " + program.string() + ' ' + found.lack;
  if (!found.remedy.empty())
    result += " (" + found.remedy + ")";
  return result;
}

// What the setting `python` names.
caf::expected<fs::path> named(const pool_settings& pool) {
  const auto& python = pool.python;
  auto setting = "the setting python, \"" + python + "\", ";
  if (is_folder(python)) {
    if (auto program = in_environment(python))
      return fs::absolute(*program);
    return failed(setting
                  + "is a folder but no virtual environment: it has no "
                    "bin/python3");
  }
  if (python.find('/') == std::string::npos) {
    if (auto programs = on_path(pool, python); !programs.empty())
      return programs.front();
    return failed(setting
                  + "is not found: no folder on PATH has such a "
                    "program ("
                  + variable(pool, "PATH") + ")");
  }
  std::error_code ignored;
  if (!fs::exists(python, ignored))
    return failed(setting + "is not found: there is no such file");
  if (!is_program(python))
    return failed(setting + "is not executable");
  return fs::absolute(python);
}

// Where to look if the settings do not say.
std::vector<fs::path> candidates(const pool_settings& pool) {
  std::vector<fs::path> result;
  auto add = [&](const fs::path& program) {
    auto real = with_real_folder(program);
    if (std::find(result.begin(), result.end(), real) == result.end())
      result.push_back(real);
  };
  if (auto folder = variable(pool, "VIRTUAL_ENV"); !folder.empty())
    if (auto program = in_environment(folder))
      add(*program);
  for (const auto& program : on_path(pool, "python3"))
    add(program);
  if (is_program("/usr/bin/python3"))
    add("/usr/bin/python3");
  return result;
}

} // namespace

caf::expected<std::string> find_interpreter(const pool_settings& pool,
                                            timespan probe_limit) {
  if (!pool.python.empty()) {
    auto program = named(pool);
    if (!program)
      return program.error();
    auto found = probe_interpreter(program->string(), pool.env, probe_limit);
    if (found.lack.empty())
      return found.executable;
    return failed("the interpreter that the settings name cannot run a worker:"
                  + line(*program, found));
  }
  std::string tried;
  for (const auto& program : candidates(pool)) {
    auto found = probe_interpreter(program.string(), pool.env, probe_limit);
    if (found.lack.empty())
      return found.executable;
    tried += line(program, found);
  }
  if (tried.empty())
    return failed("no Python was found, neither on PATH nor as "
                  "/usr/bin/python3 (apt-get install python3 "
                  "python3-protobuf)");
  return failed("no Python that can run a worker was found; tried:" + tried);
}

} // namespace charmer
