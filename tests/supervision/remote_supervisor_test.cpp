// A supervisor that is asked from another node.
#include "two_nodes.hpp"

using namespace charmer;
using namespace std::chrono_literals;
using namespace test;

namespace {

caf::behavior idle(caf::event_based_actor* self) {
  replace_default_handlers(self);
  return {[](int x) { return x + 1; }};
}

/// A supervisor here, with "a" and a supervisor "low" with "b", asked from
/// there.
struct far_supervisor {
  far_supervisor() {
    auto child = [](const char* id) {
      return child_spec{.id = id, .start = [](const start_context& context) {
                          return started{context.self->spawn(idle)};
                        }};
    };
    auto made = start_supervisor(
        here,
        {.name = "root",
         .children = {child("a"),
                      supervisor_child("low", {.children = {child("b")}})}});
    REQUIRE(made);
    near = *made;
    remote = seen_from(there, here, near);
    ask([](bool) {}, ready_atom_v);
  }

  ~far_supervisor() {
    remote = nullptr;
    caf::scoped_actor self{here};
    self->monitor(near);
    caf::anon_send_exit(near, caf::exit_reason::user_shutdown);
    self->receive([](const caf::down_msg&) {},
                  caf::after(10s) >> [] { FAIL("it does not stop"); });
    near = nullptr;
  }

  /// What came of a request: `f` gets the answer, or the error is returned.
  template <class F, class... Ts>
  caf::error ask(F f, Ts... xs) {
    caf::error result;
    caf::scoped_actor self{there};
    auto failed = [&](caf::error& e) { result = std::move(e); };
    auto request = self->request(remote, 10s, std::move(xs)...);
    if constexpr (std::is_invocable_v<F, bool>)
      request.receive([] {}, failed);
    else
      request.receive(f, failed);
    return result;
  }

  template <class T, class... Ts>
  T get(Ts... xs) {
    T result;
    auto why = ask([&](T& x) { result = std::move(x); }, std::move(xs)...);
    CHECK_MESSAGE(!why, describe_reason(why));
    return result;
  }

  template <class... Ts>
  caf::error run(Ts... xs) {
    return ask([](bool) {}, std::move(xs)...);
  }

  node_config here_config, there_config;
  caf::actor_system here{here_config};
  caf::actor_system there{there_config};
  caf::actor near, remote;
};

} // namespace

TEST_CASE_FIXTURE(far_supervisor,
                  "another node sees the children and counts them") {
  CHECK(get<child_counts>(count_children_atom_v) == child_counts{2, 2, 1, 1});
  auto all = get<std::vector<child_info>>(which_children_atom_v);
  REQUIRE(all.size() == 2);
  CHECK(all[0].id == "a");
  CHECK(all[0].state == child_state::running);
  CHECK(all[0].type == child_type::worker);
  CHECK(all[0].incarnation == 1);
  CHECK(all[0].uptime > 0s);
  CHECK(all[1].type == child_type::supervisor);
  REQUIRE(all[0].handle); // it can be talked to
  CHECK(all[0].handle.node() == here.node());
  caf::scoped_actor self{there};
  self->request(all[0].handle, 10s, 41)
      .receive([](int x) { CHECK(x == 42); },
               [](caf::error& e) { FAIL(describe_reason(e)); });
}

TEST_CASE_FIXTURE(far_supervisor, "another node terminates, restarts, replaces "
                                  "and deletes children, and is told why not") {
  auto a = std::string{"a"};
  auto first = get<std::vector<child_info>>(which_children_atom_v)[0].handle;
  auto second = get<caf::actor>(replace_child_atom_v, first); // by handle
  CHECK(second != first);
  CHECK(is(run(delete_child_atom_v, a), supervision_errc::running));
  CHECK_FALSE(run(terminate_child_atom_v, second));
  CHECK(get<child_counts>(count_children_atom_v) == child_counts{2, 1, 1, 1});
  CHECK(get<caf::actor>(restart_child_atom_v, a) != second);
  CHECK_FALSE(run(terminate_child_atom_v, a));
  CHECK_FALSE(run(delete_child_atom_v, a));
  auto why = run(restart_child_atom_v, a);
  CHECK(is(why, supervision_errc::not_found));
  CHECK(describe_reason(why).find("'a'") != std::string::npos);
}

TEST_CASE_FIXTURE(far_supervisor,
                  "a specification cannot be sent: whoever tries is told, and "
                  "nobody else notices") {
  child_spec c{.id = "c", .start = [](const start_context& context) {
                 return started{context.self->spawn(idle)};
               }};
  caf::scoped_actor self{there};
  caf::error why;
  self->request(remote, 1s, start_child_atom_v, c)
      .receive([](caf::actor&) {}, [&](caf::error& e) { why = e; });
  CHECK(is(why, caf::sec::unexpected_message));
  CHECK(get<child_counts>(count_children_atom_v) == child_counts{2, 2, 1, 1});
}
