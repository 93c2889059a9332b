// Groups whose members take time, to start, to stop, to be tried again: the
// same random acts on a supervisor and on the model of one (group_model.hpp).
// After each of them both show the same members, in the same states, with the
// same counters, and the same actors live.
#include "charmer/supervision/supervision_tree.hpp"

#include "game.hpp"
#include "group_model.hpp"
#include "history.hpp"

using namespace test;

namespace {

class timed_game : public game {
public:
  using game::game;

  void live() {
    begin();
    compare();
    for (int i = 0; i < 30 && !model_->ended; ++i) {
      // Nothing is ever due at the very moment of something else: the model
      // knows no order within a moment.
      wait(up_to(1us));
      compare();
      if (!model_->ended)
        act();
      compare();
    }
    finish();
  }

  std::size_t stops_cut_short = 0; ///< by a limit
  std::size_t starts_given_up = 0;
  std::size_t waits = 0;

private:
  member_plan some_plan(string id) {
    member_plan x;
    x.id = std::move(id);
    x.restart = maybe(60) ? restart_type::permanent : restart_type(below(3));
    x.slow = maybe(50);
    x.start_limit = 5s + up_to(1ms);
    x.last_will = maybe(40) ? up_to(4s) : timespan{0};
    x.stop_limit = maybe(15) ? timespan{0} : 1s + up_to(2s);
    if (maybe(50))
      x.retry = backoff{.minimum = 100ms + up_to(1ms),
                        .maximum = 3s + up_to(1ms),
                        .jitter = 0,
                        .reset_after = 10s};
    if (maybe(15))
      x.intensity = restart_intensity{std::int64_t(below(4)), 20s};
    return x;
  }

  child_spec spec_of(const member_plan& x) {
    manners how{.last_will = x.last_will};
    auto spec = reporting(x.slow ? slow_worker(x.id, how) : worker(x.id, how));
    spec.restart = x.restart;
    spec.stop = x.stop_limit == timespan{0} ? shutdown::brutal_kill()
                                            : shutdown::after(x.stop_limit);
    spec.start_limit = x.start_limit;
    spec.retry = x.retry;
    spec.intensity = x.intensity;
    return labelled(spec);
  }

  void begin() {
    auto how = maybe(50) ? strategy::one_for_all : strategy::rest_for_one;
    limit_ = {std::int64_t(1 + below(12)), 20s};
    say("begin: " + to_string(how));
    supervisor_spec spec{.name = "root", .strategy = how, .intensity = limit_};
    model_.emplace(how, limit_);
    model_->now = scheduler.clock().now();
    for (auto id : {"a", "b", "c", "d"}) {
      auto x = some_plan(id);
      spec.children.push_back(spec_of(x));
      model_->add(std::move(x));
    }
    supervise(spec);
    for (serial i = 0; i < reports_.size(); ++i) { // grows
      report(i, true);
      run();
    }
    REQUIRE(reports_.size() == 4);
  }

  void act() {
    auto who = below(4) != 0 && everybody.size() > 6
                   ? everybody.size() - 1 - below(6)
                   : below(everybody.size());
    switch (below(10)) {
      case 0:
      case 1: {
        auto why = some_reason();
        say("end of #" + std::to_string(who) + ": " + describe_reason(why));
        caf::anon_send(everybody[who], caf::ok_atom::value, why);
        run();
        model_->died(who, why);
        break;
      }
      case 2:
        say("kill #" + std::to_string(who));
        caf::anon_send_exit(everybody[who], caf::exit_reason::kill);
        run();
        model_->died(who, caf::exit_reason::kill);
        break;
      case 3:
      case 4:
      case 5: {
        auto ready = maybe(80);
        say(string{ready ? "ready" : "failed"} + " #" + std::to_string(who));
        report(who, ready);
        run();
        model_->said(who, ready);
        break;
      }
      case 6: {
        auto id = string(1, char('a' + below(4)));
        refuse[id] = model_->refuse[id] = int(below(3));
        say("refuse " + id + " " + std::to_string(refuse[id]));
        break;
      }
      default:
        wait(up_to(maybe(60) ? timespan(500ms) : timespan(12s)));
    }
  }

  void wait(timespan how_long) {
    pass(
        how_long, [this] { return model_->next_event(); },
        [this] {
          model_->now = scheduler.clock().now();
          model_->tick();
          compare();
        });
    model_->now = scheduler.clock().now();
  }

  void compare() {
    REQUIRE(ended == model_->ended);
    REQUIRE(everybody.size() == model_->serials);
    std::set<serial> expected;
    for (const auto& [n, x] : model_->members)
      expected.insert(x.current);
    expected.erase(group_model::nobody);
    REQUIRE(alive_serials() == expected);
    if (ended) {
      REQUIRE(is(end_reason, supervision_errc::restart_intensity_reached)
              == model_->exhausted);
      return;
    }
    auto seen = ask<supervision_tree>(root, tree_atom_v).value();
    REQUIRE(seen.charged == model_->charged());
    REQUIRE(seen.children.size() == model_->members.size());
    auto i = seen.children.begin();
    for (const auto& [n, x] : model_->members)
      compare(*i++, x);
  }

  void compare(const supervision_tree& seen, const group_model::member& x) {
    INFO("member " << x.plan.id << " is " << to_string(seen.state)
                   << " and should be " << to_string(x.state));
    auto lives = x.current != group_model::nobody;
    REQUIRE(seen.id == x.plan.id);
    REQUIRE(seen.state == x.state);
    REQUIRE(seen.address
            == (lives ? everybody[x.current].address() : caf::actor_addr{}));
    REQUIRE(seen.restarts_in_all == x.restarts);
    REQUIRE(seen.attempt == x.attempt);
  }

  void finish() {
    say("stop");
    if (!model_->ended) {
      caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
      run();
      model_->stop();
    }
    compare();
    wait(1min);
    REQUIRE(ended);
    compare();
    for (const auto& e : events) {
      stops_cut_short += e.name == event_name::shutdown_error;
      starts_given_up += is(e.reason, supervision_errc::start_timeout);
      waits += e.delay > timespan{0};
    }
    history told{{{"root", {.budget = {limit_, {}}, .group = true}}}};
    auto mistake = told.mistake(events, births);
    REQUIRE_MESSAGE(mistake.empty(), mistake);
    reports_.clear();
    asked_by.clear();
  }

  restart_intensity limit_;
  std::optional<group_model> model_;
};

} // namespace

TEST_CASE("a group whose members take time does what its model says") {
  std::size_t stops = 0, starts = 0, waits = 0;
  auto runs = for_each_seed([&](std::uint64_t seed, bool alone) {
    timed_game x{seed, alone};
    x.live();
    stops += x.stops_cut_short;
    starts += x.starts_given_up;
    waits += x.waits;
  });
  if (runs < 1000)
    return;
  // It would prove nothing if little of this had happened.
  CHECK(stops > runs / 10);
  CHECK(starts > runs / 10);
  CHECK(waits > runs / 10);
}
