#include "charmer/supervision/scheduler.hpp"

#include "charmer/supervision/job_queue.hpp"

namespace charmer {

void load_scheduler(caf::actor_system_config& cfg) {
  replace_sharing<shared_jobs<job_queue<caf::resumable>>>(cfg);
}

} // namespace charmer
