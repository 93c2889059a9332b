// The tree as a value: who is below whom, and how they are.
#include "charmer/supervision/supervision_tree.hpp"

#include "world.hpp"

#include <nlohmann/json.hpp>

using namespace test;

namespace {

struct with_tree : world {
  answer<supervision_tree> ask_tree(timespan limit = 1s) {
    answer<supervision_tree> result;
    system.spawn([this, limit, box = result.box](caf::event_based_actor* self) {
      request_tree(self, root, limit)
          .then([=](supervision_tree& x) { box->emplace(std::move(x)); },
                [=](caf::error& e) { box->emplace(std::move(e)); });
    });
    run();
    return result;
  }

  supervision_tree tree() { return ask_tree().value(); }

  /// root > cache, group > a, b
  void supervise_two_levels() {
    auto b = worker("b");
    b.retry = backoff{.minimum = 400ms, .jitter = 0};
    supervisor_spec group{.intensity = {.intensity = 5, .period = 60s},
                          .children = {worker("a"), b},
                          .events = hub};
    supervise({.name = "root",
               .children = {worker("cache"),
                            supervisor_child("group", std::move(group))}});
  }
};

const supervision_tree* find(const supervision_tree& x, const string& path) {
  if (x.path == path)
    return &x;
  for (const auto& child : x.children)
    if (auto found = find(child, path))
      return found;
  return nullptr;
}

} // namespace

TEST_CASE_FIXTURE(with_tree, "a tree shows every level, from the root down") {
  supervise_two_levels();
  advance(3s);
  auto x = tree();
  CHECK(x.id == "root");
  CHECK(x.type == child_type::supervisor);
  CHECK(x.address == root.address());
  CHECK(x.uptime == 3s);
  REQUIRE(x.children.size() == 2);
  CHECK(x.children[0].path == "root/cache");
  CHECK(x.children[0].type == child_type::worker);
  CHECK(x.children[0].address == handles["cache"].address());
  auto& group = x.children[1];
  CHECK(group.type == child_type::supervisor);
  CHECK(group.answers);
  CHECK(group.intensity.intensity == 5);
  CHECK(group.intensity.period == 60s);
  REQUIRE(group.children.size() == 2);
  CHECK(group.children[0].path == "root/group/a");
  CHECK(group.children[1].state == child_state::running);
  CHECK(group.children[1].uptime == 3s);
  CHECK(group.children[1].incarnation == 1);
}

TEST_CASE_FIXTURE(with_tree, "a tree tells restarts, and when the next one is "
                             "due") {
  supervise_two_levels();
  advance(90s);
  crash("b");
  advance(61s);
  crash("b", caf::sec::cannot_open_file);
  crash("b", caf::sec::cannot_open_file);
  advance(100ms);
  auto x = tree();
  auto b = find(x, "root/group/b");
  REQUIRE(b);
  CHECK(b->state == child_state::backoff);
  CHECK(b->attempt == 2);
  CHECK(b->delay == 300ms);
  CHECK(b->restarts == 2);
  CHECK(b->restarts_in_all == 3);
  CHECK(b->reason.find("cannot_open_file") != string::npos);
  CHECK_FALSE(b->address);
  CHECK(find(x, "root/group")->charged == 2);
  CHECK(x.charged == 0);
  advance(300ms);
  CHECK(find(tree(), "root/group/b")->state == child_state::running);
}

TEST_CASE_FIXTURE(with_tree, "a tree as text is drawn with branches") {
  supervise_two_levels();
  advance(61s);
  crash("b");
  crash("b");
  advance(100ms);
  CHECK(to_string(tree())
        == "root       running  one_for_one 0/1 in 5s, up 61.1s\n"
           "├── cache  running  up 61.1s\n"
           "└── group  running  one_for_one 2/5 in 60s, up 61.1s\n"
           "    ├── a  running  up 61.1s\n"
           "    └── b  backoff  again in 300ms, attempt 2, restarts 2 (2 in "
           "all), system_error(runtime_error)\n");
}

TEST_CASE_FIXTURE(with_tree, "a tree as JSON is one object on one line") {
  supervise_two_levels();
  advance(61s);
  crash("b");
  crash("b");
  auto text = to_json(tree());
  CHECK(text.find('\n') == string::npos);
  auto x = nlohmann::json::parse(text);
  CHECK(x["id"] == "root");
  CHECK(x["strategy"] == "one_for_one");
  CHECK(x["answers"] == true);
  auto& group = x["children"][1];
  CHECK(group["type"] == "supervisor");
  CHECK(group["intensity"] == 5);
  CHECK(group["period_s"] == 60.0);
  CHECK(group["charged"] == 2);
  auto& b = group["children"][1];
  CHECK(b["path"] == "root/group/b");
  CHECK(b["state"] == "backoff");
  CHECK(b["delay_s"] == 0.4);
  CHECK(b["restarts"] == 2);
  CHECK(b["restarts_in_all"] == 2);
  CHECK_FALSE(b.contains("actor_id"));
  CHECK_FALSE(b.contains("children"));
  CHECK(group["children"][0]["actor_id"] == handles["a"].id());
}

