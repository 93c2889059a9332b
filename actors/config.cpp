#include "charmer/actors/config.hpp"

#include "charmer/actors/messages.hpp"
#include "charmer/actors/task.hpp"
#include "charmer/supervision/messages.hpp"
#include "charmer/supervision/scheduler.hpp"

#include <caf/io/middleman.hpp>

namespace charmer {

void configure(caf::actor_system_config& cfg) {
  cfg.load<caf::io::middleman>();
  configure_supervision(cfg);
  cfg.add_message_types<caf::id_block::charmer_profiles>();
  cfg.add_message_types<caf::id_block::charmer>();
  cfg.add_error_category(
      caf::detail::error_factory<pool_errc>::category,
      [](uint8_t code, caf::atom_value, const caf::message& context) {
        return describe(caf::error{
            code, caf::detail::error_factory<pool_errc>::category, context});
      });
  register_tasks();
  load_scheduler(cfg);
  cfg.set("scheduler.policy", caf::atom("sharing"));
  cfg.set("scheduler.max-throughput", std::size_t{200});
}

} // namespace charmer
