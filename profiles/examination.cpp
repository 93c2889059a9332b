#include "charmer/profiles/examination.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/interpreter.hpp"
#include "charmer/profiles/library_compatibility.hpp"
#include "charmer/profiles/program_output.hpp"
#include "charmer/profiles/python_command.hpp"

#include <nlohmann/json.hpp>

namespace charmer {

namespace {

using nlohmann::json;

// What examination.py is told.
std::string request_of(const pool_settings& pool) {
  auto libraries = json::object();
  for (auto& x : compatibility::list_all())
    libraries[x.name] = x.modules;
  // That it is an object the settings have seen to.
  auto options = pool.adapter_options.empty()
                     ? json::object()
                     : json::parse(pool.adapter_options, nullptr, false);
  if (options.is_object())
    options.erase("charmer"); // ours, and the adapter does not get it
  else
    options = json::object();
  return json{{"adapter", pool.adapter},
              {"options", options},
              {"threads", threads_of(pool)},
              {"python_path", pool.python_path},
              {"libraries", libraries}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

// As a worker's.
std::map<std::string, std::string> environment_of(const pool_settings& pool) {
  std::map<std::string, std::string> result;
  for (auto& entry : worker_environment(pool, threads_of(pool))) {
    auto equals = entry.find('=');
    result[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return result;
}

caf::error failed(std::string text) {
  return make_error(pool_errc::start_failed, std::move(text));
}

// The last line; what was printed before it is not examination.py's.
json parse(const std::string& text) {
  auto end = text.find_last_not_of('\n');
  auto start = text.rfind('\n', end);
  if (end == std::string::npos || start == std::string::npos)
    return json::value_t::discarded;
  return json::parse(text.substr(start), nullptr, /*allow_exceptions=*/false);
}

examination read(const json& x) {
  examination result;
  x.at("libraries").get_to(result.libraries);
  x.at("imported").get_to(result.imported);
  const auto& adapter = x.at("adapter");
  result.adapter_error = adapter.value("error", "");
  result.traceback = adapter.value("traceback", "");
  result.missing_module = adapter.value("missing", "");
  result.import_time = std::chrono::duration_cast<timespan>(
      std::chrono::duration<double>(adapter.value("seconds", 0.0)));
  result.async_setup = adapter.value("async_setup", false);
  result.gil_enabled = x.value("gil_enabled", true);
  return result;
}

} // namespace

caf::expected<examination> examine(const pool_settings& pool, timespan limit) {
  auto folder = python_package_folder();
  if (!folder)
    return std::move(folder.error());
  auto python = find_interpreter(pool);
  if (!python)
    return std::move(python.error());
  auto ran =
      run_program({.arguments = {*python, *folder + "/charmer/examination.py",
                                 request_of(pool)},
                   .env = environment_of(pool),
                   .directory = pool.cwd},
                  limit);
  auto what = "importing the adapter " + pool.adapter + ": " + *python + ' ';
  if (!ran.problem.empty())
    return failed(what + ran.problem);
  if (!ran.end.empty())
    return failed(what + ran.end);
  auto answer = parse(ran.text);
  if (!answer.is_object())
    return failed(what + "gave no answer");
  return read(answer);
}

} // namespace charmer
