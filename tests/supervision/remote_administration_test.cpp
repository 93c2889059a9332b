// Event handlers that are administered from another CAF node, and what that
// node learns: two actor systems, a real connection.
#include "charmer/supervision/event_manager.hpp"
#include "charmer/supervision/supervision_tree.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <doctest/doctest.h>

#include <mutex>

using namespace charmer;
using namespace std::chrono_literals;
using std::string;

namespace {

struct node_config : caf::actor_system_config {
  node_config() {
    configure_supervision(*this);
    load<caf::io::middleman>();
  }
};

/// What an observer on the other node has got.
class notes {
public:
  void add(const event& x) {
    std::lock_guard guard{mutex_};
    events_.push_back(x);
  }

  std::vector<event> all() const {
    std::lock_guard guard{mutex_};
    return events_;
  }

private:
  mutable std::mutex mutex_;
  std::vector<event> events_;
};

/// Here is a hub with its manager; there is who administers it.
struct two_nodes {
  notes got; // outlives who writes them
  node_config here_config, there_config;
  caf::actor_system here{here_config}, there{there_config};
  std::shared_ptr<event_hub> hub = std::make_shared<event_hub>(here);
  caf::actor manager = here.spawn(event_manager, hub);
  caf::actor remote = seen_from_there(manager);

  ~two_nodes() {
    caf::anon_send_exit(manager, caf::exit_reason::user_shutdown);
    manager = remote = nullptr;
    hub.reset();
  }

  caf::actor seen_from_there(const caf::actor& x) {
    auto port = here.middleman().publish(x, 0, "127.0.0.1");
    REQUIRE(port);
    auto proxy = there.middleman().remote_actor("127.0.0.1", *port);
    REQUIRE(proxy);
    return *proxy;
  }

  caf::actor observer() {
    return there.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const event& x) { got.add(x); }};
    });
  }

  /// Asks from there. No error: it was answered.
  template <class... Ts>
  caf::error ask(const caf::actor& whom, Ts... xs) {
    caf::scoped_actor self{there};
    caf::error result;
    self->request(whom, 10s, std::move(xs)...)
        .receive([] {}, [&](caf::error& why) { result = std::move(why); });
    return result;
  }

  template <class T, class... Ts>
  T get(const caf::actor& whom, Ts... xs) {
    caf::scoped_actor self{there};
    T result;
    self->request(whom, 10s, std::move(xs)...)
        .receive([&](T& x) { result = std::move(x); },
                 [&](caf::error& why) { FAIL(describe_reason(why)); });
    return result;
  }

  caf::error add(string name, const caf::actor& who, event_filter filter = {}) {
    return ask(remote, add_handler_atom_v, std::move(name), filter, who);
  }
};

} // namespace

TEST_CASE_FIXTURE(two_nodes, "another node adds, lists and deletes handlers") {
  auto far = observer();
  event_filter filter{
      .name = "x*", .path = "root/*", .at_least = severity::warning};
  CHECK_FALSE(add("far", far, filter));
  CHECK(is(add("far", far), supervision_errc::already_present));
  auto all = get<std::vector<handler_info>>(remote, which_handlers_atom_v);
  REQUIRE(all.size() == 1);
  CHECK(all[0].name == "far");
  CHECK(all[0].filter.name == "x*");
  CHECK(all[0].filter.path == "root/*");
  CHECK(all[0].filter.at_least == severity::warning);
  CHECK_FALSE(ask(remote, delete_handler_atom_v, string{"far"}));
  CHECK(is(ask(remote, delete_handler_atom_v, string{"far"}),
           supervision_errc::not_found));
  CHECK(hub->which().empty());
  CHECK_FALSE(has_ended(far));          // it belongs to whoever made it
  CHECK_FALSE(add("far", far, filter)); // and can be added again
  caf::anon_send_exit(far, caf::exit_reason::user_shutdown);
}

TEST_CASE_FIXTURE(two_nodes, "an event crosses nodes whole, with its reason "
                             "and what led to it") {
  auto far = observer();
  REQUIRE_FALSE(add("far", far));
  event x{.name = "x",
          .level = severity::error,
          .path = "root",
          .child = "a",
          .actor_id = 7,
          .text = "it died",
          .restarts = 2,
          .attempt = 3,
          .delay = 4s,
          .uptime = 5s};
  x.reason = make_error(supervision_errc::start_failed, "child 'a'",
                        make_error(supervision_errc::handler_failed,
                                   exit_details{"killed", {{"signal", "9"}}}));
  x.set("pid", 4711);
  // The barrier holds across nodes, too: after it the far one has had it.
  CHECK_FALSE(ask(remote, sync_notify_atom_v, x));
  auto all = got.all();
  REQUIRE(all.size() == 1);
  x.wall = all[0].wall;
  x.monotonic_ns = all[0].monotonic_ns;
  CHECK(to_json(all[0]) == to_json(x));
  auto cause = cause_of(all[0].reason);
  CHECK(is(cause, supervision_errc::handler_failed));
  REQUIRE(exit_details_of(cause));
  CHECK(exit_details_of(cause)->details.at("signal") == "9");
  caf::anon_send_exit(far, caf::exit_reason::user_shutdown);
}

TEST_CASE_FIXTURE(two_nodes, "another node tells events and calls handlers") {
  notes here_got;
  int calls = 0;
  REQUIRE_FALSE(hub->add(
      {.name = "near",
       .on_event = [&](const event& x) { here_got.add(x); },
       .on_call = [&](const caf::message& x) -> caf::expected<caf::message> {
         ++calls;
         return caf::make_message(x.get_as<int>(0) + 1);
       }}));
  caf::anon_send(remote, notify_atom_v, event{.name = "first"});
  CHECK_FALSE(ask(remote, sync_notify_atom_v, event{.name = "second"}));
  auto all = here_got.all();
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "first");
  CHECK(get<int>(remote, call_handler_atom_v, string{"near"},
                 caf::make_message(41))
        == 42);
  CHECK(calls == 1);
}

TEST_CASE_FIXTURE(two_nodes, "another node asks supervisors for their children "
                             "and trees") {
  auto start = [](const start_context& where) {
    return started{where.self->spawn(
        [](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; })};
  };
  supervisor_spec low{.children = {{.id = "a", .start = start}}};
  auto root = start_supervisor(
      here, {.name = "root",
             .children = {{.id = "b", .start = start},
                          supervisor_child("low", std::move(low))}});
  REQUIRE(root);
  auto far = seen_from_there(*root);
  CHECK_FALSE(ask(far, ready_atom_v));
  CHECK(get<child_counts>(far, count_children_atom_v)
        == child_counts{2, 2, 1, 1});
  auto all = get<std::vector<child_info>>(far, which_children_atom_v);
  REQUIRE(all.size() == 2);
  CHECK(all[1].id == "low");
  CHECK(all[1].type == child_type::supervisor);
  caf::scoped_actor self{there};
  supervision_tree tree;
  request_tree(self, far, 10s)
      .receive([&](supervision_tree& x) { tree = std::move(x); },
               [](caf::error& e) { FAIL(describe_reason(e)); });
  CHECK(tree.answers);
  REQUIRE(tree.children.size() == 2);
  REQUIRE(tree.children[1].children.size() == 1);
  CHECK(tree.children[1].children[0].path == "root/low/a");
  CHECK_FALSE(ask(far, terminate_child_atom_v, string{"b"}));
  CHECK(get<child_counts>(far, count_children_atom_v).active == 1);
  caf::anon_send_exit(*root, caf::exit_reason::user_shutdown);
}
