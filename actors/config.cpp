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
  register_messages<caf::id_block::charmer_profiles>(cfg);
  register_messages<caf::id_block::charmer>(cfg);
  render_errors<pool_errc>(cfg, describe);
  register_tasks();
  load_scheduler(cfg);
  prefer_sharing(cfg, 200);
}

} // namespace charmer
