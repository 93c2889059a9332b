#include "charmer/profiles/interpreter_probe.hpp"
#include "charmer/profiles/program_output.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <mutex>
#include <sstream>
#include <utility>
#include <vector>

namespace charmer {

namespace {

// Has to run on every Python there is, 2.7 included, to be able to say so. The
// mark is for those whose start-up prints something of its own.
constexpr const char* question = R"(
import sys
sys.path[:] = [p for p in sys.path if p]
lack = 'nothing'
version = ''
try:
    import google.protobuf
    version = google.protobuf.__version__
    try:
        from google.protobuf.internal import builder
    except ImportError:
        lack = 'version ' + version
except ImportError:
    lack = 'protobuf'
built = False
if sys.version_info >= (3, 13):
    import sysconfig
    built = bool(sysconfig.get_config_var('Py_GIL_DISABLED'))
gil = getattr(sys, '_is_gil_enabled', lambda: True)()
sys.stdout.write('\ncharmer-probe %d %d %d\n%s\n%s\n%s\n%d %d\n'
                 % (sys.version_info[:3]
                    + (sys.executable, lack, version, built, gil)))
sys.stdout.flush()
)";

std::string protobuf_remedy(const std::string& executable) {
  if (executable.starts_with("/usr/bin/"))
    return "apt-get install python3-protobuf";
  return executable + " -m pip install protobuf";
}

interpreter_info without_answer(const std::string& path,
                                const std::string& problem) {
  interpreter_info result;
  result.executable = path;
  result.fault = interpreter_fault::no_answer;
  result.problem = problem;
  return result;
}

// Reads the lines after the mark.
interpreter_info parse_answer(const std::string& path, const std::string& lines,
                              std::string& lack) {
  std::istringstream in{lines};
  interpreter_info result;
  auto& v = result.version;
  std::string rest;
  in >> v.major >> v.minor >> v.micro;
  std::getline(in, rest);
  std::getline(in, result.executable);
  std::getline(in, lack);
  std::getline(in, result.protobuf);
  int built = 0;
  int gil = 1;
  if (in >> built >> gil) {
    result.free_threaded_build = built != 0;
    result.gil_enabled = gil != 0;
  }
  if (!result.executable.starts_with('/'))
    result.executable = path;
  return result;
}

// The line that says most: what Python calls fatal, else the last one.
std::string main_line(const std::string& errors) {
  auto end = errors.find_last_not_of(" \t\r\n");
  if (end == errors.npos)
    return {};
  auto begin = errors.find("Fatal Python error");
  if (begin == errors.npos)
    begin = errors.rfind('\n', end) + 1;
  return errors.substr(begin,
                       std::min(errors.find('\n', begin), end + 1) - begin);
}

// What the environment may have that no Python starts with.
std::string home_in(const std::map<std::string, std::string>& env) {
  if (auto i = env.find("PYTHONHOME"); i != env.end())
    return i->second;
  auto value = std::getenv("PYTHONHOME");
  return value ? value : "";
}

interpreter_info no_python(const std::string& path, const program_output& ran,
                           const std::string& home) {
  auto result = without_answer(path, "does not answer as Python does");
  if (!ran.end.empty())
    result.problem += ": it " + ran.end;
  if (auto said = main_line(ran.errors); !said.empty())
    result.problem.append("; it says \"").append(said).append("\"");
  if (!home.empty())
    result.remedy = "unset PYTHONHOME, or set it to a Python's folder: it is \""
                    + home + '"';
  return result;
}

interpreter_info judge(const std::string& path, const program_output& ran,
                       const std::string& home) {
  if (!ran.problem.empty())
    return without_answer(path, ran.problem);
  constexpr std::string_view mark = "\ncharmer-probe ";
  auto start = ran.text.find(mark);
  if (start == std::string::npos)
    return no_python(path, ran, home);
  std::string lack;
  auto result = parse_answer(path, ran.text.substr(start + mark.size()), lack);
  if (result.version < python_version{3, 9, 0}) {
    result.fault = interpreter_fault::too_old;
    result.problem =
        "is Python " + to_string(result.version) + "; 3.9 or later is needed";
  } else if (lack == "protobuf") {
    result.fault = interpreter_fault::no_protobuf;
    result.problem = "has no protobuf";
    result.remedy = protobuf_remedy(result.executable);
  } else if (lack != "nothing") {
    result.fault = interpreter_fault::no_protobuf;
    result.problem = "has protobuf " + lack + "; 3.20 or later is needed";
    result.remedy = result.executable + " -m pip install --upgrade protobuf";
  }
  return result;
}

// -- asking only once ---------------------------------------------------------

using question_key = std::pair<std::string, std::map<std::string, std::string>>;

std::mutex answers_mutex;
std::map<question_key, std::shared_future<interpreter_info>> answers;

} // namespace

interpreter_info
probe_interpreter(const std::string& path,
                  const std::map<std::string, std::string>& env,
                  timespan limit) {
  std::promise<interpreter_info> answer;
  std::shared_future<interpreter_info> others;
  {
    std::lock_guard guard{answers_mutex};
    auto [entry, is_new] = answers.try_emplace({path, env});
    if (is_new)
      entry->second = answer.get_future().share();
    else
      others = entry->second;
  }
  if (others.valid())
    return others.get();
  auto ran =
      run_program({.arguments = {path, "-c", question}, .env = env}, limit);
  auto result = judge(path, ran, home_in(env));
  answer.set_value(result);
  return result;
}

void forget_interpreter(const std::string& path,
                        const std::map<std::string, std::string>& env) {
  std::lock_guard guard{answers_mutex};
  auto entry = answers.find({path, env});
  if (entry != answers.end()
      && entry->second.wait_for(std::chrono::seconds(0))
             == std::future_status::ready)
    answers.erase(entry);
}

} // namespace charmer
