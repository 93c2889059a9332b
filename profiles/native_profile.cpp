#include "charmer/profiles/native_profile.hpp"

#include "charmer/supervision/errors.hpp"
#include "charmer/supervision/messages.hpp"

#include <atomic>
#include <exception>
#include <map>
#include <mutex>
#include <typeinfo>

namespace charmer {

namespace {

// How long a behaviour that was killed may be busy before it is left behind.
constexpr timespan grace = std::chrono::milliseconds(100);

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
class native_worker final : public actor_without_mailbox,
                            public request_watcher {
public:
  native_worker(caf::actor_config& cfg, worker_start what, caf::actor behind)
      : actor_without_mailbox(cfg), host_(what.host),
        behind_(std::move(behind)), what_(std::move(what)) {
    what_.host = nullptr; // a host may hold the worker
  }

  void receive(caf::mailbox_element_ptr x, actor_runner* context) override {
    if (x->mid.is_request() || !take_order(*x))
      behind_->enqueue(std::move(x), context);
  }

  /// A request of the pool's, one at a time.
  void give(const caf::strong_actor_ptr& from, caf::message_id id,
            caf::message request, actor_runner* context) {
    begun_ = false;
    given_ = number_of(id);
    if (!concluded_) {
      post_watched(behind_, from, id, std::move(request), *this, ctrl(),
                   context);
    } else if (take_back() != 0) {
      // It would lie there until the behaviour gets to its mailbox.
      post(from, nullptr, id.response_id(),
           caf::make_message(caf::make_error(caf::sec::request_receiver_down)),
           context);
    }
  }

  bool may_begin(caf::message_id which) override {
    auto expected = number_of(which);
    auto result = given_.compare_exchange_strong(expected, 0);
    if (result)
      begun_ = true;
    return result;
  }

  /// Whether what bounces comes from the actor behind it, and not from one to
  /// which that has delegated it.
  bool is_gone() const {
    return concluded_ || has_closed_mailbox(behind_).value_or(false);
  }

  /// Whether it may have begun what came back from it.
  bool may_have_begun() const { return begun_; }

  /// The actor behind it has ended.
  void ended(worker_host& host, const caf::error& why) {
    if (concluded_.exchange(true))
      is_over(host);
    else
      conclude(host, why, planned_);
  }

private:
  static std::uint64_t number_of(caf::message_id x) {
    return x.request_id().integer_value();
  }

  // The one that it was given and has not begun, from now on it will not; 0:
  // there is none.
  std::uint64_t take_back() { return given_.exchange(0); }

  // What only pools and supervisors say.
  bool take_order(caf::mailbox_element& x) {
    auto& content = x.content();
    if (content.match_elements<expel_atom>()) {
      leave_behind(make_error(supervision_errc::planned_stop));
      return true;
    }
    if (content.match_elements<time_limit_atom>()) {
      leave_behind(caf::exit_reason::kill);
      return true;
    }
    if (content.match_elements<dismiss_atom>()) {
      planned_ = true;
      ask_to_stop(behind_);
      return true;
    }
    auto reason = stop_reason(content);
    if (!reason)
      return false;
    if (*reason == caf::exit_reason::kill) {
      planned_ = true;
      if (!killed_.exchange(true))
        cast_later(caf::actor_cast<caf::actor>(ctrl()), grace,
                   time_limit_atom_v);
      return false;
    }
    // An actor that ends forgets what it has promised to answer; so it ends
    // when nothing is left, which the pool says by dismiss_atom. Until then one
    // that has all the time it needs does not end because it was asked to.
    auto host = host_.lock();
    if (!host || host->retiring() != infinite)
      planned_ = true;
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
    kill(behind_);
    if (!host || !is_first)
      return;
    std::vector<std::uint64_t> not_begun;
    if (auto lease = take_back())
      not_begun.push_back(lease);
    host->left_behind();
    conclude(*host, why, true, std::move(not_begun));
    is_over(*host);
  }

  // It was left behind, and that was told; it has ended: whichever comes last.
  void is_over(worker_host& host) {
    if (half_over_.exchange(true))
      host.returned();
  }

  void conclude(worker_host& host, const caf::error& why, bool planned,
                std::vector<std::uint64_t> not_begun = {}) {
    failure said{.text = describe_reason(why),
                 .pool = what_.settings->name,
                 .worker = what_.worker,
                 .incarnation = what_.incarnation};
    host.died({.reason = make_error(pool_errc::worker_died, std::move(said)),
               .planned = planned,
               .not_begun = std::move(not_begun)});
    end(why, nullptr);
  }

  const std::weak_ptr<worker_host> host_;
  const caf::actor behind_;
  worker_start what_;
  std::atomic<std::uint64_t> given_ = 0; // what it has not begun; 0: nothing
  std::atomic<bool> begun_ = false;      // the last that it was given
  std::atomic<bool> planned_ = false;
  std::atomic<bool> killed_ = false;
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
  if (spawn)
    known.behaviors[name] = {std::move(spawn), std::move(accepts)};
  else
    known.behaviors.erase(name);
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

void native_profile::execute_request(const caf::strong_actor_ptr& worker,
                                     caf::strong_actor_ptr from,
                                     caf::message_id id, caf::message request,
                                     actor_runner* context) {
  auto* who = caf::actor_cast<caf::abstract_actor*>(worker);
  // A profile that is derived from this one may start others.
  if (typeid(*who) == typeid(native_worker))
    static_cast<native_worker*>(who)->give(from, id, std::move(request),
                                           context);
  else
    worker_profile::execute_request(worker, std::move(from), id,
                                    std::move(request), context);
}

bool native_profile::is_gone(const caf::strong_actor_ptr& worker) const {
  auto* who = caf::actor_cast<caf::abstract_actor*>(worker);
  auto* native = dynamic_cast<native_worker*>(who);
  return !native || native->is_gone();
}

bool native_profile::may_have_begun(const caf::strong_actor_ptr& worker) const {
  auto* who = caf::actor_cast<caf::abstract_actor*>(worker);
  auto* native = dynamic_cast<native_worker*>(who);
  return native && native->may_have_begun();
}

bool native_profile::can_cancel(const pool_settings&) const {
  return false;
}

std::uint32_t native_profile::get_capacity(const pool_settings&) const {
  return 1;
}

} // namespace charmer
