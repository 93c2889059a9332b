// The same random acts on a supervisor and on the model of one: after each of
// them both show the same children, in the same states, with the same counters,
// the same actors live, and every request has come to the same.
#include "charmer/supervision/supervision_tree.hpp"

#include "game.hpp"
#include "history.hpp"
#include "model.hpp"

using namespace test;

namespace {

class play : public game {
public:
  using game::game;

  void live() {
    begin();
    for (int i = 0; i < 40 && !over_; ++i) {
      act();
      compare();
    }
    say("stop");
    finish();
  }

private:
  model::serial some_serial() { return below(everybody.size() + 1); }

  string some_id() {
    if (!simple())
      return string(1, char('a' + below(5)));
    return "w#" + std::to_string(1 + below(last_number_ + 1));
  }

  bool simple() const { return strategy_ == strategy::simple_one_for_one; }
  bool group() const {
    return strategy_ == strategy::one_for_all
           || strategy_ == strategy::rest_for_one;
  }

  // -- what is played with ----------------------------------------------------

  child_plan some_plan(string id, bool initial) {
    child_plan x;
    x.log_name = simple() ? "w" : id;
    x.id = std::move(id);
    x.restart = restart_type(below(3));
    x.start_limit = 5s + up_to(1ms);
    // Groups have nothing that takes time: timed_groups_test has that.
    if (!group()) {
      x.slow = !initial && maybe(50);
      if (maybe(40))
        x.retry = backoff{.minimum = 100ms + up_to(1ms),
                          .maximum = 3s + up_to(1ms),
                          .jitter = 0,
                          .reset_after = 10s};
      if (maybe(25))
        x.intensity = restart_intensity{std::int64_t(below(4)), 5s};
    }
    if (x.restart != restart_type::permanent && when_ != auto_shutdown::never)
      x.significant = maybe(30);
    return x;
  }

  child_spec spec_of(const child_plan& x) {
    auto spec =
        reporting(x.slow ? slow_worker(x.log_name) : worker(x.log_name));
    spec.restart = x.restart;
    spec.significant = x.significant;
    // Children of the model end at once: how long they might take is nothing to
    // it.
    if (maybe(50))
      spec.retire = shutdown::infinite();
    spec.start_limit = x.start_limit;
    spec.intensity = x.intensity;
    spec.retry = x.retry;
    return labelled(spec);
  }

  void begin() {
    strategy_ = strategy(below(4));
    when_ = auto_shutdown(below(3));
    nested_ = !simple() && maybe(40);
    limit_ = {std::int64_t(below(8)), 5s};
    outer_.limit = {std::int64_t(below(4)), 5s};
    supervisor_spec spec{.name = nested_ ? "middle" : "root",
                         .strategy = strategy_,
                         .intensity = limit_,
                         .auto_shutdown = when_};
    if (simple()) {
      template_ = some_plan("w", false);
      spec.children = {spec_of(template_)};
    } else {
      for (auto id : {"a", "b", "c"})
        if (maybe(60)) {
          initial_.push_back(some_plan(id, true));
          spec.children.push_back(spec_of(initial_.back()));
        }
    }
    model_ = fresh_model();
    model_->begin(initial_);
    if (nested_)
      supervise({.name = "root",
                 .intensity = outer_.limit,
                 .children = {labelled(supervisor_child("middle", spec))}});
    else
      supervise(spec);
    say("begin: " + to_string(strategy_) + (nested_ ? ", nested" : ""));
    compare();
  }

  std::optional<model> fresh_model() {
    model x{strategy_, limit_, when_};
    x.now = scheduler.clock().now();
    x.serials = &serials_;
    x.refuse = &model_refuses_;
    if (model_)
      x.answers = std::move(model_->answers);
    return x;
  }

  // -- acts, on both ----------------------------------------------------------

  caf::actor target() { return nested_ ? child("middle").handle : root; }

  template <class T, class... Ts>
  std::size_t request(Ts... xs) {
    auto x = ask_later<T>(target(), std::move(xs)...);
    requests_.push_back([x] {
      return std::pair{x.came(), x.ok() ? caf::error{} : x.error()};
    });
    auto number = requests_.size() - 1;
    model_->answers[number];
    return number;
  }

