// Supervisors of pools and of workers that are killed: nothing is left behind,
// what they did is done again, and nobody else notices.
#include "native_fixture.hpp"
#include "processes.hpp"

#include "charmer/supervision/messages.hpp"
#include "charmer/supervision/supervision_tree.hpp"

using namespace charmer_tests;

namespace {

supervision_tree tree_of(pool_fixture& f) {
  supervision_tree result;
  request_tree(f.self, f.app->supervisor(), limit)
      .receive([&](supervision_tree& x) { result = std::move(x); },
               [](caf::error& e) { FAIL(describe(e)); });
  return result;
}

const supervision_tree* child_of(const supervision_tree& x,
                                 const std::string& id) {
  for (auto& child : x.children)
    if (child.id == id)
      return &child;
  return nullptr;
}

/// Who is at `path` now, below the root; null if nobody is.
caf::actor actor_at(pool_fixture& f, const std::vector<std::string>& path) {
  auto x = f.app->supervisor();
  for (auto& id : path) {
    caf::actor found;
    f.self->request(x, limit, which_children_atom_v)
        .receive(
            [&](const std::vector<child_info>& all) {
              for (auto& child : all)
                if (child.id == id && child.state == child_state::running)
                  found = child.handle;
            },
            [](caf::error&) {});
    if (!found)
      return {};
    x = found;
  }
  return x;
}

template <class Predicate>
bool within_limit(pool_fixture& f, Predicate holds) {
  auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    f.self->receive(caf::after(5ms) >> [] {});
  }
  return true;
}

/// Kills who is there, again and again; each time another one comes.
void kill_again_and_again(pool_fixture& f, const std::vector<std::string>& path,
                          int times) {
  caf::actor victim;
  for (int i = 0; i < times; ++i) {
    REQUIRE(within_limit(f, [&] {
      auto last = std::exchange(victim, actor_at(f, path));
      return victim && victim != last; // which may be dead, and not heard of
    }));
    kill(f.self->address(), victim);
    REQUIRE(within_limit(f, [&] { return has_ended(victim); }));
  }
}

bool whole(const pool_stats& x) {
  auto ready = std::count_if(x.workers.begin(), x.workers.end(), [](auto& w) {
    return w.state == worker_state::ready;
  });
  return x.workers.size() == x.size && static_cast<std::size_t>(ready) == x.size
         && x.counts.balanced();
}

} // namespace

TEST_CASE("a pool whose supervisor is killed five times in a row comes back, "
          "costs the root nothing, and another pool does not notice") {
  native_fixture f{lab(2)};
  auto x = lab(2);
  x.name = "other";
  auto other = f.app->start_pool(x);
  REQUIRE(other);
  CHECK(!f.app->await_all(limit));
  auto other_workers = [&] {
    std::set<std::uint64_t> ids;
    auto all = f.app->workers("other");
    REQUIRE(all);
    for (auto& w : *all)
      ids.insert(w.handle.id());
    return ids;
  };
  auto before = other_workers();
  REQUIRE(before.size() == 2);
  auto root = f.app->supervisor();
  kill_again_and_again(f, {"pool default"}, 5);
  CHECK(f.eventually(whole));
  CHECK(f.call());
  supervision_tree tree;
  CHECK(within_limit(f, [&] {
    tree = tree_of(f);
    auto pool = child_of(tree, "pool default");
    return pool && pool->state == child_state::running
           && pool->restarts_in_all >= 5;
  }));
  CHECK(tree.charged == 0);
  auto neighbour = child_of(tree, "pool other");
  REQUIRE(neighbour);
  CHECK(neighbour->incarnation == 1);
  CHECK(other_workers() == before);
  CHECK(!has_ended(root));
}

TEST_CASE("a worker supervisor that is killed takes its processes along, and "
          "its successor has as many") {
  auto before = child_processes();
  {
    pool_fixture f{shop(3)};
    REQUIRE(child_processes().size() == before.size() + 3);
    auto first = child_processes();
    auto pool_before = actor_at(f, {"pool default", "pool"});
    kill_again_and_again(f, {"pool default", "workers"}, 2);
    // None of the first is left, and there are three again.
    CHECK(within_limit(f, [&] {
      auto now = child_processes();
      for (auto pid : first)
        if (before.count(pid) == 0 && now.count(pid) > 0)
          return false;
      return now.size() == before.size() + 3;
    }));
    CHECK(f.eventually(whole));
    CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
    CHECK(actor_at(f, {"pool default", "pool"}) == pool_before);
    CHECK(tree_of(f).charged == 0);
  }
  CHECK(child_processes() == before);
}

TEST_CASE("a pool supervisor that is killed takes its processes along, too") {
  auto before = child_processes();
  {
    pool_fixture f{shop(2)};
    auto first = child_processes();
    kill_again_and_again(f, {"pool default"}, 2);
    CHECK(within_limit(f, [&] {
      auto now = child_processes();
      for (auto pid : first)
        if (before.count(pid) == 0 && now.count(pid) > 0)
          return false;
      return now.size() == before.size() + 2;
    }));
    CHECK(f.eventually(whole));
    CHECK(f.call("add", {{"a", 1}, {"b", 1}}).json() == 2);
  }
  CHECK(child_processes() == before);
}

TEST_CASE("calls that run when supervisors are killed have an outcome") {
  native_fixture f{lab(2)};
  f.door.open();
  std::vector<std::string> path;
  SUBCASE("that of the workers") {
    path = {"pool default", "workers"};
  }
  SUBCASE("that of the pool") {
    path = {"pool default"};
  }
  auto held = f.ask(wait_at(f.other));
  REQUIRE(f.other.wait_for(1));
  auto free = f.ask(work());
  auto victim = actor_at(f, path);
  REQUIRE(victim);
  kill(f.self->address(), victim);
  f.other.open();
  // Either is right: it was through in time, or its worker was killed.
  auto first = f.answer(held);
  if (!first)
    CHECK(first.why == pool_errc::worker_died);
  auto second = f.answer(free);
  if (!second)
    CHECK(second.why == pool_errc::worker_died);
  // It may seem whole while the kill is on its way.
  CHECK(f.eventually([&](const pool_stats& x) {
    return whole(x) && static_cast<bool>(f.call());
  }));
  CHECK(f.stats().counts.balanced());
}
