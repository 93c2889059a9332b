// Thousands of interleavings of starts, crashes, kills, stops, requests and
// time, in any order, on supervisors of all strategies; the stop of the whole
// comes in the middle of it as often as at the end. Whatever happens: every
// request is answered, no actor is left, what a supervisor says about its
// children is true, and its events are such as can be (history.hpp): no restart
// without a cause, none that exceeds the budget, no end untold.
#include "game.hpp"
#include "history.hpp"

using namespace test;

namespace {

/// What to do next, and to whom.
class chaos : public game {
public:
  using game::game;

  /// One life of a supervisor.
  void live() {
    begin();
    auto stop_at = maybe(40) ? 5 + below(50) : 1000;
    for (std::size_t i = 0; i < 60 && !is_over(); ++i) {
      ++acts;
      if (i == stop_at)
        stop_in_play();
      act();
    }
    settle();
    stop();
    check_history();
  }

  std::size_t acts = 0;

  bool stopped_in_play = false;

private:
  /// Of a child as it is asked for; of a template the last of its children are
  /// meant.
  string some_id() {
    if (!simple_)
      return string(1, char('a' + below(6)));
    return "w#" + std::to_string(1 + made_ - std::min(made_, below(6)));
  }

  /// Under which `handles` and `tokens` know it.
  string name_of(const string& id) const { return simple_ ? "w" : id; }

  child_spec some_child(const string& id) {
    manners how;
    how.stubborn = maybe(15);
    how.last_will = maybe(20) ? 700ms : 0ms;
    auto x = reporting(maybe(30) ? slow_worker(id, how) : worker(id, how));
    x.restart = restart_type(below(3));
    x.start_limit = 5s;
    if (maybe(30))
      x.stop = maybe(50) ? shutdown::brutal_kill() : shutdown::after(1s);
    if (maybe(40))
      x.retire = maybe(70) ? shutdown::infinite() : shutdown::after(2s);
    if (maybe(40))
      x.retry = backoff{.minimum = 100ms, .maximum = 3s, .reset_after = 10s};
    if (maybe(20))
      x.intensity = restart_intensity{.intensity = int(below(4))};
    if (x.restart != restart_type::permanent && when_ != auto_shutdown::never)
      x.significant = maybe(20);
    return labelled(x);
  }

  void begin() {
    using enum strategy;
    strategy strategies[] = {one_for_one, one_for_all, rest_for_one,
                             simple_one_for_one};
    when_ = auto_shutdown(below(3));
    strategy_ = strategies[below(4)];
    limit_ = {.intensity = int(below(30)), .period = 5s};
    supervisor_spec spec{.name = "root",
                         .strategy = strategy_,
                         .intensity = limit_,
                         .auto_shutdown = when_,
                         .kill_grace = 1s,
                         .seed = some_seed()};
    simple_ = spec.strategy == simple_one_for_one;
    if (simple_) {
      spec.children = {some_child("w")};
      own_budget_["w"] = spec.children[0].intensity.has_value();
    }
    for (auto id : {"a", "b", "c"})
      if (!simple_ && maybe(60)) {
        spec.children.push_back(some_child(id));
        own_budget_[id] = spec.children.back().intensity.has_value();
      }
    if (maybe(50)) { // the one under test is the inner one
      inner_ = true;
      auto middle = supervisor_child("middle", spec);
      middle.restart = restart_type::temporary;
      supervise({.name = "top", .children = {labelled(middle)}});
      return;
    }
    supervise(spec);
  }

  bool is_over() const { return ended || (middle_ && has_ended(middle_)); }

  /// The supervisor under test, or null.
  caf::actor target() { return inner_ ? child("middle").handle : root; }

  template <class T, class... Ts>
  void request(Ts... xs) {
    auto whom = inner_ ? middle_ : root;
    if (!whom)
      return;
    auto x = ask_later<T>(whom, std::move(xs)...);
    came_.push_back([x] { return x.came(); });
  }

