// What the callers and the workers of a pool see, and what must be true of it.
//
// Knows nothing of how the core works: it is told what was asked, what the core
// asked for in turn, and what became of the workers. Every function that is
// told something fails the test if it may not be:
//
//   every request has exactly one outcome, unless its caller is gone; then none
//   a worker never has more than its capacity, leases by hand included; what
//   more lies in a pipe lies there only if it may be taken back, and never
//   before or behind a lease
//   a worker that is held has its holder's errands, one at a time, and ends its
//   lease only for a reason
//   equal keys never overlap and never overtake each other
//   a session that must stay at home does
//   a request begins twice only if it is idempotent, and never after its
//   deadline or after a part of its answer was given away
//   the books say the same: what is open, what runs, who is held
#pragma once

#include "charmer/actors/pool_core.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace charmer_tests {

using namespace charmer;

using moment = std::chrono::steady_clock::time_point;

/// A request as its caller sees it.
struct asked {
  const void* caller = nullptr;
  moment wait_until; ///< for a worker
  moment deadline;   ///< for the answer, or with the worker
  bool idempotent = false;
  bool is_short = false; ///< so that it may be sent ahead
  bool is_lease = false;
  int within = -1;           ///< the lease that it is an errand of
  std::uint64_t key = 0;     ///< of hash_worker; 0: none
  std::uint64_t session = 0; ///< 0: none
  int outcomes = 0;
  bool silenced = false;  ///< its caller is gone: there is to be no outcome
  bool parted = false;    ///< a part of its answer was given away
  bool was_given = false; ///< to a worker, if not for good
  unsigned deaths = 0;    ///< of workers that may have begun it

  bool open() const { return outcomes == 0 && !silenced; }
};

/// A request that is with a worker, as that one sees it.
struct given {
  std::uint64_t worker = 0;
  int request = 0;
  bool is_errand = false;
};

/// A worker that lives and is ready.
struct post {
  std::string name;
  std::uint32_t seat = no_index;
  std::uint32_t capacity = 1;
  bool tells = false;  ///< what it has begun
  bool closed = false; ///< another one has taken over, or it does not stop
  bool was_dismissed = false; ///< the pool was too small for it for a while
  std::uint32_t tasks = 0;
  std::uint32_t held = 0; ///< leases by hand
};

class random_model {
public:
  random_model(bool prefetches, bool sessions_stay, std::uint32_t size)
      : prefetches_(prefetches), sessions_stay_(sessions_stay), size_(size) {
    // nop
  }

  // -- callers ----------------------------------------------------------------

  int next_number() const { return static_cast<int>(requests_.size()); }

  void submitted(const asked& x) {
    auto number = next_number();
    requests_.push_back(x);
    ++open_;
    if (x.session == 0)
      return;
    auto& g = guests_[x.session];
    if (g.under_way.empty())
      g.home = no_index; // it may begin anew
    g.under_way.insert(number);
  }

  const asked& operator[](int request) const { return at(request); }

  void outcome(int request) {
    auto& r = at(request);
    REQUIRE(!r.silenced);
    REQUIRE(++r.outcomes == 1);
    --open_;
    if (!is_with_worker(request))
      left(request);
  }

  /// It has its outcome without a worker's answer.
  void settled(int request, pool_errc code, moment now) {
    if (code == pool_errc::wait_timeout)
      REQUIRE(now >= at(request).wait_until);
    outcome(request);
  }

  /// A part of its answer has come.
  void parted(int request) {
    REQUIRE(at(request).open());
    at(request).parted = true;
  }

  /// What it waits for will not be told; what it holds is free.
  void caller_dies(const void* who) {
    for (auto& [lease, worker] : held_)
      if (at(lease).caller == who)
        may_end_.insert(lease);
    for (int i = first_open(); i < next_number(); ++i) {
      auto& r = at(i);
      if (r.caller != who || !r.open())
        continue;
      r.silenced = true;
      --open_;
    }
  }

  /// The core threw away what it knew of a request without a word.
  void discarded(int request, moment now) {
    if (auto i = held_.find(request); i != held_.end()) {
      auto post = posts_.find(i->second);
      REQUIRE((may_end_.count(request) != 0 || post == posts_.end()
               || now >= at(request).deadline));
      lease_ended(request, post == posts_.end() ? nullptr : &post->second);
    } else {
      REQUIRE(at(request).silenced);
      if (!is_with_worker(request))
        left(request);
    }
  }

