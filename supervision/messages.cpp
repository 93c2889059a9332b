#include "charmer/supervision/messages.hpp"

#include "charmer/supervision/supervision_tree.hpp"

#include <array>

namespace charmer {

std::string to_string(child_state x) {
  constexpr std::array names{"starting", "running", "retiring", "stopping",
                             "backoff",  "stopped", "abandoned"};
  auto i = static_cast<std::size_t>(x);
  return i < names.size() ? names[i] : "unknown";
}

void configure_supervision(caf::actor_system_config& cfg) {
  register_messages<caf::id_block::charmer_supervision>(cfg);
  render_errors<supervision_errc>(cfg, describe_reason);
}

} // namespace charmer