  void act() {
    if (inner_ && !middle_)
      middle_ = target();
    auto id = some_id();
    auto name = name_of(id);
    switch (below(17)) {
      case 0:
      case 1:
        if (handles.count(name) > 0)
          caf::anon_send(handles[name], caf::ok_atom::value, some_reason());
        break;
      case 2:
        if (handles.count(name) > 0)
          caf::anon_send_exit(handles[name], caf::exit_reason::kill);
        break;
      case 3:
        if (!everybody.empty())
          caf::anon_send_exit(everybody[below(everybody.size())],
                              caf::exit_reason::kill);
        break;
      case 4: {
        if (simple_) {
          ++made_;
          request<caf::actor>(start_child_atom_v, caf::message{});
          break;
        }
        auto x = some_child(id);
        if (own_budget_.count(id) == 0)
          own_budget_[id] = x.intensity.has_value();
        else // an id keeps its kind, so that the events can be counted
          x.intensity = own_budget_[id]
                            ? std::optional{restart_intensity{.intensity = 2}}
                            : std::nullopt;
        request<caf::actor>(start_child_atom_v, labelled(x));
        break;
      }
      case 5:
        asked_to_stop_.insert(id);
        request<nothing>(terminate_child_atom_v, id);
        break;
      case 6:
        restarted_by_hand_.insert(id);
        request<caf::actor>(restart_child_atom_v, id);
        break;
      case 7:
        request<nothing>(delete_child_atom_v, id);
        break;
      case 8:
        request<caf::actor>(replace_child_atom_v, id);
        break;
      case 9:
        if (asked_by.count(name) > 0)
          caf::anon_send(asked_by[name], child_ready_atom_v, tokens[name]);
        break;
      case 10:
        if (asked_by.count(name) > 0)
          caf::anon_send(asked_by[name], child_failed_atom_v, tokens[name],
                         caf::error{caf::sec::cannot_open_port});
        break;
      case 11:
        refuse[name] = int(below(2));
        break;
      case 12:
        if (!reports_.empty()) {
          auto& [supervisor, token] = reports_[below(reports_.size())];
          caf::anon_send(supervisor, child_idle_atom_v, token);
        }
        break;
      case 13:
      case 14:
      case 15:
        for (auto& [slow, supervisor] : asked_by)
          caf::anon_send(supervisor, child_ready_atom_v, tokens[slow]);
        break;
      default:
        advance(std::chrono::milliseconds(below(3000)));
    }
    // Not always to the end: the next thing happens in the middle of this one.
    scheduler.run(maybe(50) ? 1000000 : below(6));
  }

  /// The stop of the whole comes when it likes.
  void stop_in_play() {
    stopped_in_play = true;
    say("stop");
    auto whom = inner_ && maybe(50) && middle_ ? middle_ : root;
    killed_in_play_ = maybe(20);
    root_was_killed_ = killed_in_play_ && whom == root;
    caf::anon_send_exit(whom, killed_in_play_
                                  ? caf::exit_reason::kill
                                  : caf::exit_reason::user_shutdown);
  }

  bool own_budget_of(const string& id) const {
    auto i = own_budget_.find(simple_ ? "w" : id);
    return i != own_budget_.end() && i->second;
  }

  /// After long enough nothing is on its way any more.
  void settle() {
    for (int i = 0; i < 20; ++i) {
      refuse.clear();
      // A group starts one after the other, in whatever order.
      for (int pass = 0; pass < 8; ++pass)
        for (auto& [id, supervisor] : asked_by)
          make_ready(id);
      // So many have the name of a template: each is told.
      for (std::size_t who = 0; simple_ && i < 12 && who < reports_.size();
           ++who)
        report(who, true);
      // Whoever retires has finished by now.
      for (auto& [supervisor, token] : reports_)
        caf::anon_send(supervisor, child_idle_atom_v, token);
      advance(i < 10 ? 1s : 30s);
    }
    auto whom = inner_ ? (ended ? caf::actor{} : target()) : root;
    if (!whom || has_ended(whom))
      return;
    auto all = ask<std::vector<child_info>>(whom, which_children_atom_v);
    std::size_t alive = 0;
    for (const auto& x : everybody)
      alive += has_ended(x) ? 0 : 1;
    std::size_t running = 0;
    for (const auto& x : all.value()) {
      INFO("child " << x.id << " is " << to_string(x.state));
      CHECK(
          (x.state == child_state::running || x.state == child_state::stopped));
      if (x.state == child_state::stopped)
        CHECK(may_be_stopped(x.id));
      if (x.state == child_state::running) {
        ++running;
        CHECK_FALSE(has_ended(x.handle));
      }
    }
    CHECK(alive == running);
    auto counts = ask<child_counts>(whom, count_children_atom_v).value();
    CHECK(counts.active == running);
    CHECK(counts.specs == (simple_ ? 1 : all.value().size()));
  }

