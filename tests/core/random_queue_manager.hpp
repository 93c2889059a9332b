// Part of random_world.hpp: strategies and collections of the application's,
// which choose anything there is.
#pragma once

#include "random_world.hpp"

namespace charmer_tests {

// One message at a time, as actors do.
inline void random_world::look() {
  if (looking_ || !std::exchange(woken_, false))
    return;
  looking_ = true;
  decide();
  if (limits_.managed)
    serve();
  else if (with([&](auto& o) { return core_.dispatch(8, now_, o); }))
    woken_ = true;
  looking_ = false;
}

// Whom nobody woke has nothing to do.
inline void random_world::check_sleep() {
  if (woken_)
    return;
  if (limits_.managed)
    catch_up();
  else
    take_stock();
  REQUIRE((waiting_.empty() || idle_.empty()));
}

inline void random_world::decide() {
  auto members = core_.members();
  auto open = core_.undecided(3);
  woken_ = woken_ || open.size() == 3;
  for (auto& x : open)
    with([&](auto& o) {
      auto what = roll(4);
      if (what == 0)
        core_.decline(x.reference, now_, o);
      else if (what == 1 || members.empty())
        core_.decide(x.reference, 0, now_, o);
      else
        core_.decide(x.reference, members[roll(members.size())].incarnation,
                     now_, o);
    });
}

// Any that waits gets any that is idle.
inline void random_world::serve() {
  catch_up();
  while (!waiting_.empty() && !idle_.empty()) {
    auto request = any_of(waiting_);
    auto worker = any_of(idle_);
    waiting_.erase(request);
    idle_.erase(worker);
    auto result =
        with([&](auto& o) { return core_.assign(request, worker, now_, o); });
    if (result == assignment_result::worker_busy)
      waiting_.insert(request);
    else if (result == assignment_result::request_gone)
      idle_.insert(worker);
  }
}

inline void random_world::catch_up() {
  if (auto changes = core_.movements())
    note(*changes);
  else
    take_stock();
}

inline void random_world::take_stock() {
  waiting_.clear();
  idle_.clear();
  note(core_.occupation());
}

inline void random_world::note(const std::vector<movement>& changes) {
  for (auto& x : changes)
    switch (x.what) {
      case movement::kind::request_waits:
        waiting_.insert(x.reference);
        break;
      case movement::kind::request_gone:
        waiting_.erase(x.reference);
        break;
      case movement::kind::worker_idle:
        idle_.insert(x.reference);
        break;
      default:
        idle_.erase(x.reference);
    }
}

// What it knew is gone; its successor looks at once.
inline void random_world::kill_queue_manager() {
  take_stock();
  woken_ = true;
}

} // namespace charmer_tests
