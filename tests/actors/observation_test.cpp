// Looking at a running application: its tree, its events.
#include "pool_fixture.hpp"

#include "charmer/supervision/observe.hpp"
#include "charmer/supervision/supervision_tree.hpp"

using namespace charmer_tests;

namespace {

const supervision_tree* find(const supervision_tree& x,
                             const std::string& path) {
  if (x.path == path)
    return &x;
  for (auto& child : x.children)
    if (auto found = find(child, path))
      return found;
  return nullptr;
}

} // namespace

TEST_CASE("the tree of a running application is a value") {
  pool_fixture f{shop(2)};
  REQUIRE(!f.app->await_all(limit));
  auto tree = f.app->tree(limit);
  REQUIRE(tree);
  CHECK(find(*tree, "root/events"));
  CHECK(find(*tree, "root/lifecycle_manager"));
  auto pool = "root/pool " + f.pool.name();
  CHECK(find(*tree, pool + "/queue_manager"));
  auto workers = find(*tree, pool + "/workers");
  REQUIRE(workers);
  CHECK(workers->answers);
  CHECK(workers->children.size() == 2);
  f.app->stop();
  CHECK(f.app->tree().error() == pool_errc::shutting_down);
}

TEST_CASE("an application is observed through its actor system") {
  pool_fixture f{shop(1)};
  REQUIRE(!f.app->await_all(limit));
  // The function owns what it fills: it is still called with what waits after
  // it was told to stop.
  auto seen = std::make_shared<recorder>();
  auto name = observe(f.sys, [seen](const event& x) { seen->add(x); });
  REQUIRE(name);
  f.call("die", {{"how", "exit"}});
  CHECK(seen->wait_for("charmer.supervisor.child_terminated"));
  CHECK(stop_observing(f.sys, *name));
}
