#include "charmer/supervision/child_spec.hpp"

namespace charmer {

namespace {

using namespace std::chrono_literals;

/// What is wrong, or an empty text.
std::string mistake_in(const child_spec& x) {
  if (x.id.empty())
    return "the id is empty";
  if (!x.start)
    return "there is no start function";
  if (x.stop && !x.stop->kills_at_once() && x.stop->limit() < 0s)
    return "the shutdown limit is negative";
  if (x.start_limit <= 0s)
    return "the start limit is not positive";
  if (x.significant && x.restart == restart_type::permanent)
    return "a permanent child cannot be significant";
  if (x.intensity && x.intensity->intensity < 0)
    return "the intensity is negative";
  if (x.intensity && x.intensity->period <= 0s)
    return "the period is not positive";
  if (x.retry
      && (x.retry->minimum < 0s || x.retry->maximum < x.retry->minimum
          || x.retry->factor < 1 || x.retry->jitter < 0 || x.retry->jitter > 1))
    return "the backoff is not minimum <= maximum, factor >= 1, jitter 0 to 1";
  return {};
}

} // namespace

shutdown child_spec::effective_stop() const {
  if (stop)
    return *stop;
  return type == child_type::supervisor ? shutdown::infinite()
                                        : shutdown::after(5s);
}

std::string to_string(restart_type x) {
  switch (x) {
    case restart_type::permanent:
      return "permanent";
    case restart_type::transient:
      return "transient";
    default:
      return "temporary";
  }
}

std::string to_string(child_type x) {
  return x == child_type::worker ? "worker" : "supervisor";
}

caf::error validate(const child_spec& x) {
  auto mistake = mistake_in(x);
  if (mistake.empty())
    return {};
  return make_error(supervision_errc::invalid_spec,
                    "child '" + x.id + "': " + mistake);
}

} // namespace charmer