  void act() {
    // So that nothing is ever due at the very same moment as something else:
    // the model knows no order within a moment.
    wait(up_to(timespan(1us)));
    if (over_)
      return;
    compare();
    auto id = some_id();
    auto who = some_serial();
    auto known = who < everybody.size();
    switch (below(14)) {
      case 0:
      case 1:
      case 2: {
        auto why = some_reason();
        say("end of #" + std::to_string(who) + ": " + describe_reason(why));
        if (!known)
          break;
        caf::anon_send(everybody[who], caf::ok_atom::value, why);
        model_->died(who, why);
        break;
      }
      case 3:
        say("kill #" + std::to_string(who));
        if (!known)
          break;
        caf::anon_send_exit(everybody[who], caf::exit_reason::kill);
        model_->died(who, caf::exit_reason::kill);
        break;
      case 4:
      case 5: {
        auto ready = maybe(75);
        say(string{ready ? "ready" : "failed"} + " #" + std::to_string(who));
        if (!known)
          break;
        report(who, ready);
        model_->said(who, ready);
        break;
      }
      case 6:
        start_one(id);
        break;
      case 7:
        say("terminate " + id);
        model_->terminate_child(request<nothing>(terminate_child_atom_v, id),
                                id);
        break;
      case 8:
        say("restart " + id);
        restarted_by_hand_.insert(id);
        model_->restart_child(request<caf::actor>(restart_child_atom_v, id),
                              id);
        break;
      case 9:
        say("delete " + id);
        model_->delete_child(request<nothing>(delete_child_atom_v, id), id);
        break;
      case 10:
        say("replace " + id);
        model_->replace_child(request<caf::actor>(replace_child_atom_v, id),
                              id);
        break;
      case 11: {
        auto name = simple() ? "w" : id;
        refuse[name] = model_refuses_[name] = int(below(4));
        say("refuse " + name + " " + std::to_string(refuse[name]));
        break;
      }
      case 12:
        if (nested_ && maybe(30)) {
          say("kill the supervisor");
          excused_.merge(living());
          caf::anon_send_exit(target(), caf::exit_reason::kill);
          model_->stop();
          break;
        }
        [[fallthrough]];
      default:
        wait(up_to(maybe(50) ? timespan(500ms) : timespan(12s)));
    }
    run();
    mind_the_end();
  }

  void start_one(const string& id) {
    say("start " + id);
    if (!simple()) {
      auto plan = some_plan(id, false);
      auto number = request<caf::actor>(start_child_atom_v, spec_of(plan));
      model_->start_child(number, plan);
      return;
    }
    auto plan = template_;
    plan.id = "w#" + std::to_string(++last_number_);
    auto number = request<caf::actor>(start_child_atom_v, caf::message{});
    model_->start_child(number, plan);
  }

  /// Until something of both is over.
  void wait(timespan how_long) {
    auto next_event = [this] {
      return over_ ? std::optional<time_point>{} : model_->next_event();
    };
    pass(how_long, next_event, [this] {
      model_->now = scheduler.clock().now();
      model_->tick();
      mind_the_end();
    });
    if (!over_)
      model_->now = scheduler.clock().now();
  }

  /// The supervisor above, if there is one, restarts this one.
  void mind_the_end() {
    while (model_->ended && !over_) {
      if (!nested_ || !outer_.charge(model_->now)) {
        over_ = true;
        return;
      }
      auto next = fresh_model();
      model_ = std::move(next);
      model_->begin(initial_);
    }
  }

  // -- what is seen -----------------------------------------------------------

