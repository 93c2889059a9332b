#include "charmer/profiles/interpreter.hpp"
#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/interpreter_probe.hpp"

#include <algorithm>
#include <array>
#include <charconv>
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
std::string line(const fs::path& program, const interpreter_info& found) {
  auto result = "\n  " + program.string() + ' ' + found.problem;
  if (!found.remedy.empty())
    result += " (" + found.remedy + ")";
  return result;
}

interpreter_info fault(interpreter_fault what, std::string looked_for,
                       std::string text) {
  interpreter_info result;
  result.executable = std::move(looked_for);
  result.fault = what;
  result.problem = std::move(text);
  return result;
}

// The program that the setting `python` names, or what is wrong with it.
fs::path named(const pool_settings& pool, interpreter_info& wrong) {
  const auto& python = pool.python;
  auto setting = "the setting python, \"" + python + "\", ";
  if (is_folder(python)) {
    if (auto program = in_environment(python))
      return fs::absolute(*program);
    wrong = fault(interpreter_fault::not_found, python,
                  setting
                      + "is a folder but no virtual environment: it has no "
                        "bin/python3");
    return {};
  }
  if (python.find('/') == std::string::npos) {
    if (auto programs = on_path(pool, python); !programs.empty())
      return programs.front();
    wrong =
        fault(interpreter_fault::not_found, python,
              setting + "is not found: no folder on PATH has such a program ("
                  + variable(pool, "PATH") + ")");
    return {};
  }
  std::error_code ignored;
  if (!fs::exists(python, ignored)) {
    wrong = fault(interpreter_fault::not_found, python,
                  setting + "is not found: there is no such file");
    return {};
  }
  if (!is_program(python)) {
    wrong = fault(interpreter_fault::not_executable, python,
                  setting + "is not executable");
    wrong.remedy = "chmod +x " + python;
    return {};
  }
  return fs::absolute(python);
}

// "the active virtual environment /x/ve was passed over: it has no protobuf
// (…)"
std::string passed_over(const std::string& folder,
                        const interpreter_info& found) {
  auto result = "the active virtual environment " + folder
                + " was passed over: it " + found.problem;
  if (!found.remedy.empty())
    result += " (" + found.remedy + ")";
  return result;
}

// Where to look if the settings do not say; the active virtual environment, if
// it has an interpreter, is the first.
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

// That of the settings, and no other.
interpreter_info look_at_named(const pool_settings& pool, timespan limit) {
  interpreter_info result;
  auto program = named(pool, result);
  if (result.fault != interpreter_fault::none)
    return result;
  result = probe_interpreter(program.string(), pool.env, limit);
  if (result.fault != interpreter_fault::none) {
    forget_interpreter(program.string(), pool.env);
    result.problem = "the interpreter that the settings name cannot run a "
                     "worker:"
                     + line(program, result);
  }
  return result;
}

// The first that will do.
interpreter_info search(const pool_settings& pool, timespan limit) {
  std::optional<interpreter_info> first;
  std::string tried;
  auto environment = variable(pool, "VIRTUAL_ENV");
  std::string over;
  if (!environment.empty() && !in_environment(environment))
    over = passed_over(environment, fault(interpreter_fault::not_found,
                                          environment, "has no bin/python3"));
  auto all = candidates(pool);
  for (const auto& program : all) {
    auto found = probe_interpreter(program.string(), pool.env, limit);
    if (found.fault == interpreter_fault::none) {
      found.passed_over = over;
      return found;
    }
    if (!environment.empty() && !first && over.empty())
      over = passed_over(environment, found);
    tried += line(program, found);
    if (!first)
      first = std::move(found);
  }
  if (!first)
    return fault(interpreter_fault::not_found, "python3",
                 "no Python was found, neither on PATH nor as "
                 "/usr/bin/python3 (apt-get install python3 "
                 "python3-protobuf)");
  for (const auto& program : all)
    forget_interpreter(program.string(), pool.env);
  first->problem = "no Python that can run a worker was found; tried:" + tried;
  return *first;
}

} // namespace

std::string to_string(const python_version& x) {
  return std::to_string(x.major) + '.' + std::to_string(x.minor) + '.'
         + std::to_string(x.micro);
}

std::optional<python_version> parse_python_version(std::string_view text) {
  std::array<int, 3> parts{};
  std::size_t known = 0;
  auto at = text.data();
  auto end = at + text.size();
  while (known < parts.size()) {
    auto [after, error] = std::from_chars(at, end, parts[known]);
    if (error != std::errc{} || parts[known] < 0)
      break;
    ++known;
    at = after;
    if (at == end || *at != '.')
      break;
    ++at;
  }
  if (known < 2)
    return std::nullopt;
  return python_version{parts[0], parts[1], parts[2]};
}

std::string to_string(interpreter_fault x) {
  switch (x) {
    case interpreter_fault::none:
      return "none";
    case interpreter_fault::not_found:
      return "not_found";
    case interpreter_fault::not_executable:
      return "not_executable";
    case interpreter_fault::no_answer:
      return "no_answer";
    case interpreter_fault::too_old:
      return "too_old";
    case interpreter_fault::no_protobuf:
      return "no_protobuf";
  }
  return "unknown";
}

caf::expected<std::string> find_interpreter(const pool_settings& pool,
                                            timespan probe_limit) {
  auto found = interpreter::info(pool, probe_limit);
  if (found.fault != interpreter_fault::none)
    return failed(std::move(found.problem));
  return found.executable;
}

namespace interpreter {

interpreter_info info(const pool_settings& pool, timespan probe_limit) {
  return pool.python.empty() ? search(pool, probe_limit)
                             : look_at_named(pool, probe_limit);
}

caf::expected<python_version> detect(const pool_settings& pool,
                                     timespan probe_limit) {
  auto found = info(pool, probe_limit);
  if (found.version == python_version{})
    return failed(std::move(found.problem));
  return found.version;
}

interpreter_fault validate(const pool_settings& pool, timespan probe_limit) {
  return info(pool, probe_limit).fault;
}

bool supports_free_threading(const python_version& x) {
  return x >= python_version{3, 13, 0};
}

bool supports_free_threading(const interpreter_info& x) {
  return x.free_threaded_build && !x.gil_enabled;
}

std::string recommend_profile(const interpreter_info& x) {
  return supports_free_threading(x) ? "thread" : "process";
}

} // namespace interpreter

} // namespace charmer
