#include "charmer/tools/application.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/settings.hpp"

#include <caf/io/middleman.hpp>

#include <algorithm>
#include <filesystem>

namespace charmer::tools {

namespace {

using std::chrono::steady_clock;

// Longer than any start_timeout that makes sense at a prompt.
constexpr auto start_limit = std::chrono::minutes(10);
constexpr auto stop_limit = std::chrono::seconds(15);

settings from_adapter(const pool_choice& x) {
  pool_settings pool;
  pool.adapter = x.adapter;
  pool.profile = x.profile;
  pool.size = x.size;
  pool.python = x.python;
  auto here = std::filesystem::current_path();
  for (auto& folder : x.python_path)
    pool.python_path.push_back((here / folder).lexically_normal().string());
  pool.python_path.push_back(here.string());
  settings result;
  result.pools.push_back(std::move(pool));
  return result;
}

std::string names_of(const std::vector<pool_settings>& pools) {
  std::string result;
  for (auto& x : pools)
    result += (result.empty() ? "" : ", ") + x.name;
  return result;
}

handler_spec printer(console& out, report_format format) {
  handler_spec result;
  result.name = "command line";
  result.blocking = true;
  result.on_event = [&out, format](const event& x) {
    out.line(format == report_format::json ? to_json(x) : to_string(x));
  };
  return result;
}

} // namespace

// -- settings -----------------------------------------------------------------

caf::expected<settings> load(const pool_choice& x) {
  if (!x.file.empty())
    return settings::from_file(x.file);
  auto result = from_adapter(x);
  if (auto mistakes = validate(result); !mistakes.empty())
    return make_error(mistakes);
  return result;
}

caf::expected<settings> load_one(const pool_choice& x) {
  auto result = load(x);
  if (!result)
    return result;
  if (!result->pooling_enabled)
    return make_error(pool_errc::no_such_pool, "pooling_enabled is false in "
                                                   + x.file
                                                   + ": no pool is started");
  auto& pools = result->pools;
  if (x.pool.empty() && pools.size() == 1)
    return result;
  auto wanted = x.pool.empty() ? std::string{"default"} : x.pool;
  auto found = std::find_if(pools.begin(), pools.end(),
                            [&](auto& pool) { return pool.name == wanted; });
  if (found == pools.end())
    return make_error(pool_errc::no_such_pool,
                      "there is no pool \"" + wanted + "\" in " + x.file
                          + "; choose with --pool from: " + names_of(pools));
  pools = {std::move(*found)};
  return result;
}

// -- application --------------------------------------------------------------

application::config::config() {
  load<caf::io::middleman>();
}

application::application(console& out, signal_watch& signals, reports told)
    : out_(out), signals_(signals), told_(told), system_(config_) {
  // nop
}

application::~application() {
  stop();
}

caf::error application::start(settings x) {
  std::vector<handler_spec> handlers;
  if (told_.events != report_format::none)
    handlers.push_back(printer(out_, told_.events));
  for (auto& pool : x.pools)
    names_.push_back(pool.name);
  auto result = charmer::start(system_, std::move(x), std::move(handlers));
  if (!result)
    return result.error();
  runtime_.emplace(std::move(*result));
  return await_ready();
}

exit_status application::start_or_complain(settings x) {
  auto err = start(std::move(x));
  if (signals_.taken() != 0)
    return status_of_signal(signals_.taken());
  if (!err)
    return exit_status::ok;
  out_.complain(describe(err));
  return status_of(err);
}

// In short pieces, so that a signal is seen.
caf::error application::await_ready() {
  auto end = steady_clock::now() + start_limit;
  while (true) {
    auto err = runtime_->await_ready(std::chrono::milliseconds(50));
    if (!err || signals_.take() || steady_clock::now() >= end)
      return err;
    if (std::any_of(names_.begin(), names_.end(), [&](auto& name) {
          auto stats = runtime_->stats(name);
          return stats && stats->degraded;
        }))
      return runtime_->await_ready(timespan{0}); // says why
  }
}

void application::print_tree() {
  if (told_.tree == report_format::none)
    return;
  if (auto x = runtime_->tree())
    out_.line(told_.tree == report_format::json ? to_json(*x) : to_string(*x));
  else
    out_.complain(describe(x.error()));
}

void application::stop() {
  signals_.release();
  if (!runtime_)
    return;
  print_tree();
  if (auto err = runtime_->stop(stop_limit))
    out_.complain(describe(err));
  runtime_.reset();
}

} // namespace charmer::tools
