#include "charmer/profiles/process_profile.hpp"

#include "charmer/profiles/python_command.hpp"
#include "charmer/profiles/python_worker.hpp"
#include "charmer/wire/spawner.hpp"

#include <nlohmann/json.hpp>

namespace charmer {

namespace {

// An adapter may have a command of this name itself, which says what it likes;
// {"healthy": false, "reason": …} is bad news.
std::string trouble_in(const reply& answer) {
  auto said = nlohmann::json::parse(answer.value.data, nullptr,
                                    /*allow_exceptions=*/false);
  if (!said.is_object() || said.value("healthy", nlohmann::json(true)) != false)
    return {};
  auto why = said.value("reason", nlohmann::json{});
  return why.is_string() ? why.get<std::string>() : "it says so";
}

// Waits for the burial of a process whose actor was ended from outside. As an
// actor, so that the actor system waits, too: what is told of a death has to
// find it. It is there as long as the worker's own, because CAF counts an actor
// no longer when it runs what is attached to its end. No process takes so long
// to be buried; one that the kernel cannot end does.
caf::behavior mourn(caf::event_based_actor* self,
                    const std::shared_ptr<worker_session>& session) {
  return {
      [=](caf::ok_atom) { // the worker's actor has ended
        if (session->told())
          self->quit();
        else
          send_later(self, std::chrono::seconds(5), worker_tick::buried);
      },
      [=](worker_tick) {
        session->tell_buried();
        self->quit();
      },
  };
}

} // namespace

process_profile::process_profile()
    : process_profile(wire::spawner::instance(), python_command) {}

process_profile::process_profile(wire::spawner& from, command_maker command)
    : spawner_(from), command_(std::move(command)) {}

caf::expected<caf::actor> process_profile::start_worker(caf::actor_system& sys,
                                                        worker_start what) {
  if (!sys.has_middleman())
    return make_error(pool_errc::start_failed,
                      "the actor system has no caf::io::middleman loaded");
  auto session = std::make_shared<worker_session>(std::move(what));
  caf::actor_config cfg{&sys.middleman().backend()};
  auto mourner = sys.spawn(mourn, session);
  auto worker =
      sys.spawn_class<python_worker_actor, caf::no_spawn_options>(cfg, session);
  on_exit(worker, [session, mourner](const caf::error& why) {
    cast(mourner, caf::ok_atom_v);
    if (!session->told())
      session->abandoned(why,
                         [mourner] { cast(mourner, worker_tick::buried); });
  });
  auto threads = threads_of(session->settings());
  spawner_.start(
      [session, command = command_] {
        return command(session->settings(), session->worker());
      },
      [session, worker](auto child) {
        session->started(std::move(child),
                         [&] { cast(worker, worker_tick::started); });
      },
      threads);
  return worker;
}

std::uint32_t process_profile::get_capacity(const pool_settings& x) const {
  return threads_of(x);
}

std::optional<health_question>
process_profile::health_check(const worker_view&) const {
  return health_question{
      caf::make_message(invocation{"health_check", payload::json("[]"), {}}),
      trouble_in};
}

std::uint64_t process_profile::get_memory(const worker_info& x) const {
  return x.pid == 0 ? 0
                    : wire::operating_system::real().resident_memory(
                        static_cast<pid_t>(x.pid));
}

} // namespace charmer
