// A million random operations on the books, one after the other, against a
// simple model: who was given what. Requests by every strategy and of sessions,
// leases and errands, answers that come twice or too late, deaths, bounces,
// cancellations, changes of size, overflow, recycling, and time.
//
// What must hold at every step: a worker has never more than its capacity,
// equal keys never overlap and never overtake each other, a session that must
// stay at home does, the books balance. At
// the end every request has had exactly one outcome and every worker is idle.
//
// Repeat a run with CHARMER_SEED=n; CHARMER_OPERATIONS=n for another length.
#include "charmer/actors/pool_core.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

// Half of what is with a worker has begun.
struct parity {
  bool begun(std::uint64_t lease) const { return (lease >> 24) % 2 == 0; }
};

struct plain {
  using request = int;
  using worker = std::uint64_t; // the incarnation
  using cause = int;
  using evidence = parity;
};

using core_type = pool_core<plain>;
using effects = core_type::effects;

std::uint64_t number_from(const char* variable, std::uint64_t usual) {
  auto* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : usual;
}

struct given {
  std::uint64_t worker = 0;
  int request = 0;
  bool is_errand = false;
};

struct asked {
  int outcomes = 0;
  bool is_lease = false;
  bool is_errand = false;
  bool held = false;
  std::uint64_t key = 0;     // of hash_worker; 0: none
  std::uint64_t session = 0; // 0: none
  bool begun_before = false;
};

struct guest {
  std::uint32_t home = no_index;
  std::uint64_t sizes = 0; // it was found at home after so many resizes
  std::set<int> under_way; // at least these
};

class world {
public:
  world(std::uint64_t seed, core_limits limits)
      : random(seed), core(limits, now), usual_size(limits.size),
        stays(limits.affinity != session_affinity::prefer) {}

  std::uint64_t roll(std::uint64_t n) { return random() % n; }

  template <class F>
  void with(F f) {
    effects out;
    f(out);
    carry_out(out);
  }

  // -- what the core asks for -------------------------------------------------

  void carry_out(effects& out) {
    for (auto& x : out.settlements)
      ended(x.who);
    for (auto& x : out.grants) {
      REQUIRE(!requests[index(x.who)].held);
      requests[index(x.who)].held = true;
      outcome(x.who);
      held.push_back(x.who);
    }
    std::vector<send_gate*> gates;
    for (auto& x : out.assignments) {
      begins(x.what);
      begins_at_home(x.what, x.to);
      leases[x.lease] = {x.to, x.what, requests[index(x.what)].is_errand};
      if (x.gate)
        gates.push_back(x.gate);
    }
    for (auto gate : gates)
      if (roll(8) != 0) // the others stay in flight for a while
        sent(*gate);
      else
        in_flight.push_back(gate);
    for (auto& x : out.expulsions)
      doomed.push_back(x);
    for (auto& x : out.dismissals)
      doomed.push_back(x);
    if (out.wake)
      with([&](auto& o) { core.dispatch(1'000'000, now, o); });
  }

  void sent(send_gate& gate) {
    if (gate.leave())
      with([&](auto& o) { core.sent(gate, now, o); });
  }

  void outcome(int request) {
    ++requests[index(request)].outcomes;
    REQUIRE(requests[index(request)].outcomes == 1);
  }

  void ended(int request) {
    outcome(request);
    key_ended(request);
  }

  // Equal keys: one at a time, in the order sent.
  void begins(int request) {
    auto& r = requests[index(request)];
    if (r.key == 0)
      return;
    auto& last = last_of_key[r.key];
    REQUIRE(request >= last);
    last = request;
    auto [i, fresh] = running_key.try_emplace(r.key, request);
    REQUIRE((fresh || i->second == request));
  }

  // While others of its session are under way it runs where they did.
  void begins_at_home(int request, std::uint64_t worker) {
    auto& r = requests[index(request)];
    if (r.session == 0 || !stays || alive.count(worker) == 0)
      return;
    auto seat = alive[worker].seat;
    auto& g = guests[r.session];
    if (g.under_way.size() > 1 && g.home != no_index && g.sizes == resizes) {
      ++at_home;
      REQUIRE(seat == g.home);
    }
    g.home = seat;
    g.sizes = resizes;
  }

