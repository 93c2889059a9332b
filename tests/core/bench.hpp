// A core, a clock and what the core asked for last.
#pragma once

#include "charmer/actors/pool_core.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

struct told {
  std::set<std::uint64_t> leases;

  bool begun(std::uint64_t lease) const { return leases.count(lease) != 0; }
};

struct plain {
  using request = std::string;
  using worker = std::string;
  using cause = std::string;
  using evidence = told;
};

using core_type = pool_core<plain>;
using effects = core_type::effects;

// A core, a clock and what the core asked for last.
struct bench {
  explicit bench(core_limits limits = {}) : core(with_seats(limits), now) {}

  static core_limits with_seats(core_limits limits) {
    if (limits.size == 0 && limits.max_overflow == 0)
      limits.size = 8;
    return limits;
  }

  // A seat for each name; those of the overflow have none.
  std::uint32_t seat_of(const std::string& name) {
    if (name.starts_with("overflow"))
      return no_index;
    auto fresh = static_cast<std::uint32_t>(seats.size());
    return seats.try_emplace(name, fresh).first->second;
  }

  std::map<std::string, std::uint32_t> seats;

  core_type::submission request(std::string what) {
    core_type::submission x;
    x.what = std::move(what);
    x.deadline = now + 60s;
    x.queue_deadline = now + 5s;
    x.command = "f";
    return x;
  }

  effects submit(std::string what) { return submit(request(std::move(what))); }

  effects submit(core_type::submission x) {
    effects out;
    core.submit(std::move(x), now, out);
    return out;
  }

  /// What was sent is in the mailbox now.
  effects arrived(const effects::assignment& x) {
    effects out;
    if (x.gate && x.gate->leave())
      core.sent(*x.gate, now, out);
    return out;
  }

  std::uint64_t hire(std::string name, std::shared_ptr<told> proof = nullptr,
                     std::uint32_t capacity = 1) {
    auto result = core.add_worker({name, seat_of(name)});
    met = {};
    core.worker_ready(result, name, capacity, std::move(proof), now, met);
    return result;
  }

  effects dispatch() {
    effects out;
    core.dispatch(100, now, out);
    return out;
  }

  effects answer(std::uint64_t lease, verdict success = verdict::success,
                 std::optional<std::chrono::nanoseconds> took = {}) {
    effects out;
    answered = core.finish(lease, success, took, now, out);
    return out;
  }

  effects kill(std::uint64_t incarnation) {
    effects out;
    core.worker_died(incarnation, "killed", now, out);
    return out;
  }

  effects pass(std::chrono::nanoseconds span) {
    now += span;
    effects out;
    core.expire(now, out);
    return out;
  }

  books counts() const {
    auto result = core.snapshot(now).counts;
    CHECK(result.balanced());
    return result;
  }

  // A finished request, and what its worker was given next.
  effects done(const effects& given) {
    return answer(given.assignments.at(0).lease);
  }

  effects met; ///< what the last one that was hired was given
  core_type::time_point now{1000s};
  core_type core;
  std::optional<std::string> answered;
};

[[maybe_unused]] core_limits ahead() {
  core_limits result;
  result.prefetch = 1ms;
  return result;
}

} // namespace
