#include "charmer/tools/exit_status.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/messages.hpp"

#include <csignal>

namespace charmer::tools {

namespace {

exit_status status_of(pool_errc x) {
  switch (x) {
    case pool_errc::none:
      return exit_status::ok;
    case pool_errc::unknown_command:
    case pool_errc::python_exception:
    case pool_errc::worker_died:
    case pool_errc::poisoned:
    case pool_errc::bad_payload:
    case pool_errc::frame_too_large:
    case pool_errc::protocol_error:
    case pool_errc::cancelled:
      return exit_status::failed;
    case pool_errc::wait_timeout:
    case pool_errc::exec_timeout:
      return exit_status::timeout;
    case pool_errc::pool_degraded:
    case pool_errc::queue_full:
    case pool_errc::circuit_open:
    case pool_errc::no_available_worker:
    case pool_errc::start_failed:
    case pool_errc::node_down:
    case pool_errc::shutting_down:
      return exit_status::unavailable;
    case pool_errc::no_such_pool:
    case pool_errc::invalid_settings:
    case pool_errc::no_pools_configured:
    case pool_errc::unsupported:
      return exit_status::config;
    default:
      return exit_status::internal;
  }
}

} // namespace

exit_status status_of(const caf::error& x) {
  if (!x)
    return exit_status::ok;
  if (has_code_of<pool_errc>(x))
    return status_of(static_cast<pool_errc>(x.code()));
  return exit_status::internal;
}

exit_status status_of_signal(int number) {
  return number == SIGTERM ? exit_status::terminated : exit_status::interrupted;
}

std::string describe_exit_statuses() {
  return R"(exit status:
  0    everything was done
  1    a command failed (map: at least one item, whatever --on-error says;
       doctor: something must be done)
  2    the command line is wrong
  65   the arguments, or a line of the input, are no JSON or too long
  69   no worker could be started, or none could be had for too long
  70   a mistake in charmer itself
  74   reading the input or writing the output failed
  78   the settings are wrong
  124  a deadline passed
  130  ended by SIGINT (Ctrl-C)
  141  whoever read the output is gone
  143  ended by SIGTERM
)";
}

} // namespace charmer::tools