TEST_CASE_FIXTURE(with_tree, "a tree shows every state of a child") {
  supervise({.name = "root", .kill_grace = 1s});
  auto starts_child = [&](child_spec x) {
    return ask<caf::actor>(root, start_child_atom_v, std::move(x));
  };
  auto stopping = worker("stopping", {.last_will = 4s});
  REQUIRE(starts_child(stopping).ok());
  REQUIRE(starts_child(worker("retiring", {.last_will = 4s})).ok());
  REQUIRE(starts_child(worker("stopped")).ok());
  auto deaf = deaf_worker("abandoned");
  deaf.stop = shutdown::brutal_kill();
  REQUIRE(starts_child(deaf).ok());
  ask<nothing>(root, terminate_child_atom_v, string{"abandoned"});
  advance(1s);
  auto starting = starts_child(slow_worker("starting"));
  ask<nothing>(root, terminate_child_atom_v, string{"stopped"});
  auto end = ask<nothing>(root, terminate_child_atom_v, string{"stopping"});
  ask<caf::actor>(root, replace_child_atom_v, string{"retiring"});
  auto x = tree();
  std::map<string, std::vector<child_state>> states;
  for (const auto& child : x.children)
    states[child.id].push_back(child.state);
  using list = std::vector<child_state>;
  using is = child_state;
  CHECK(states["starting"] == list{is::starting});
  CHECK(states["stopping"] == list{is::stopping});
  CHECK(states["stopped"] == list{is::stopped});
  CHECK(states["retiring"] == list{is::running, is::retiring});
  CHECK(states["abandoned"] == list{is::stopped, is::abandoned});
  let_go("abandoned");
}

TEST_CASE_FIXTURE(with_tree,
                  "a replacement that is being started stands beside the "
                  "child") {
  supervise({.name = "root", .children = {slow_worker("a")}});
  make_ready("a");
  ask<caf::actor>(root, replace_child_atom_v, string{"a"});
  auto x = tree();
  REQUIRE(x.children.size() == 2);
  CHECK(x.children[0].state == child_state::running);
  CHECK(x.children[0].incarnation == 1);
  CHECK(x.children[1].id == "a");
  CHECK(x.children[1].state == child_state::starting);
  CHECK(x.children[1].incarnation == 2);
}

TEST_CASE_FIXTURE(with_tree,
                  "a supervisor that does not answer is shown as such, the "
                  "others are whole") {
  auto deaf = deaf_worker("deaf");
  deaf.type = child_type::supervisor;
  deaf.restart = restart_type::temporary;
  deaf.stop = shutdown::brutal_kill();
  supervise({.name = "root",
             .children = {deaf, supervisor_child(
                                    "group", {.children = {worker("a")}})}});
  auto late = ask_tree(2s);
  CHECK_FALSE(late.came());
  advance(1999ms);
  CHECK_FALSE(late.came());
  advance(1ms);
  auto x = late.value();
  REQUIRE(x.children.size() == 2);
  CHECK_FALSE(x.children[0].answers);
  CHECK(x.children[0].state == child_state::running);
  CHECK(x.children[1].answers);
  CHECK(x.children[1].children.size() == 1);
  CHECK(to_string(x).find("├── deaf   running  not answering") != string::npos);
  CHECK(nlohmann::json::parse(to_json(x))["children"][0]["answers"] == false);
  let_go("deaf");
}

TEST_CASE_FIXTURE(with_tree, "a root that does not answer is answered for") {
  auto deaf = system.spawn<deaf_actor, caf::lazy_init>();
  root = deaf;
  auto x = ask_tree(2s);
  CHECK_FALSE(x.came());
  advance(2s);
  CHECK_FALSE(x.value().answers);
  CHECK(x.value().address == deaf.address());
  root = nullptr;
  caf::anon_send_exit(deaf, caf::exit_reason::kill);
  dynamic_cast<deaf_actor&>(*caf::actor_cast<caf::abstract_actor*>(deaf))
      .cleanup(caf::exit_reason::kill, nullptr);
}

