#include "charmer/supervision/supervisor.hpp"

#include "charmer/supervision/supervision_tree.hpp"
#include "charmer/supervision/supervisor_state.hpp"

#include <array>

namespace charmer {

std::string to_string(strategy x) {
  constexpr std::array names{"one_for_one", "one_for_all", "rest_for_one",
                             "simple_one_for_one"};
  auto i = static_cast<std::size_t>(x);
  return i < names.size() ? names[i] : "unknown";
}

caf::behavior supervisor(supervisor_actor* self, supervisor_spec spec,
                         supervisor_parent parent) {
  auto& state = state_of(self);
  replace_default_handlers(self);
  when_down(self, [&](auto& who, auto& why) { state.child_down(who, why); });
  when_asked_to_stop(
      self, [&](auto& who, auto& why) { state.stop_requested(who, why); });
  state.begin(std::move(spec), std::move(parent));
  using string = const std::string&;
  using handle = const caf::actor&;
  using started_child = caf::result<caf::actor>;
  using done = caf::result<void>;
  return {
      [&](start_child_atom, const child_spec& x) -> started_child {
        return state.start_child(x);
      },
      [&](start_child_atom, const caf::message& arguments) -> started_child {
        return state.start_from_template(arguments);
      },
      [&](terminate_child_atom, string id) -> done {
        return state.terminate_child(id);
      },
      [&](terminate_child_atom, handle x) -> done {
        return state.terminate_child(x);
      },
      [&](kill_child_atom, string id) -> done { return state.kill_child(id); },
      [&](retire_child_atom, std::uint64_t token) -> done {
        return state.retire_child(token);
      },
      [&](restart_child_atom, string id) -> started_child {
        return state.restart_child(id);
      },
      [&](delete_child_atom, string id) -> done {
        return state.delete_child(id);
      },
      [&](replace_child_atom, string id) -> started_child {
        return state.replace_child(id);
      },
      [&](replace_child_atom, handle x) -> started_child {
        return state.replace_child(x);
      },
      [&](which_children_atom) { return state.which_children(); },
      [&](count_children_atom) { return state.count_children(); },
      [&](tree_atom) { return state.tree(); },
      [&](ready_atom) -> done { return state.when_ready(); },
      [&](child_ready_atom, std::uint64_t token) { state.child_ready(token); },
      [&](child_failed_atom, std::uint64_t token, const caf::error& why) {
        state.child_failed(token, why);
      },
      [&](child_idle_atom, std::uint64_t token) { state.hurry(token); },
      [&](retry_atom, std::uint64_t number, std::uint64_t generation) {
        state.retry(number, generation);
      },
      [&](time_limit_atom) { state.look_at_the_clock(); },
      [&](end_atom) { state.end(); },
  };
}

caf::expected<caf::actor> start_supervisor(caf::actor_system& system,
                                           supervisor_spec spec) {
  if (auto mistake = validate(spec))
    return mistake;
  return system.spawn(supervisor, std::move(spec), supervisor_parent{});
}

child_spec supervisor_child(std::string id, supervisor_spec spec) {
  spec.name = id;
  auto shared = std::make_shared<const supervisor_spec>(std::move(spec));
  auto line = std::make_shared<succession>();
  auto start = [shared,
                line](const start_context& context) -> caf::expected<started> {
    if (auto mistake = validate(*shared))
      return mistake;
    auto own = *shared;
    if (!own.events)
      own.events = context.events;
    // The path of the child ends with its name.
    auto slash = context.path.rfind('/');
    own.path_prefix = context.path.substr(0, slash);
    own.name = context.path.substr(slash + 1);
    auto children = std::make_shared<roster>(context.path);
    auto self = context.self->spawn(
        supervisor, std::move(own),
        supervisor_parent{context.supervisor, context.token, line, children});
    return started{.handle = self, .ready = false, .below = children};
  };
  return {.id = std::move(id),
          .start = std::move(start),
          .type = child_type::supervisor,
          .below = std::move(shared)};
}

} // namespace charmer