  // Its worker has let go of it, or it has not begun and never will.
  void key_ended(int request) {
    auto& r = requests[index(request)];
    if (r.session != 0 && r.outcomes != 0 && !with_worker(request))
      guests[r.session].under_way.erase(request);
    auto i = running_key.find(r.key);
    if (i != running_key.end() && i->second == request && !with_worker(request))
      running_key.erase(i);
  }

  bool with_worker(int request) const {
    for (auto& [lease, x] : leases)
      if (x.request == request)
        return true;
    return false;
  }

  std::size_t index(int request) const {
    return static_cast<std::size_t>(request);
  }

  // -- operations -------------------------------------------------------------

  void submit() {
    core_type::submission x;
    auto number = static_cast<int>(requests.size());
    asked r;
    x.what = number;
    x.caller = &callers[roll(4)];
    x.key = {1, static_cast<std::uint64_t>(number) + 1};
    x.bytes = roll(100);
    x.deadline = now + std::chrono::milliseconds(1 + roll(400));
    x.queue_deadline = now + std::chrono::milliseconds(1 + roll(200));
    x.priority = static_cast<std::uint8_t>(roll(3));
    x.idempotent = roll(2) == 0;
    switch (roll(10)) {
      case 0:
        x.how = best_worker;
        break;
      case 1:
        x.how = next_worker;
        break;
      case 2:
        x.how = random_worker;
        break;
      case 3:
        x.how = next_available_worker;
        break;
      case 4:
      case 5:
        r.key = 1 + roll(5);
        x.how = hash_worker(r.key);
        break;
      case 6:
        x.how = custom_worker("mine");
        break;
      default:
        break;
    }
    if (roll(12) == 0) {
      x.lease = r.is_lease = true;
      r.key = 0;
      if (x.how.kind == choice::hash_worker)
        x.how = {};
    } else if (roll(6) == 0 && !held.empty()) {
      auto lease = held[roll(held.size())];
      x.within = {1, static_cast<std::uint64_t>(lease) + 1};
      r.is_errand = true;
      r.key = 0;
    }
    std::string session;
    if (!r.is_errand && !r.is_lease && x.how.kind == choice::unsaid
        && roll(2) == 0) {
      r.session = 1 + roll(6);
      session = "guest " + std::to_string(r.session);
      x.session = session;
      auto& g = guests[r.session];
      if (g.under_way.empty())
        g.home = no_index; // it may begin anew
      g.under_way.insert(number);
    }
    requests.push_back(r);
    with([&](auto& o) { core.submit(std::move(x), now, o); });
  }

  void answer() {
    if (leases.empty())
      return;
    auto i = leases.begin();
    std::advance(i, static_cast<long>(roll(leases.size())));
    auto [lease, what] = *i;
    if (!alive.count(what.worker)) {
      // A corpse cannot answer; what had not begun bounces.
      leases.erase(i);
      with([&](auto& o) { core.bounced(lease, now, o); });
      key_ended(what.request);
      return;
    }
    leases.erase(i);
    effects out;
    auto how = roll(5) == 0 ? verdict::failure : verdict::success;
    auto who = core.finish(lease, how, 1us, now, out);
    if (who)
      outcome(*who);
    key_ended(what.request);
    carry_out(out);
    if (roll(20) == 0) // again
      with([&](auto& o) { CHECK(!core.finish(lease, how, 1us, now, o)); });
  }

  void kill(std::uint64_t worker) {
    if (alive.erase(worker) == 0)
      return;
    // What it had is told to the model first: nothing of it runs any more.
    for (auto i = leases.begin(); i != leases.end();) {
      auto request = i->second.request;
      if (i->second.worker == worker) {
        i = leases.erase(i);
        key_ended(request);
      } else {
        ++i;
      }
    }
    with([&](auto& o) { core.worker_died(worker, 9, now, o); });
  }

  void kill_one() {
    if (!doomed.empty()) {
      auto worker = doomed.back();
      doomed.pop_back();
      kill(worker);
    } else if (!alive.empty() && roll(4) == 0) {
      auto i = alive.begin();
      std::advance(i, static_cast<long>(roll(alive.size())));
      kill(i->first);
    }
  }

