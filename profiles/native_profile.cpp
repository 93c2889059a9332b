#include "charmer/profiles/native_profile.hpp"

#include "charmer/supervision/errors.hpp"

#include <atomic>
#include <exception>
#include <map>
#include <mutex>

namespace charmer {

namespace {

struct registry {
  std::mutex mutex;
  std::map<std::string, native_spawner> spawners;
};

registry& all() {
  static registry instance;
  return instance;
}

native_spawner find_native(const std::string& name) {
  auto& known = all();
  std::lock_guard guard{known.mutex};
  auto i = known.spawners.find(name);
  return i != known.spawners.end() ? i->second : nullptr;
}

// What the pool and the supervisor know as the worker. Runs in the context of
// whoever sends; ends with the actor behind it, for the same reason.
class native_worker : public caf::monitorable_actor {
public:
  native_worker(caf::actor_config& cfg, std::weak_ptr<worker_host> host,
                caf::actor behind)
      : monitorable_actor(cfg), host_(std::move(host)),
        behind_(std::move(behind)) {}

  void enqueue(caf::mailbox_element_ptr x,
               caf::execution_unit* context) override {
    auto& content = x->content();
    if (content.match_elements<cancel_atom, std::uint64_t>())
      return; // a behaviour cannot be told
    if (content.match_elements<expel_atom>()) {
      planned_ = true;
      expelled_ = true;
      caf::anon_send_exit(behind_, caf::exit_reason::kill);
      return;
    }
    if (content.match_elements<caf::exit_msg>()) {
      planned_ = true;
      if (auto host = host_.lock())
        host->retiring();
    }
    behind_->enqueue(std::move(x), context);
  }

  void on_destroy() override {}

  /// The actor behind it has ended.
  void ended(const worker_start& what, const caf::error& why) {
    failure said{.text = describe_reason(why),
                 .pool = what.settings->name,
                 .worker = what.worker,
                 .incarnation = what.incarnation};
    what.host->died(
        {make_error(pool_errc::worker_died, std::move(said)), planned_.load()});
    auto reason = expelled_ ? make_error(supervision_errc::planned_stop) : why;
    cleanup(std::move(reason), nullptr);
  }

private:
  // Not held: a host may hold the worker.
  const std::weak_ptr<worker_host> host_;
  const caf::actor behind_;
  std::atomic<bool> planned_ = false;
  std::atomic<bool> expelled_ = false;
};

caf::error refuse(const worker_start& what, const std::string& text) {
  return make_error(pool_errc::start_failed,
                    failure{.text = text,
                            .pool = what.settings->name,
                            .worker = what.worker,
                            .incarnation = what.incarnation});
}

} // namespace

void register_native(const std::string& name, native_spawner spawn) {
  auto& known = all();
  std::lock_guard guard{known.mutex};
  known.spawners[name] = std::move(spawn);
}

caf::expected<caf::actor> native_profile::start_worker(caf::actor_system& sys,
                                                       worker_start what) {
  auto spawn = find_native(what.settings->adapter);
  if (!spawn)
    return refuse(what, "no native behaviour is registered as \""
                            + what.settings->adapter + "\"");
  caf::actor behind;
  try {
    behind = spawn(sys);
  } catch (const std::exception& e) {
    return refuse(what, e.what());
  }
  caf::actor_config cfg;
  auto worker = caf::make_actor<native_worker, caf::actor>(
      sys.next_actor_id(), sys.node(), &sys, cfg, what.host, behind);
  what.host->ready({.handle = worker});
  on_exit(behind, [worker, what = std::move(what)](const caf::error& why) {
    static_cast<native_worker*>(caf::actor_cast<caf::abstract_actor*>(worker))
        ->ended(what, why);
  });
  return worker;
}

std::uint32_t native_profile::get_capacity(const pool_settings&) const {
  return 1;
}

std::uint64_t native_profile::get_memory(const worker_info&) const {
  return 0;
}

} // namespace charmer
