#include "charmer/supervision/child_spec.hpp"

namespace charmer {

using namespace std::chrono_literals;

shutdown child_spec::effective_stop() const {
  if (stop)
    return *stop;
  return type == child_type::supervisor ? shutdown::infinite()
                                        : shutdown::after(5s);
}

shutdown child_spec::effective_retire() const {
  return retire ? *retire : effective_stop();
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

} // namespace charmer
