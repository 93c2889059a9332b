#include "baselines.hpp"

#include "script_process.hpp"
#include "stopwatch.hpp"

#include <array>
#include <cstdlib>

namespace bench {

namespace {

double run(python_pool which, std::vector<std::string> arguments,
           const conditions& x) {
  auto seconds = std::chrono::duration<double>(x.time).count();
  arguments.insert(arguments.begin(),
                   which == python_pool::executor ? "executor" : "pool");
  arguments.insert(arguments.end(), {"--seconds", std::to_string(seconds)});
  script_process running{x.python, "baselines.py", arguments};
  auto said = running.finish(3 * x.time + std::chrono::seconds(60));
  return std::stod(said);
}

} // namespace

double bare_pipe(const conditions& x, const on_host_core* place) {
  std::vector<std::string> core;
  if (place != nullptr)
    core = {std::to_string(place->worker_core())};
  script_process echo{x.python, "bare_echo.py", core};
  std::array<char, 64> bytes;
  bytes.fill('x');
  return median_time(x.time, [&] {
    echo.write({bytes.data(), bytes.size()});
    echo.read(bytes);
  });
}

double sequential(python_pool which, const conditions& x,
                  const on_host_core* place) {
  std::vector<std::string> arguments{"sequential", "--workers", "1"};
  if (place != nullptr)
    arguments.insert(arguments.end(),
                     {"--worker-core", std::to_string(place->worker_core())});
  return run(which, arguments, x);
}

double throughput(python_pool which, std::size_t workers, std::size_t in_flight,
                  const conditions& x) {
  return run(which,
             {"throughput", "--workers", std::to_string(workers), "--in-flight",
              std::to_string(in_flight)},
             x);
}

} // namespace bench
