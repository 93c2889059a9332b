// Part of random_world.hpp: what callers do.
#pragma once

#include "random_world.hpp"

namespace charmer_tests {

inline void random_world::submit() {
  core_type::submission x;
  asked r;
  x.what = model_.next_number();
  x.caller = r.caller = &callers_[roll(4)];
  x.key = name_of(x.what);
  x.bytes = roll(100);
  x.deadline = r.deadline = now_ + std::chrono::milliseconds(1 + roll(400));
  x.queue_deadline = now_ + std::chrono::milliseconds(1 + roll(200));
  r.wait_until = std::min(x.deadline, x.queue_deadline);
  x.priority = static_cast<std::uint8_t>(roll(3));
  x.idempotent = r.idempotent = roll(2) == 0;
  x.stream = roll(10) == 0;
  r.is_short = roll(4) != 0;
  x.command = r.is_short ? "short" : "long";
  x.how = some_strategy(r);
  if (roll(12) == 0)
    x.lease = r.is_lease = true;
  else if (auto lease = some_lease(); lease && roll(6) == 0)
    x.within = name_of(r.within = *lease);
  if (r.within >= 0)
    r.key = 0;
  std::string session;
  if (r.within < 0 && !r.is_lease && x.how.kind == choice::unsaid
      && roll(2) == 0) {
    r.session = 1 + roll(6);
    session = "guest " + std::to_string(r.session);
    x.session = session;
  }
  model_.submitted(r);
  with([&](auto& o) { core_.submit(std::move(x), now_, o); });
}

inline worker_strategy random_world::some_strategy(asked& r) {
  switch (roll(10)) {
    case 0:
      return best_worker;
    case 1:
      return next_worker;
    case 2:
      return random_worker;
    case 3:
      return next_available_worker;
    case 4:
    case 5:
      r.key = 1 + roll(5);
      return hash_worker(r.key);
    case 6:
      return custom_worker("mine");
    default:
      return {};
  }
}

inline request_key random_world::name_of(int request) {
  return {1, static_cast<std::uint64_t>(request) + 1};
}

inline void random_world::give_back() {
  auto lease = some_lease();
  if (!lease)
    return;
  auto owner = model_[*lease].caller;
  auto from = roll(4) == 0 ? &callers_[roll(4)] : owner;
  auto expected = model_.holds(*lease) && from == owner;
  if (expected)
    model_.may_end(*lease);
  auto done = with(
      [&](auto& o) { return core_.give_back(name_of(*lease), from, now_, o); });
  REQUIRE(done == expected);
  REQUIRE((!done || !model_.holds(*lease)));
}

inline void random_world::cancel() {
  auto count = static_cast<std::uint64_t>(model_.next_number());
  if (count == 0)
    return;
  auto request =
      static_cast<int>(count - 1 - roll(std::min<std::uint64_t>(count, 50)));
  auto held = model_.holds(request);
  auto expected = held || model_[request].open();
  if (held)
    model_.may_end(request);
  auto done =
      with([&](auto& o) { return core_.cancel(name_of(request), now_, o); });
  REQUIRE(done == expected);
  REQUIRE(!model_[request].open());
  REQUIRE(!model_.holds(request));
}

inline void random_world::caller_dies() {
  auto who = &callers_[roll(4)];
  model_.caller_dies(who);
  with([&](auto& o) { core_.caller_died(who, now_, o); });
  for (auto& [lease, worker] : model_.held())
    REQUIRE(model_[lease].caller != who);
}

} // namespace charmer_tests