  void compare() {
    REQUIRE(ended == over_);
    compare_answers();
    std::set<model::serial> expected;
    for (const auto& x : model_->children) {
      expected.insert(x.current);
      expected.insert(x.next);
    }
    expected.erase(model::nobody);
    REQUIRE(alive_serials() == expected);
    REQUIRE(everybody.size() == serials_);
    if (over_)
      return;
    auto seen = ask<supervision_tree>(target(), tree_atom_v).value();
    REQUIRE(seen.charged == model_->charged());
    auto i = seen.children.begin();
    for (const auto& x : model_->children) {
      REQUIRE(i != seen.children.end());
      compare(*i++, x);
      if (x.next == model::nobody)
        continue;
      REQUIRE(i != seen.children.end());
      REQUIRE(i->state == child_state::starting);
      REQUIRE(i->address == everybody[x.next].address());
      REQUIRE(i++->incarnation == x.next_incarnation);
    }
    REQUIRE(i == seen.children.end());
    auto counts = ask<child_counts>(target(), count_children_atom_v).value();
    REQUIRE(counts.specs == (simple() ? 1 : model_->children.size()));
    REQUIRE(counts.active
            == std::size_t(std::count_if(
                model_->children.begin(), model_->children.end(),
                [](auto& x) { return x.current != model::nobody; })));
  }

  void compare(const supervision_tree& seen, const model::child& x) {
    INFO("child " << x.plan.id << " is " << to_string(seen.state)
                  << " and should be " << to_string(x.state));
    auto lives = x.current != model::nobody;
    REQUIRE(seen.id == x.plan.id);
    REQUIRE(seen.state == x.state);
    REQUIRE(seen.address
            == (lives ? everybody[x.current].address() : caf::actor_addr{}));
    REQUIRE(seen.incarnation == (lives ? x.shown : x.incarnation));
    REQUIRE(seen.restarts == model_->restarts_of(x));
    REQUIRE(seen.restarts_in_all == x.restarts);
    REQUIRE(seen.attempt == x.attempt);
    if (x.state == child_state::backoff)
      REQUIRE(seen.delay == x.retry_at - model_->now);
  }

  void compare_answers() {
    for (const auto& [number, x] : model_->answers) {
      if (compared_.count(number) > 0)
        continue; // has its answer, and there is no second one
      auto [came, why] = requests_[number]();
      INFO("request " << number << ": " << describe_reason(why)
                      << ", should be " << to_string(x.code));
      REQUIRE(came == (x.is != outcome::pending));
      if (x.is == outcome::failed)
        REQUIRE(is(why, x.code));
      else
        REQUIRE_FALSE(why);
      if (came)
        compared_.insert(number);
    }
  }

  void finish() {
    if (!over_) {
      root_was_killed_ = maybe(50);
      if (root_was_killed_)
        excused_.merge(living());
      caf::anon_send_exit(root, root_was_killed_
                                    ? caf::exit_reason::kill
                                    : caf::exit_reason::user_shutdown);
      run();
      model_->stop();
      over_ = true;
    }
    compare();
    reports_.clear();
    check_history();
  }

  void check_history() {
    std::map<string, history::supervisor> all;
    all["root"].budget.limit = outer_.limit;
    all[nested_ ? "root/middle" : "root"] = {.budget = {limit_, {}},
                                             .group = group()};
    history told{std::move(all)};
    told.excuse(excused_);
    if (root_was_killed_)
      told.root_was_killed();
    told.restarted_by_hand(restarted_by_hand_);
    auto mistake = told.mistake(events, births);
    REQUIRE_MESSAGE(mistake.empty(), mistake);
  }

  strategy strategy_ = strategy::one_for_one;
  auto_shutdown when_ = auto_shutdown::never;
  restart_intensity limit_;
  bool nested_ = false;
  bool over_ = false;
  counted_window outer_;
  std::vector<child_plan> initial_;
  child_plan template_;
  std::size_t last_number_ = 0;
  model::serial serials_ = 0;
  std::map<string, int> model_refuses_;
  std::optional<model> model_;
  std::vector<std::function<std::pair<bool, caf::error>()>> requests_;
  std::set<std::size_t> compared_; ///< those that are answered
  std::set<string> restarted_by_hand_;
  std::set<std::uint64_t> excused_; ///< of these no end is told
  bool root_was_killed_ = false;
};

} // namespace

TEST_CASE("a supervisor does what its model says") {
  for_each_seed([](std::uint64_t seed, bool alone) {
    play x{seed, alone};
    x.live();
  });
}
