// Part of random_world.hpp: what workers do, and what becomes of them.
#pragma once

#include "random_world.hpp"

namespace charmer_tests {

inline void random_world::answer() {
  auto& open = model_.with_workers();
  if (open.empty())
    return;
  auto [lease, x] = any_of(open);
  auto how = roll(5) == 0 ? verdict::failure : verdict::success;
  auto took = model_[x.request].is_short ? 1us : 5ms;
  auto wanted = model_[x.request].open();
  model_.released(lease);
  effects out;
  auto who = core_.finish(lease, how, took, now_, out);
  REQUIRE(who.has_value() == wanted);
  if (who) {
    REQUIRE(*who == x.request);
    model_.outcome(*who);
  }
  carry_out(out);
  if (roll(20) == 0) // again
    with([&](auto& o) { CHECK(!core_.finish(lease, how, took, now_, o)); });
}

inline void random_world::answer_in_part() {
  auto& open = model_.with_workers();
  if (open.empty())
    return;
  auto [lease, x] = any_of(open);
  if (model_.posts().at(x.worker).tells && !parity{}.begun(lease))
    return;
  auto who = core_.part(lease);
  REQUIRE(who.has_value() == model_[x.request].open());
  if (who)
    model_.parted(*who);
}

// Nothing of what it had runs any more. What reached a native worker's
// mailbox too late comes back before the news of its death.
inline void random_world::kill(std::uint64_t worker) {
  auto i = model_.posts().find(worker);
  if (i == model_.posts().end())
    return;
  auto tells = i->second.tells;
  std::set<std::uint64_t> begun;
  std::vector<std::uint64_t> bounced;
  for (auto& [lease, x] : model_.with_workers())
    if (x.worker == worker) {
      if (tells ? parity{}.begun(lease)
                : model_[x.request].parted || roll(2) == 0)
        begun.insert(lease);
      else if (!tells)
        bounced.push_back(lease);
    }
  model_.died(worker, begun);
  for (auto lease : bounced)
    with([&](auto& o) { core_.bounced(lease, roll(2) == 0, now_, o); });
  with([&](auto& o) { core_.worker_died(worker, 9, now_, o); });
}

inline void random_world::kill_one() {
  if (!doomed_.empty()) {
    auto worker = doomed_.back();
    doomed_.pop_back();
    kill(worker);
  } else if (!model_.posts().empty() && roll(4) == 0) {
    kill(any_of(model_.posts()).first);
  }
}

inline void random_world::hire(const core_type::vacancy& place) {
  auto worker = core_.add_worker(place);
  if (roll(10) == 0) {
    with([&](auto& o) { core_.worker_died(worker, 1, now_, o); });
    return;
  }
  auto capacity = 1 + static_cast<std::uint32_t>(roll(threads_));
  auto proof = roll(2) == 0 ? std::make_shared<parity>() : nullptr;
  model_.hired(worker, {place.worker, place.seat, capacity, proof != nullptr});
  with([&](auto& o) {
    core_.worker_ready(worker, worker, capacity, std::move(proof), now_, o);
  });
}

inline void random_world::fill() {
  for (auto& place : core_.vacancies(4))
    hire(place);
}

// A second incarnation takes over.
inline void random_world::recycle() {
  if (model_.posts().empty())
    return;
  auto worker = any_of(model_.posts()).second;
  core_type::vacancy place{worker.name, worker.seat};
  if (place.seat == no_index)
    return;
  std::vector<std::uint64_t> before;
  for (auto& [other, p] : model_.posts())
    if (p.seat == place.seat)
      before.push_back(other);
  hire(place);
  for (auto x : before) {
    model_.closed(x);
    with([&](auto& o) { core_.worker_retiring(x, now_, o); });
  }
}

// They may take a while to end.
inline void random_world::stop_leftovers() {
  for (auto& x : core_.leftovers()) {
    auto& p = model_.posts().at(x.incarnation);
    REQUIRE(p.name == x.name);
    REQUIRE(p.tasks + p.held == 0);
    doom(x.incarnation);
  }
}

// Their supervisor has given up and stops them.
inline void random_world::exhaust() {
  auto all = model_.posts();
  for (auto& [worker, p] : all)
    model_.closed(worker);
  with([&](auto& o) { core_.retire_all(now_, o); });
  with([&](auto& o) { core_.degrade(1, now_, o); });
  for (auto& [worker, p] : all)
    with([&](auto& o) { core_.worker_retiring(worker, now_, o); });
}

} // namespace charmer_tests
