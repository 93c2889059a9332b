#include "charmer/supervision/scheduler.hpp"

#include "charmer/supervision/job_queue.hpp"

#include <thread>

#include <caf/policy/unprofiled.hpp>
#include <caf/policy/work_stealing.hpp>
#include <caf/scheduler/coordinator.hpp>
#include <caf/scheduler/test_coordinator.hpp>

namespace charmer {

namespace {

// What CAF's coordinator and its threads ask of a policy.
class patient_sharing : public caf::policy::unprofiled {
public:
  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) {}

    job_queue<caf::resumable> jobs{std::thread::hardware_concurrency()};
  };

  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator*) {}

    bool entered = false;
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* self, caf::resumable* job) {
    d(self).jobs.put(job);
  }

  template <class Worker>
  void external_enqueue(Worker* self, caf::resumable* job) {
    d(self->parent()).jobs.put(job);
  }

  template <class Worker>
  void internal_enqueue(Worker* self, caf::resumable* job) {
    d(self->parent()).jobs.put_next(job);
  }

  // It has had its share of messages: others are next.
  template <class Worker>
  void resume_job_later(Worker* self, caf::resumable* job) {
    d(self->parent()).jobs.put_next(job);
  }

  template <class Worker>
  caf::resumable* dequeue(Worker* self) {
    auto& jobs = d(self->parent()).jobs;
    if (!d(self).entered) {
      d(self).entered = true;
      jobs.enter();
    }
    return jobs.take();
  }

  template <class Worker>
  void before_shutdown(Worker* self) {
    d(self->parent()).jobs.leave();
  }

  template <class Worker, class F>
  void foreach_resumable(Worker*, F) {
    // Threads have no jobs of their own.
  }

  template <class Coordinator, class F>
  void foreach_central_resumable(Coordinator* self, F f) {
    d(self).jobs.drain(f);
  }
};

// As the actor system would choose it, but for `sharing`.
caf::actor_system::module* make_scheduler(caf::actor_system& sys) {
  using namespace caf::scheduler;
  auto policy = caf::get_or(sys.config(), "scheduler.policy",
                            caf::defaults::scheduler::policy);
  if (policy == caf::atom("testing"))
    return new test_coordinator(sys);
  if (policy == caf::atom("stealing"))
    return new coordinator<caf::policy::work_stealing>(sys);
  return new coordinator<patient_sharing>(sys);
}

} // namespace

void load_scheduler(caf::actor_system_config& cfg) {
  cfg.module_factories.emplace_back(make_scheduler);
}

} // namespace charmer