  // -- leases by hand ---------------------------------------------------------

  void granted(int request, std::uint64_t worker, moment now) {
    REQUIRE(at(request).is_lease);
    REQUIRE(held_.try_emplace(request, worker).second);
    outcome(request);
    auto& p = posts_.at(worker);
    ++p.held;
    check_start(request, p, now);
    REQUIRE(p.tasks + p.held <= p.capacity);
    last_held_.push_back(request);
    begins(request, worker);
  }

  bool holds(int request) const { return held_.count(request) != 0; }

  /// From now on the core may end it.
  void may_end(int request) { may_end_.insert(request); }

  /// Leases that were granted, ended ones among them: the i-th last one.
  std::optional<int> lease(std::size_t i) const {
    if (i >= last_held_.size())
      return std::nullopt;
    return last_held_[last_held_.size() - 1 - i];
  }

  const std::map<int, std::uint64_t>& held() const { return held_; }

  // -- workers ----------------------------------------------------------------

  void hired(std::uint64_t worker, post x) {
    for (auto& [other, p] : posts_)
      if (x.seat != no_index && p.seat == x.seat)
        p.closed = true;
    posts_[worker] = x;
  }

  void closed(std::uint64_t worker) {
    if (auto i = posts_.find(worker); i != posts_.end())
      i->second.closed = true;
  }

  void resized(std::uint32_t size) {
    ++resizes_;
    size_ = size;
    for (auto& [worker, p] : posts_)
      if (!is_wanted(p))
        p.was_dismissed = true;
  }

  void assigned(int request, std::uint64_t lease, std::uint64_t worker,
                moment now) {
    auto& r = at(request);
    REQUIRE(r.open());
    auto& p = posts_.at(worker);
    auto is_errand = r.within >= 0;
    if (is_errand) {
      REQUIRE(holds(r.within));
      REQUIRE(held_.at(r.within) == worker);
      for (auto& [other, x] : given_)
        REQUIRE((!x.is_errand || at(x.request).within != r.within));
    } else {
      ++p.tasks;
      check_start(request, p, now);
      if (!prefetches_ || !p.tells || p.held != 0)
        REQUIRE(p.tasks + p.held <= p.capacity);
      ahead_ += p.tasks + p.held > p.capacity;
    }
    REQUIRE(
        given_.try_emplace(lease, given{worker, request, is_errand}).second);
    begins(request, worker);
    begins_at_home(request, p.seat);
  }

  /// A worker has let go of it.
  void released(std::uint64_t lease) {
    auto i = given_.find(lease);
    auto x = i->second;
    given_.erase(i);
    if (auto p = posts_.find(x.worker); p != posts_.end() && !x.is_errand)
      --p->second.tasks;
    left(x.request);
  }

  /// It is gone, and had begun these; the rest never began.
  void died(std::uint64_t worker, const std::set<std::uint64_t>& begun) {
    posts_.erase(worker);
    for (auto i = given_.begin(); i != given_.end();) {
      auto [lease, x] = *i++;
      if (x.worker != worker)
        continue;
      if (begun.count(lease) != 0)
        ++at(x.request).deaths;
      released(lease);
    }
  }

  const std::map<std::uint64_t, given>& with_workers() const { return given_; }

  const std::map<std::uint64_t, post>& posts() const { return posts_; }

  // -- what must be true ------------------------------------------------------

  void check(const pool_snapshot& x) const {
    REQUIRE(x.counts.balanced());
    REQUIRE(x.counts.accepted + x.counts.refused == requests_.size());
    REQUIRE(x.counts.waiting + x.counts.running == open_ + held_.size());
    for (auto& w : x.workers)
      if (auto i = posts_.find(w.incarnation); i != posts_.end())
        REQUIRE(w.held == (i->second.held != 0));
  }

  /// When all has come to its end.
  void check_end() const {
    CHECK(open_ == 0);
    for (auto& r : requests_)
      REQUIRE(r.outcomes + (r.silenced ? 1 : 0) == 1);
    for (auto& [worker, p] : posts_) {
      CHECK(p.tasks == 0);
      CHECK(p.held == 0);
    }
  }

