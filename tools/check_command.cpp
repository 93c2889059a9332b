#include "charmer/tools/check_command.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/interpreter.hpp"
#include "charmer/tools/application.hpp"
#include "charmer/tools/streams.hpp"

#include <algorithm>

namespace charmer::tools {

namespace {

std::string heading(const pool_settings& x) {
  return "pool " + x.name + ": " + std::to_string(x.size) + " x " + x.profile
         + ' ' + x.adapter + '\n';
}

std::string describe_command(const command_info& x, bool idempotent) {
  auto result = "  " + x.name + x.signature;
  if (idempotent)
    result += "  [idempotent]";
  if (x.stream)
    result += "  [stream]";
  // Of the documentation, the first line says what it is about.
  if (auto doc = x.doc.substr(0, x.doc.find('\n')); !doc.empty())
    result += "\n      " + doc;
  return result + '\n';
}

std::string describe_commands(const pool_settings& pool,
                              std::vector<command_info> commands) {
  std::sort(commands.begin(), commands.end(),
            [](auto& a, auto& b) { return a.name < b.name; });
  auto named = [&](const std::string& command) {
    return std::find(pool.idempotent.begin(), pool.idempotent.end(), command)
           != pool.idempotent.end();
  };
  std::string result;
  for (auto& x : commands)
    result += describe_command(x, x.idempotent || named(x.name));
  return result;
}

// Names in the settings that no command has: they would do nothing.
std::string unknown_names(const pool_settings& pool,
                          const std::vector<command_info>& commands) {
  std::string result;
  for (auto& name : pool.idempotent)
    if (std::none_of(commands.begin(), commands.end(),
                     [&](auto& x) { return x.name == name; }))
      result += (result.empty() ? "" : ", ") + name;
  return result;
}

// Starts one worker, and looks what it has.
caf::error check_pool(pool_settings pool, application& app,
                      std::string& report) {
  report += heading(pool);
  if (pool.profile == "process" || pool.profile == "thread") {
    auto python = find_interpreter(pool);
    if (!python)
      return python.error();
    report += "  python: " + *python + '\n';
    if (auto over = interpreter::info(pool).passed_over; !over.empty())
      report += "  note: " + over + '\n';
  }
  settings alone;
  alone.pools = {pool};
  alone.pools.front().size = 1;
  if (auto err = app.start(std::move(alone)))
    return err;
  auto commands = app.pools().commands(pool.name);
  if (!commands)
    return commands.error();
  report += describe_commands(pool, *commands);
  if (auto names = unknown_names(pool, *commands); !names.empty())
    return make_error(pool_errc::invalid_settings,
                      "pool \"" + pool.name
                          + "\": idempotent names what is no command: "
                          + names);
  return {};
}

} // namespace

exit_status check_command(const check_arguments& x) {
  console out;
  auto wanted = load(x.pools);
  if (!wanted) {
    out.complain(describe(wanted.error()));
    return status_of(wanted.error());
  }
  for (auto& note : wanted->notes)
    out.complain(note);
  if (!wanted->pooling_enabled)
    out.complain("pooling_enabled is false: an application that starts these "
                 "settings starts none of their pools; they are checked "
                 "nevertheless");
  signal_watch signals;
  auto status = exit_status::ok;
  for (auto& pool : wanted->pools) {
    std::string report;
    caf::error err;
    {
      application app{out, signals};
      err = check_pool(pool, app, report);
    }
    if (signals.taken() != 0)
      return status_of_signal(signals.taken());
    output_stream to{""};
    to.buffer() = std::move(report);
    to.write_all();
    if (!to.error().empty()) {
      out.complain(to.error());
      return exit_status::io;
    }
    if (err) {
      out.complain(describe(err));
      status = exit_status::config;
    }
  }
  return status;
}

} // namespace charmer::tools
