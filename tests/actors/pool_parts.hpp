// The actors that a pool consists of, for tests that end them.
#pragma once

#include "pool_fixture.hpp"

#include "charmer/supervision/messages.hpp"

#include <set>
#include <string>
#include <vector>

namespace charmer_tests {

/// Asks from a mailbox of its own, so that any thread may have one.
class pool_parts {
public:
  explicit pool_parts(pool_fixture& f)
      : self_(f.sys), app_(f.app->supervisor()) {
    // nop
  }

  std::vector<child_info> children(const caf::actor& of) {
    std::vector<child_info> result;
    self_->request(of, 10s, which_children_atom_v)
        .receive([&](std::vector<child_info>& xs) { result = std::move(xs); },
                 [](caf::error&) {});
    return result;
  }

  /// Null if there is none now.
  caf::actor child(const caf::actor& of, const std::string& id) {
    for (auto& x : children(of))
      if (x.id == id)
        return x.handle;
    return {};
  }

  caf::actor supervisor() { return child(app_, "pool default"); }

  std::vector<child_info> workers() {
    auto all = child(supervisor(), "workers");
    return all ? children(all) : std::vector<child_info>{};
  }

  /// All but the supervisor of the workers.
  std::vector<child_info> parts() {
    auto result = children(supervisor());
    std::erase_if(result, [](auto& x) { return x.id == "workers"; });
    return result;
  }

  /// Kills one of the parts. False: it is not there now.
  bool kill_part(const std::string& id) {
    auto victim = child(supervisor(), id);
    if (victim)
      caf::anon_send_exit(victim, caf::exit_reason::kill);
    return static_cast<bool>(victim);
  }

  /// Kills it so often, and waits each time until there is a new one.
  void kill_part(const std::string& id, int times) {
    auto end = std::chrono::steady_clock::now() + limit;
    caf::actor last;
    while (times > 0 && std::chrono::steady_clock::now() < end) {
      auto victim = child(supervisor(), id);
      if (!victim || victim == last) {
        self_->receive(caf::after(1ms) >> [] {});
        continue;
      }
      last = victim;
      caf::anon_send_exit(victim, caf::exit_reason::kill);
      --times;
    }
    REQUIRE(times == 0);
  }

private:
  caf::scoped_actor self_;
  caf::actor app_;
};

/// Which incarnations are ready.
inline std::set<std::uint64_t> incarnations(const pool_stats& x) {
  std::set<std::uint64_t> result;
  for (auto& w : x.workers)
    if (w.state == worker_state::ready)
      result.insert(w.incarnation);
  return result;
}

} // namespace charmer_tests
