#include "charmer/profiles/native_profile.hpp"

#include "charmer/supervision/errors.hpp"
#include "charmer/supervision/mailbox.hpp"

#include <atomic>
#include <exception>
#include <map>
#include <mutex>

namespace charmer {

namespace {

struct behavior_entry {
  native_spawner spawn;
  interface_source accepts; // may be null
};

struct registry {
  std::mutex mutex;
  std::map<std::string, behavior_entry> behaviors;
};

registry& all() {
  static registry instance;
  return instance;
}

native_spawner find_native(const std::string& name) {
  auto& known = all();
  std::lock_guard guard{known.mutex};
  auto i = known.behaviors.find(name);
  return i != known.behaviors.end() ? i->second.spawn : nullptr;
}

// What the pool and the supervisor know as the worker. Runs in the context of
// whoever sends; ends with the actor behind it, for the same reason, or before
// it if that cannot be ended.
class native_worker : public caf::monitorable_actor {
public:
  native_worker(caf::actor_config& cfg, worker_start what, caf::actor behind)
      : monitorable_actor(cfg), host_(what.host), behind_(std::move(behind)),
        what_(std::move(what)) {
    what_.host = nullptr; // a host may hold the worker
  }

  void enqueue(caf::mailbox_element_ptr x,
               caf::execution_unit* context) override {
    if (!x->mid.is_request() && take_order(*x))
      return;
    behind_->enqueue(std::move(x), context);
  }

  void on_destroy() override {}

  /// Whether what bounces comes from the actor behind it, and not from one to
  /// which that has delegated it.
  bool is_gone() const {
    return concluded_ || has_closed_mailbox(behind_).value_or(false);
  }

  /// The actor behind it has ended.
  void ended(worker_host& host, const caf::error& why) {
    if (concluded_.exchange(true))
      is_over(host);
    else
      conclude(host, why, planned_);
  }

private:
  // What only pools and supervisors say.
  bool take_order(caf::mailbox_element& x) {
    auto& content = x.content();
    if (content.match_elements<cancel_atom, std::uint64_t>())
      return true; // a behaviour cannot be told
    if (content.match_elements<expel_atom>()) {
      leave_behind(make_error(supervision_errc::planned_stop));
      return true;
    }
    if (content.match_elements<dismiss_atom>()) {
      caf::anon_send_exit(behind_, caf::exit_reason::user_shutdown);
      return true;
    }
    if (!content.match_elements<caf::exit_msg>())
      return false;
    auto& reason = content.get_as<caf::exit_msg>(0).reason;
    planned_ = true;
    if (reason == caf::exit_reason::kill) {
      if (is_waiting(behind_).value_or(true)) // it will hear of it
        return false;
      leave_behind(reason);
      return true;
    }
    // An actor that ends forgets what it has promised to answer; so it ends
    // when nothing is left, which the pool says by dismiss_atom.
    if (auto host = host_.lock())
      host->retiring();
    return true;
  }

  // A handler that runs cannot be interrupted. Whoever waits for the worker is
  // told now, and a successor starts; if the behaviour gets as far as its
  // mailbox again, it ends.
  void leave_behind(const caf::error& why) {
    planned_ = true;
    auto host = host_.lock();
    // Before the behaviour hears of it: it may be idle, and end at once.
    auto is_first = !concluded_.exchange(true);
    caf::anon_send_exit(behind_, caf::exit_reason::kill);
    if (!host || !is_first)
      return;
    host->left_behind();
    conclude(*host, why, true);
    is_over(*host);
  }

  // It was left behind, and that was told; it has ended: whichever comes last.
  void is_over(worker_host& host) {
    if (half_over_.exchange(true))
      host.returned();
  }

  void conclude(worker_host& host, const caf::error& why, bool planned) {
    failure said{.text = describe_reason(why),
                 .pool = what_.settings->name,
                 .worker = what_.worker,
                 .incarnation = what_.incarnation};
    host.died({make_error(pool_errc::worker_died, std::move(said)), planned});
    cleanup(caf::error{why}, nullptr);
  }

  const std::weak_ptr<worker_host> host_;
  const caf::actor behind_;
  worker_start what_;
  std::atomic<bool> planned_ = false;
  std::atomic<bool> concluded_ = false;
  std::atomic<bool> half_over_ = false;
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
  register_native(name, std::move(spawn), interface_source{});
}

void register_native(const std::string& name, native_spawner spawn,
                     interface_source accepts) {
  auto& known = all();
  std::lock_guard guard{known.mutex};
  known.behaviors[name] = {std::move(spawn), std::move(accepts)};
}

message_interface native_interface(const caf::actor_system& sys,
                                   const std::string& name) {
  interface_source source;
  {
    auto& known = all();
    std::lock_guard guard{known.mutex};
    if (auto i = known.behaviors.find(name); i != known.behaviors.end())
      source = i->second.accepts;
  }
  return source ? source(sys) : message_interface{};
}

std::vector<settings_error>
native_profile::check(const pool_settings& x) const {
  if (find_native(x.adapter))
    return {};
  auto& known = all();
  std::lock_guard guard{known.mutex};
  std::string names;
  for (auto& [name, behavior] : known.behaviors)
    names += (names.empty() ? "" : ", ") + name;
  return {{"adapter", "\"" + x.adapter + "\"",
           "a native behaviour that was registered before the pool is started ("
           "register_native); there are: "
               + (names.empty() ? "none" : names)}};
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
  } catch (...) {
    return refuse(what, "an exception that is no std::exception");
  }
  if (!behind)
    return refuse(what, "the function that spawns it returned no actor");
  caf::actor_config cfg;
  auto host = what.host;
  auto worker = caf::make_actor<native_worker, caf::actor>(
      sys.next_actor_id(), sys.node(), &sys, cfg, std::move(what), behind);
  host->ready({.handle = worker});
  on_exit(behind, [worker, host](const caf::error& why) {
    static_cast<native_worker*>(caf::actor_cast<caf::abstract_actor*>(worker))
        ->ended(*host, why);
  });
  return worker;
}

bool native_profile::is_gone(const caf::strong_actor_ptr& worker) const {
  auto* who = caf::actor_cast<caf::abstract_actor*>(worker);
  auto* native = dynamic_cast<native_worker*>(who);
  return !native || native->is_gone();
}

std::uint32_t native_profile::get_capacity(const pool_settings&) const {
  return 1;
}

} // namespace charmer
