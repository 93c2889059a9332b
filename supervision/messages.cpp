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
  using factory = caf::detail::error_factory<supervision_errc>;
  cfg.add_message_types<caf::id_block::charmer_supervision>();
  cfg.add_error_category(factory::category, [](std::uint8_t code,
                                               caf::atom_value category,
                                               const caf::message& context) {
    return describe_reason(caf::error{code, category, context});
  });
}

} // namespace charmer
