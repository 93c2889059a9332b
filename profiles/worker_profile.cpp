#include "charmer/profiles/worker_profile.hpp"

#include "charmer/profiles/native_profile.hpp"
#include "charmer/profiles/process_profile.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <mutex>

namespace charmer {

namespace {

struct registry {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<worker_profile>> profiles{
      {"native", std::make_shared<native_profile>()},
      {"process", std::make_shared<process_profile>()},
      {"thread", std::make_shared<process_profile>()},
  };
};

registry& all() {
  static registry instance;
  return instance;
}

} // namespace

// -- what most profiles do alike ----------------------------------------------

std::vector<settings_error> worker_profile::check(const pool_settings&) const {
  return {};
}

void worker_profile::stop_worker(const caf::strong_actor_ptr& worker,
                                 worker_end how, actor_runner* context) {
  auto content = how == worker_end::at_once ? caf::make_message(expel_atom_v)
                                            : caf::make_message(dismiss_atom_v);
  post(worker, nullptr, caf::message_id{0}, std::move(content), context);
}

void worker_profile::execute_request(const caf::strong_actor_ptr& worker,
                                     caf::strong_actor_ptr from,
                                     caf::message_id id, caf::message request,
                                     actor_runner* context) {
  post(worker, std::move(from), id, std::move(request), context);
}

bool worker_profile::is_gone(const caf::strong_actor_ptr& worker) const {
  return has_closed_mailbox(worker).value_or(true);
}

bool worker_profile::may_have_begun(const caf::strong_actor_ptr&) const {
  return true;
}

bool worker_profile::can_cancel(const pool_settings&) const {
  return true;
}

std::uint32_t worker_profile::get_load(const worker_view& x) const {
  return x.info.evidence ? x.info.evidence->running() : x.running;
}

std::uint64_t worker_profile::get_memory(const worker_info&) const {
  return 0;
}

std::optional<health_question>
worker_profile::health_check(const worker_view&) const {
  return std::nullopt;
}

worker_metadata worker_profile::get_metadata(const worker_view& x) const {
  worker_metadata result;
  result.profile = x.settings->profile;
  result.worker = x.worker;
  result.incarnation = x.incarnation;
  result.capacity = get_capacity(*x.settings);
  result.load = get_load(x);
  result.pid = x.info.pid;
  result.interpreter = x.info.interpreter;
  result.python_version = x.info.python_version;
  result.gil_enabled = x.info.gil_enabled;
  return result;
}

std::string to_json(const worker_metadata& x) {
  nlohmann::ordered_json result{{"profile", x.profile},
                                {"worker", x.worker},
                                {"capacity", x.capacity},
                                {"load", x.load},
                                {"incarnation", x.incarnation}};
  if (x.pid != 0)
    result["pid"] = x.pid;
  if (!x.python_version.empty()) {
    result["interpreter"] = x.interpreter;
    result["python_version"] = x.python_version;
    result["gil_enabled"] = x.gil_enabled;
  }
  for (auto& [key, text] : x.more) {
    auto value = nlohmann::ordered_json::parse(text, nullptr, false);
    result[key] = value.is_discarded() ? nlohmann::ordered_json(text) : value;
  }
  return result.dump();
}

// -- what a host need not have ------------------------------------------------

timespan worker_host::time_left(std::uint64_t) {
  return infinite;
}

void worker_host::ask(host_question what) {
  cast(what.asker, answer_atom_v, what.number,
       make_error(pool_errc::unsupported,
                  "this worker has no application to call"));
}

// -- by name ------------------------------------------------------------------

caf::expected<std::shared_ptr<worker_profile>>
find_profile(const std::string& name) {
  auto& known = all();
  std::lock_guard guard{known.mutex};
  if (auto i = known.profiles.find(name); i != known.profiles.end())
    return i->second;
  std::string names;
  for (auto& [other, ignored] : known.profiles)
    names += (names.empty() ? "" : ", ") + other;
  return make_error(pool_errc::invalid_settings,
                    "no profile is named \"" + name + "\"; there are " + names);
}

std::vector<std::string> profile_names() {
  auto& known = all();
  std::lock_guard guard{known.mutex};
  std::vector<std::string> result;
  for (auto& [name, ignored] : known.profiles)
    result.push_back(name);
  return result;
}

void register_profile(const std::string& name,
                      std::shared_ptr<worker_profile> profile) {
  auto& known = all();
  std::lock_guard guard{known.mutex};
  if (profile)
    known.profiles[name] = std::move(profile);
  else
    known.profiles.erase(name);
}

} // namespace charmer