  /// Whether there is a way in which this child came to be stopped.
  bool may_be_stopped(const string& id) const {
    string type;
    for (const auto& e : events)
      if (e.child == id && e.details.count("restart") > 0
          && e.details.count("retired") == 0)
        type = e.details.at("restart");
    if (type == "\"permanent\"")
      return asked_to_stop_.count(id) > 0 || own_budget_of(id);
    return type == "\"transient\"";
  }

  /// What was told fits with what really started.
  void check_history() {
    auto path = inner_ ? string{"top/middle"} : string{"root"};
    std::map<string, history::supervisor> all;
    all["top"].budget.limit = {};
    all[path] = {.budget = {limit_, {}},
                 .group = strategy_ == strategy::one_for_all
                          || strategy_ == strategy::rest_for_one};
    history told{std::move(all)};
    // A supervisor that is killed tells nothing any more.
    if (killed_in_play_)
      for (const auto& x : births)
        excused_.insert(x.actor_id);
    told.excuse(excused_);
    told.restarted_by_hand(restarted_by_hand_);
    if (root_was_killed_)
      told.root_was_killed();
    auto mistake = told.mistake(events, births);
    REQUIRE_MESSAGE(mistake.empty(), mistake);
  }

  void stop() {
    auto killed = maybe(30);
    if (killed) {
      excused_ = living();
      root_was_killed_ = true;
    }
    caf::anon_send_exit(root, killed ? caf::exit_reason::kill
                                     : caf::exit_reason::user_shutdown);
    run();
    for (int i = 0; i < 10; ++i)
      advance(10s);
    CHECK(ended);
    for (const auto& x : everybody)
      CHECK(has_ended(x));
    for (const auto& came : came_)
      CHECK(came());
    middle_ = nullptr;
    asked_by.clear();
    reports_.clear();
  }

  auto_shutdown when_ = auto_shutdown::never;
  strategy strategy_ = strategy::one_for_one;
  restart_intensity limit_;
  bool inner_ = false;
  bool simple_ = false;
  std::size_t made_ = 0; ///< children of the template that were asked for
  caf::actor middle_;
  std::map<string, bool> own_budget_;
  std::vector<std::function<bool()>> came_;
  bool killed_in_play_ = false;
  bool root_was_killed_ = false;
  std::set<string> asked_to_stop_;
  std::set<string> restarted_by_hand_;
  std::set<std::uint64_t> excused_; ///< of these no end is told
};

} // namespace

TEST_CASE(
    "whatever happens in whatever order, nothing hangs and nothing leaks") {
  std::size_t acts = 0, stopped_in_play = 0;
  std::map<string, std::size_t> seen;
  auto runs = for_each_seed([&](std::uint64_t seed, bool alone) {
    chaos x{seed};
    x.live();
    acts += x.acts;
    stopped_in_play += x.stopped_in_play;
    for (const auto& e : x.events) {
      ++seen[e.name];
      if (alone)
        MESSAGE(to_string(e));
    }
  });
  if (runs < 1000)
    return;
  // It would prove nothing if little had happened.
  CHECK(acts > 20 * runs);
  CHECK(stopped_in_play > runs / 10);
  for (auto name :
       {event_name::child_started, event_name::child_terminated,
        event_name::child_restarting, event_name::child_replaced,
        event_name::start_error, event_name::shutdown_error,
        event_name::restart_intensity_reached, event_name::supervisor_stopped})
    CHECK_MESSAGE(seen[string{name}] > runs / 20, string{name});
}
