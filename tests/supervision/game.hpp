// A random game on a world: the dice, and what all games do alike.
//
// CHARMER_SEED=n plays one game and prints it, CHARMER_RUNS=n that many.
#pragma once

#include "seeds.hpp"
#include "world.hpp"

#include <random>
#include <set>

namespace test {

class game : public world {
public:
  explicit game(std::uint64_t seed, bool aloud = false)
      : random_(seed), aloud_(aloud) {}

protected:
  /// Of an actor that was started, from 0.
  using serial = std::size_t;

  std::size_t below(std::size_t n) { return random_() % n; }
  bool maybe(int percent) { return below(100) < std::size_t(percent); }
  timespan up_to(timespan x) { return timespan(1 + random_() % x.count()); }
  std::uint64_t some_seed() { return random_(); }

  void say(const string& text) {
    if (aloud_)
      MESSAGE(text);
  }

  /// Why a child may end.
  caf::error some_reason() {
    switch (below(5)) {
      case 0:
        return {};
      case 1:
        return caf::exit_reason::user_shutdown;
      case 2:
        return make_error(supervision_errc::planned_stop);
      default:
        return caf::sec::runtime_error;
    }
  }

  /// Remembers whom to tell that the children of this spec are ready.
  child_spec reporting(child_spec spec) {
    spec.start = [this, inner = spec.start](
                     const start_context& context) -> caf::expected<started> {
      auto result = inner(context);
      if (result)
        reports_.push_back({context.supervisor, context.token});
      return result;
    };
    return spec;
  }

  /// The actor says that it is ready, or never will be.
  void report(serial who, bool ready) {
    auto& [supervisor, token] = reports_[who];
    if (ready)
      caf::anon_send(supervisor, child_ready_atom_v, token);
    else
      caf::anon_send(supervisor, child_failed_atom_v, token,
                     caf::error{caf::sec::cannot_open_port});
  }

  /// Lets time pass, from one moment at which something is due to the next:
  /// `next_event` says when that is, `tick` does on the model what is due.
  template <class Next, class Tick>
  void pass(timespan how_long, Next next_event, Tick tick) {
    say("wait " + std::to_string(how_long.count()) + " ns");
    auto end = scheduler.clock().now() + how_long;
    for (std::optional<time_point> next = next_event(); next && *next <= end;
         next = next_event()) {
      move_to(*next);
      tick();
    }
    move_to(end);
  }

  void move_to(time_point x) {
    if (x > scheduler.clock().now())
      scheduler.advance_time(x - scheduler.clock().now());
    run();
  }

  std::set<serial> alive_serials() const {
    std::set<serial> result;
    for (serial i = 0; i < everybody.size(); ++i)
      if (!has_ended(everybody[i]))
        result.insert(i);
    return result;
  }

  /// The ids of those actors.
  std::set<std::uint64_t> living() const {
    std::set<std::uint64_t> result;
    for (const auto& x : everybody)
      if (!has_ended(x))
        result.insert(x.id());
    return result;
  }

  std::vector<std::pair<caf::actor, std::uint64_t>> reports_;

private:
  std::mt19937_64 random_;
  bool aloud_;
};

} // namespace test