  bool at_rest() const { return given_.empty() && held_.empty(); }

  // -- how often it was looked at ---------------------------------------------

  std::uint64_t at_home() const { return at_home_; }
  std::uint64_t ahead() const { return ahead_; }
  std::size_t leases() const { return last_held_.size(); }
  std::uint64_t recalled() const { return recalled_; }

private:
  struct guest {
    std::uint32_t home = no_index;
    std::uint64_t resizes = 0; // it was found at home after so many
    std::set<int> under_way;
  };

  static constexpr unsigned poison_after = core_limits{}.poison_after;

  asked& at(int request) {
    return requests_[static_cast<std::size_t>(request)];
  }

  const asked& at(int request) const {
    return requests_[static_cast<std::size_t>(request)];
  }

  // All before it have their outcome.
  int first_open() {
    while (first_open_ < next_number() && !at(first_open_).open())
      ++first_open_;
    return first_open_;
  }

  // Whoever is given something new is to be had, and in time: a deadline is
  // looked at when its millisecond is over.
  void check_start(int request, const post& p, moment now) {
    auto& r = at(request);
    REQUIRE(!p.closed);
    REQUIRE(is_wanted(p));
    recalled_ += p.was_dismissed;
    auto until = r.was_given ? r.deadline : r.wait_until;
    REQUIRE(now <= until + std::chrono::milliseconds(1));
    r.was_given = true;
    REQUIRE(!r.parted);
    REQUIRE((r.deaths == 0 || (r.idempotent && r.deaths < poison_after)));
  }

  // Equal keys: one at a time, in the order sent.
  void begins(int request, std::uint64_t worker) {
    auto key = at(request).key;
    if (key == 0)
      return;
    auto& last = last_of_key_[key];
    REQUIRE(request >= last);
    last = request;
    REQUIRE(running_key_.try_emplace(key, worker).second);
  }

  // While others of its session are under way it runs where they did.
  void begins_at_home(int request, std::uint32_t seat) {
    auto session = at(request).session;
    if (session == 0 || !sessions_stay_)
      return;
    auto& g = guests_[session];
    if (g.under_way.size() > 1 && g.home != no_index && g.resizes == resizes_) {
      ++at_home_;
      REQUIRE(seat == g.home);
    }
    g.home = seat;
    g.resizes = resizes_;
  }

  // No worker has it now.
  void left(int request) {
    auto& r = at(request);
    if (r.key != 0 && last_of_key_[r.key] == request)
      running_key_.erase(r.key);
    if (r.session != 0 && !r.open())
      guests_[r.session].under_way.erase(request);
  }

  // The errand that runs is from now on a request like any other.
  void lease_ended(int request, post* p) {
    held_.erase(request);
    may_end_.erase(request);
    if (p)
      --p->held;
    for (auto& [lease, x] : given_)
      if (x.is_errand && at(x.request).within == request) {
        x.is_errand = false;
        if (p)
          ++p->tasks;
      }
    left(request);
  }

  bool is_wanted(const post& p) const {
    return p.seat == no_index || p.seat < size_;
  }

  bool is_with_worker(int request) const {
    for (auto& [lease, x] : given_)
      if (x.request == request)
        return true;
    return holds(request);
  }

  bool prefetches_;
  bool sessions_stay_;
  std::uint32_t size_;
  std::vector<asked> requests_;
  int first_open_ = 0;
  std::uint64_t open_ = 0;
  std::map<std::uint64_t, given> given_; // by lease
  std::map<int, std::uint64_t> held_;    // by lease: the worker
  std::vector<int> last_held_;
  std::set<int> may_end_;
  std::map<std::uint64_t, post> posts_;
  std::map<std::uint64_t, int> last_of_key_;
  std::map<std::uint64_t, std::uint64_t> running_key_;
  std::map<std::uint64_t, guest> guests_;
  std::uint64_t resizes_ = 0;
  std::uint64_t at_home_ = 0;
  std::uint64_t ahead_ = 0;
  std::uint64_t recalled_ = 0;
};

} // namespace charmer_tests