  void deliver() {
    while (!in_flight.empty()) {
      auto gate = in_flight.back();
      in_flight.pop_back();
      sent(*gate);
    }
  }

  void hire(const core_type::vacancy& place) {
    auto worker = core.add_worker(place);
    if (roll(10) == 0) {
      with([&](auto& o) { core.worker_died(worker, 1, now, o); });
      return;
    }
    alive[worker] = place;
    auto proof = roll(2) == 0 ? std::make_shared<parity>() : nullptr;
    with([&](auto& o) {
      core.worker_ready(worker, worker, 1, std::move(proof), now, o);
    });
  }

  void fill() {
    for (auto& place : core.vacancies(4))
      hire(place);
  }

  // A second incarnation takes over, as when a worker is recycled.
  void recycle() {
    if (alive.empty())
      return;
    auto i = alive.begin();
    std::advance(i, static_cast<long>(roll(alive.size())));
    auto place = i->second;
    if (place.seat == no_index)
      return;
    std::vector<std::uint64_t> before;
    for (auto& [other, where] : alive)
      if (where.seat == place.seat)
        before.push_back(other);
    hire(place);
    for (auto x : before)
      with([&](auto& o) { core.worker_retiring(x, now, o); });
  }

  void stop_leftovers() {
    auto names = core.leftovers();
    std::vector<std::uint64_t> victims;
    for (auto& [worker, place] : alive)
      for (auto& name : names)
        if (place.worker == name && free(worker))
          victims.push_back(worker);
    for (auto x : victims)
      kill(x);
  }

  bool free(std::uint64_t worker) const {
    for (auto& [lease, x] : leases)
      if (x.worker == worker)
        return false;
    return true;
  }

  void decide() {
    auto members = core.members();
    for (auto& x : core.undecided(3))
      with([&](auto& o) {
        auto what = roll(4);
        if (what == 0)
          core.decline(x.reference, now, o);
        else if (what == 1 || members.empty())
          core.decide(x.reference, 0, now, o);
        else
          core.decide(x.reference, members[roll(members.size())].incarnation,
                      now, o);
      });
  }

  void give_back() {
    if (held.empty())
      return;
    auto i = roll(held.size());
    auto lease = held[i];
    held.erase(held.begin() + static_cast<long>(i));
    with([&](auto& o) {
      core.give_back({1, static_cast<std::uint64_t>(lease) + 1}, nullptr, now,
                     o);
    });
  }

  void cancel() {
    if (requests.empty())
      return;
    auto number =
        requests.size() - roll(std::min<std::size_t>(requests.size(), 50));
    with([&](auto& o) { core.cancel({1, number}, now, o); });
  }

  void caller_dies() {
    auto who = &callers[roll(4)];
    effects out;
    guests.clear(); // the model does not know which of their requests end
    // Nobody is told: the model takes the difference from the books.
    auto before = core.snapshot(now).counts.cancelled;
    core.caller_died(who, now, out);
    silent += core.snapshot(now).counts.cancelled - before;
    carry_out(out);
  }

  void resize(std::uint32_t size) {
    ++resizes;
    with([&](auto& o) { core.resize(size, now, o); });
  }

  void pass() {
    now += std::chrono::milliseconds(roll(20));
    with([&](auto& o) { core.expire(now, o); });
  }

  void step() {
    auto x = roll(100);
    if (x < 34)
      submit();
    else if (x < 66)
      answer();
    else if (x < 70)
      kill_one();
    else if (x < 74)
      deliver();
    else if (x < 80)
      fill();
    else if (x < 84)
      stop_leftovers();
    else if (x < 88)
      decide();
    else if (x < 92)
      give_back();
    else if (x < 95)
      cancel();
    else if (x < 98)
      pass();
    else if (x < 99)
      recycle();
    else if (roll(10) == 0)
      caller_dies();
    else if (roll(4) == 0)
      resize(static_cast<std::uint32_t>(roll(9)));
    else if (roll(40) == 0)
      with([&](auto& o) { core.degrade(1, now, o); });
  }

  void check() {
    auto snapshot = core.snapshot(now);
    REQUIRE(snapshot.counts.balanced());
    REQUIRE(snapshot.overflow <= 3);
    std::map<std::uint64_t, int> load;
    for (auto& [lease, x] : leases)
      if (!x.is_errand)
        REQUIRE(++load[x.worker] <= 1);
  }

