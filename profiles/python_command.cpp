#include "charmer/profiles/python_command.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/interpreter.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>

#include <unistd.h>

namespace charmer {

namespace {

namespace fs = std::filesystem;

constexpr std::array thread_limits{
    "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",        "OMP_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",  "VECLIB_MAXIMUM_THREADS",
};

bool is_package(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "__main__.py", ignored);
}

std::vector<fs::path> package_candidates() {
  std::vector<fs::path> result;
  std::error_code failed;
  auto program = fs::read_symlink("/proc/self/exe", failed);
  if (!failed) {
    result.push_back(program.parent_path() / "python");
    result.push_back(program.parent_path().parent_path() / "share" / "charmer"
                     / "python");
  }
  result.emplace_back(CHARMER_BUILT_PYTHON_PACKAGE);
  result.emplace_back(CHARMER_INSTALLED_PYTHON_PACKAGE);
  return result;
}

caf::error no_package(const std::string& text) {
  return make_error(pool_errc::start_failed, text);
}

} // namespace

caf::expected<std::string> python_package_folder() {
  if (auto said = std::getenv("CHARMER_PYTHON_PACKAGE"); said && *said) {
    if (is_package(said))
      return std::string{said};
    return no_package("CHARMER_PYTHON_PACKAGE names " + std::string{said}
                      + ", which has no __main__.py");
  }
  std::string tried;
  for (auto& x : package_candidates()) {
    if (is_package(x))
      return x.string();
    tried += "\n  " + x.string();
  }
  return no_package("charmer's Python package was not found; set "
                    "CHARMER_PYTHON_PACKAGE to its folder. Tried:"
                    + tried);
}

std::vector<std::string> worker_environment(const pool_settings& pool,
                                            std::uint32_t threads) {
  std::map<std::string, std::string> all;
  for (auto name : thread_limits)
    all[name] = std::to_string(threads);
  for (auto at = ::environ; at != nullptr && *at != nullptr; ++at) {
    std::string entry = *at;
    if (auto equals = entry.find('='); equals != entry.npos)
      all[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  for (auto& [name, value] : pool.env)
    all[name] = value;
  std::vector<std::string> result;
  for (auto& [name, value] : all)
    result.push_back(name + "=" + value);
  return result;
}

caf::expected<wire::command_line> python_command(const pool_settings& pool,
                                                 const std::string& worker) {
  auto folder = python_package_folder();
  if (!folder)
    return std::move(folder.error());
  // Who hangs is named before the start is over.
  auto interpreter =
      find_interpreter(pool, std::min(longest_probe, pool.start_timeout / 2));
  if (!interpreter)
    return std::move(interpreter.error());
  return wire::command_line{.arguments = {*interpreter, *folder, "--pool",
                                          pool.name, "--worker", worker},
                            .environment =
                                worker_environment(pool, threads_of(pool)),
                            .directory = pool.cwd};
}

} // namespace charmer
