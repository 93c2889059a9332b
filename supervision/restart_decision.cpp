#include "charmer/supervision/restart_decision.hpp"

#include "charmer/supervision/messages.hpp"

namespace charmer {

exit_kind classify(const caf::error& reason) {
  if (!reason)
    return exit_kind::normal;
  if (is(reason, caf::exit_reason::user_shutdown))
    return exit_kind::shutdown;
  if (is(reason, supervision_errc::planned_stop))
    return exit_kind::planned;
  return exit_kind::abnormal;
}

verdict decide(restart_type type, exit_kind kind) {
  if (type == restart_type::temporary)
    return verdict::remove;
  if (kind == exit_kind::planned)
    return verdict::renew;
  auto ended_well = kind == exit_kind::normal || kind == exit_kind::shutdown;
  if (type == restart_type::transient && ended_well)
    return verdict::keep;
  return verdict::restart;
}

bool is_failure(restart_type type, exit_kind kind) {
  if (kind == exit_kind::planned)
    return false;
  return type == restart_type::permanent || kind == exit_kind::abnormal;
}

} // namespace charmer