  // Lets everything come to its end.
  void finish() {
    resize(usual_size);
    for (int i = 0; i < 10'000 && !at_rest(); ++i) {
      fill();
      deliver();
      answer();
      give_back();
      stop_leftovers();
      decide();
      kill_one();
      pass();
    }
  }

  bool at_rest() {
    auto counts = core.snapshot(now).counts;
    return leases.empty() && in_flight.empty() && held.empty() && doomed.empty()
           && counts.running + counts.waiting == 0 && core.leftovers().empty()
           && alive.size() == usual_size && core.vacancies(99).empty();
  }

  std::mt19937_64 random;
  core_type::time_point now{1000s};
  core_type core;
  std::uint32_t usual_size;
  bool stays; // sessions do not go elsewhere
  char callers[4];
  std::vector<asked> requests;
  std::map<std::uint64_t, given> leases; // with a worker, as it sees it
  std::map<std::uint64_t, core_type::vacancy> alive;
  std::map<std::uint64_t, int> last_of_key;
  std::map<std::uint64_t, int> running_key;
  std::vector<int> held;
  std::vector<send_gate*> in_flight;
  std::vector<std::uint64_t> doomed;
  std::map<std::uint64_t, guest> guests;
  std::uint64_t resizes = 0;
  std::uint64_t at_home = 0; // how often that was looked at
  std::uint64_t silent = 0;  // ended because their caller did
};

core_limits limits_of_round(std::mt19937_64& random) {
  core_limits result;
  result.size = 6;
  result.max_overflow = 3;
  result.overflow_retention = std::chrono::milliseconds(random() % 3 * 20);
  result.queue_size = 20;
  result.cancel_grace = 10ms;
  result.lifo = random() % 3 == 0;
  if (random() % 2 == 0)
    result.overruns = {20ms, static_cast<std::uint32_t>(random() % 4)};
  if (random() % 3 == 0) {
    result.breaker.enabled = true;
    result.breaker.consecutive = 5;
    result.breaker.cooldown = 100ms;
    result.breaker.failures = 1u
                              << static_cast<unsigned>(pool_errc::worker_died);
  }
  result.affinity = static_cast<session_affinity>(random() % 3);
  result.max_sessions = 3 + random() % 5;
  result.session_ttl = std::chrono::milliseconds(1 + random() % 500);
  result.seed = random();
  return result;
}

} // namespace

TEST_CASE("a million operations leave every request with one outcome") {
  auto seed = number_from("CHARMER_SEED", std::random_device{}());
  auto operations = number_from("CHARMER_OPERATIONS", 1'000'000);
  CAPTURE(seed);
  std::mt19937_64 rounds{seed};
  constexpr std::uint64_t each = 20'000;
  std::uint64_t at_home = 0;
  for (std::uint64_t done = 0; done < operations; done += each) {
    auto limits = limits_of_round(rounds);
    world w{rounds(), limits};
    for (std::uint64_t i = 0; i < each; ++i) {
      w.step();
      if (i % 16 == 0)
        w.check();
    }
    w.finish();
    REQUIRE(w.at_rest());
    at_home += w.at_home;
    auto books = w.core.snapshot(w.now).counts;
    CHECK(books.balanced());
    if (done == 0)
      MESSAGE("first round: accepted ", books.accepted, ", replied ",
              books.replied, ", failed ", books.failed, ", cancelled ",
              books.cancelled, ", refused ", books.refused, ", requeued ",
              books.requeued, ", retried ", books.retried, ", stale ",
              books.stale, ", expelled ", books.expelled, ", overruns ",
              books.overruns);
    std::uint64_t told = 0;
    for (auto& r : w.requests)
      told += r.outcomes;
    CHECK(told + w.silent >= w.requests.size());
    auto idle = w.core.snapshot(w.now).workers;
    CHECK(idle.size() == 6);
    for (auto& x : idle)
      CHECK_MESSAGE(
          (x.state == worker_state::ready && x.running == 0 && !x.held),
          x.worker, " is in state ", static_cast<int>(x.state), " running ",
          x.running);
  }
  if (operations >= 1'000'000)
    CHECK(at_home > 50);
}