TEST_CASE_FIXTURE(with_tree, "of a supervisor that has ended no answer is "
                             "awaited, and it is said that and why it has") {
  supervise({.name = "root", .children = {worker("a")}});
  auto dead = root;
  string why;
  SUBCASE("it was killed") {
    caf::anon_send_exit(root, caf::exit_reason::kill);
    why = "request_receiver_down";
  }
  SUBCASE("it was stopped") {
    caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
    why = "user_shutdown";
  }
  SUBCASE("it has given up") {
    crash("a");
    crash("a");
    why = "restart_intensity_reached";
  }
  run();
  auto x = ask_tree(1h).value();
  CHECK_FALSE(x.answers);
  CHECK(x.state == child_state::stopped);
  CHECK_FALSE(x.address);
  CHECK(x.reason.find(why) != string::npos);
  auto text = to_string(x);
  CHECK(text.find("stopped") != string::npos);
  CHECK(text.find(why) != string::npos);
  CHECK(text.find("running") == string::npos);
  auto json = nlohmann::json::parse(to_json(x));
  CHECK(json["state"] == "stopped");
  CHECK(json["answers"] == false);
}

TEST_CASE_FIXTURE(with_tree, "a supervisor below that ends before it is asked "
                             "itself is shown as ended") {
  auto dead = system.spawn([] {});
  run();
  supervision_tree said{.id = "root", .path = "root"};
  said.type = child_type::supervisor;
  said.children.push_back({.id = "low",
                           .path = "root/low",
                           .type = child_type::supervisor,
                           .state = child_state::running,
                           .address = dead.address(),
                           .uptime = 3s});
  root = system.spawn(
      [said]() -> caf::behavior { return {[=](tree_atom) { return said; }}; });
  auto x = tree();
  CHECK(x.answers);
  REQUIRE(x.children.size() == 1);
  CHECK_FALSE(x.children[0].answers);
  CHECK(x.children[0].state == child_state::stopped);
  CHECK(x.children[0].uptime == timespan{0});
  CHECK(to_string(x).find("low  stopped  ") != string::npos);
}

TEST_CASE_FIXTURE(with_tree, "an actor that is no supervisor is told as such") {
  root = system.spawn([](caf::event_based_actor* self) -> caf::behavior {
    replace_default_handlers(self);
    return {[](int) {}};
  });
  auto x = ask_tree(1h).value();
  CHECK_FALSE(x.answers);
  CHECK(x.state == child_state::running);
  CHECK(x.reason.find("unexpected_message") != string::npos);
}

TEST_CASE_FIXTURE(with_tree, "ten thousand children are shown") {
  auto spec = worker("w");
  supervise({.name = "root",
             .strategy = strategy::simple_one_for_one,
             .children = {spec}});
  for (int i = 0; i < 10000; ++i)
    caf::anon_send(root, start_child_atom_v, caf::message{});
  run();
  auto x = tree();
  CHECK(x.strategy == strategy::simple_one_for_one);
  REQUIRE(x.children.size() == 10000);
  CHECK(x.children.back().state == child_state::running);
  auto text = to_string(x);
  CHECK(std::count(text.begin(), text.end(), '\n') == 10001);
}

TEST_CASE_FIXTURE(with_tree, "a tree goes through the serializer unchanged") {
  supervise_two_levels();
  crash("b");
  auto x = tree();
  std::vector<char> bytes;
  caf::binary_serializer sink{system, bytes};
  REQUIRE_FALSE(sink(x));
  supervision_tree copy;
  caf::binary_deserializer source{system, bytes};
  REQUIRE_FALSE(source(copy));
  CHECK(to_json(copy) == to_json(x));
}

TEST_CASE_FIXTURE(with_tree,
                  "the tree of no actor is one that does not answer") {
  root = nullptr;
  CHECK_FALSE(tree().answers);
}

TEST_CASE_FIXTURE(world, "a tree tells of a child that was terminated that it "
                         "was asked to stop, not of its crash before") {
  supervise({.name = "root", .children = {worker("a")}});
  crash("a");
  auto reason = [&] {
    return ask<supervision_tree>(root, tree_atom_v).value().children[0].reason;
  };
  CHECK(reason().find("runtime_error") != string::npos);
  CHECK(ask<nothing>(root, terminate_child_atom_v, string{"a"}).ok());
  CHECK(reason().find("runtime_error") == string::npos);
  CHECK(reason().find("user_shutdown") != string::npos);
}

TEST_CASE("a tree as text has one line for each node, whatever actors say") {
  supervision_tree root{.id = "root"};
  root.children = {{.id = "a\rb",
                    .state = child_state::stopped,
                    .reason = "bad\x1b[2K\nroot"}};
  auto text = to_string(root);
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
  CHECK(text.find("a\\x0db") != string::npos);
  CHECK(text.find("bad\\x1b[2K\\nroot") != string::npos);
}

TEST_CASE_FIXTURE(with_tree, "one collector answers one asker, and tells the "
                             "second one so") {
  supervise({.name = "root", .children = {worker("a")}});
  auto collector = spawn_tree_collector(system, root, 1s);
  auto first = ask<supervision_tree>(collector, tree_atom_v);
  auto second = ask<supervision_tree>(collector, tree_atom_v);
  advance(2s);
  CHECK(first.ok());
  CHECK_FALSE(second.ok());
}
