#include "history.hpp"
#include <algorithm>

namespace test {

namespace {

string path_of(const event& e) {
  return e.path + '/' + e.child;
}

std::uint64_t number_in(const event& e, const string& key) {
  auto i = e.details.find(key);
  return i != e.details.end() ? std::stoull(i->second) : 0;
}

bool says(const event& e, const string& key) {
  auto i = e.details.find(key);
  return i != e.details.end() && i->second == "true";
}

string quoted(const string& x) {
  return '"' + x + '"';
}

bool abnormal(const event& e) {
  return classify(e.reason) == exit_kind::abnormal;
}

severity usual_level(const event& e) {
  if (e.name == event_name::start_error)
    return says(e, "replacement") ? severity::warning : severity::error;
  if (e.name == event_name::supervisor_stopped)
    return abnormal(e) ? severity::error : severity::info;
  if (e.name == event_name::shutdown_error
      || e.name == event_name::child_abandoned
      || e.name == event_name::restart_intensity_reached)
    return severity::error;
  if (e.name == event_name::child_terminated)
    return e.level; // depends on who ended it
  return severity::info;
}

} // namespace

child_spec labelled(child_spec x) {
  x.details["restart"] = quoted(to_string(x.restart));
  x.details.erase("own_intensity");
  if (x.intensity) {
    x.details["own_intensity"] = std::to_string(x.intensity->intensity);
    x.details["own_period"] = std::to_string(x.intensity->period.count());
  }
  return x;
}

string history::mistake(const std::vector<event>& events,
                        const std::vector<birth>& births) {
  for (const auto& x : births)
    births_.emplace(x.actor_id, x);
  std::size_t read_so_far = 0;
  string result;
  while (read_so_far < events.size() && result.empty())
    result = read(events[read_so_far++]);
  if (result.empty())
    result = missing();
  if (!result.empty())
    for (auto i = read_so_far - std::min<std::size_t>(read_so_far, 30);
         i < read_so_far; ++i)
      result += '\n' + to_string(events[i]);
  return result;
}

string history::read(const event& e) {
  auto found = supervisors_.find(e.path);
  if (found == supervisors_.end())
    return {};
  if (e.monotonic_ns < std::exchange(now_, e.monotonic_ns))
    return "time goes back";
  if (e.level != usual_level(e))
    return "the level is wrong";
  auto& above = found->second;
  if (e.name == event_name::supervisor_started) {
    above.running = true;
    above.doomed = false;
    above.budget.all.clear();
    return {};
  }
  if (e.name == event_name::supervisor_stopped)
    return stopped(e, above);
  auto& x = lines_[path_of(e)];
  if (e.name == event_name::child_started
      || e.name == event_name::child_replaced)
    return became_ready(e, x, above);
  if (e.name == event_name::child_terminated
      || e.name == event_name::shutdown_error
      || e.name == event_name::child_abandoned) {
    auto below = supervisors_.find(path_of(e));
    auto wrong =
        below != supervisors_.end() ? is_over(e, below->second) : string{};
    return wrong.empty() ? ended(e, x) : wrong;
  }
  if (e.name == event_name::start_error)
    return not_started(e, x, above);
  if (e.name == event_name::child_restarting)
    return restarts(e, x, above);
  if (e.name == event_name::restart_intensity_reached)
    return gave_up(e, x, above);
  return "nobody knows this event";
}

/// A start came to something. Incarnations are counted from 1 for whoever is
/// added anew.
void history::attempted(const event& e, line& x) {
  auto incarnation = number_in(e, "incarnation");
  if (incarnation <= x.incarnation)
    x = line{.current = x.current};
  x.incarnation = incarnation;
  if (auto i = e.details.find("restart"); i != e.details.end())
    x.restart = i->second.substr(1, i->second.size() - 2);
  if (e.details.count("own_intensity") > 0 && !x.budget)
    x.budget = counted_window{
        {.intensity = std::int64_t(number_in(e, "own_intensity")),
         .period = timespan{std::int64_t(number_in(e, "own_period"))}},
        {}};
}

/// Who was restarted by hand may have a fresh budget when it starts.
void history::see_by_hand(const event& e, line& x) const {
  if (x.budget && e.restarts == 0 && by_hand_.count(e.child) > 0)
    x.budget->all.clear();
}

string history::is_of(const event& e, actor who) const {
  auto i = births_.find(who);
  if (i == births_.end())
    return {};
  if (i->second.path != path_of(e))
    return "this actor was started as " + i->second.path;
  if (i->second.incarnation != number_in(e, "incarnation"))
    return "this actor is of another incarnation";
  return {};
}

string history::became_ready(const event& e, line& x, const supervisor& above) {
  auto replaced = e.name == event_name::child_replaced;
  if (auto wrong = is_of(e, e.actor_id); !wrong.empty())
    return wrong;
  if (!ready_.emplace(e.actor_id, e.monotonic_ns).second)
    return "it was ready before";
  if (ended_.count(e.actor_id) > 0)
    return "it has ended before";
  if (replaced && number_in(e, "retired_actor_id") != x.current)
    return "another one was the child";
  if (!replaced && x.current != 0 && !excused(x.current))
    return "another one is the child, and lives";
  attempted(e, x);
  if (!replaced)
    see_by_hand(e, x);
  x.current = e.actor_id;
  x.cause = line::none;
  auto born = births_.find(e.actor_id);
  if (x.restart == "temporary" && x.incarnation > 1 && born != births_.end()
      && !born->second.beside)
    return "a temporary child is started again";
  return counts(e, x, above);
}

string history::ended(const event& e, line& x) {
  if (auto wrong = is_of(e, e.actor_id); !wrong.empty())
    return wrong;
  if (!ended_.insert(e.actor_id).second)
    return "its end was told before";
  auto since = ready_.find(e.actor_id);
  auto lived = since != ready_.end() ? e.monotonic_ns - since->second : 0;
  if (e.uptime.count() != lived && !excused(e.actor_id))
    return "it lived for " + std::to_string(lived) + " ns";
  if (e.name == event_name::child_terminated && e.level == severity::error
      && !abnormal(e) && x.restart != "permanent")
    return "this end is no error";
  if (e.actor_id != x.current)
    return {};
  x.current = 0;
  x.cause = line::ended;
  x.ended_as = classify(e.reason);
  return {};
}

string history::not_started(const event& e, line& x, const supervisor& above) {
  if (e.text.empty())
    return "there is no reason";
  ++failed_[{path_of(e), number_in(e, "incarnation")}];
  attempted(e, x);
  if (says(e, "replacement"))
    return x.current != 0 ? counts(e, x, above)
                          : "there is nothing to be replaced";
  if (x.current != 0 && !excused(x.current))
    return "it did not start, and runs";
  see_by_hand(e, x);
  x.current = 0;
  x.cause = line::not_started;
  return counts(e, x, above);
}

/// What the event says about the window of the budget.
string history::counts(const event& e, const line& x,
                       const supervisor& above) const {
  const auto& budget = x.budget ? *x.budget : above.budget;
  if (budget.limit.is_unlimited() || !above.running)
    return {};
  auto used = budget.used(time_point{std::chrono::nanoseconds{now_}});
  if (e.restarts == used)
    return {};
  return "there were " + std::to_string(used) + " restarts in the window";
}

string history::restarts(const event& e, line& x, supervisor& above) {
  auto cause = std::exchange(x.cause, line::none);
  if (cause == line::none)
    return "it is restarted without a cause";
  if (x.restart == "temporary")
    return "a temporary child is restarted";
  if (!above.running)
    return "nothing is restarted before all are started";
  if (above.doomed)
    return "the supervisor has given up before";
  auto planned = x.ended_as == exit_kind::planned;
  if (x.restart == "transient" && !above.group && x.ended_as && !planned
      && x.ended_as != exit_kind::abnormal)
    return "a transient child that had ended well is restarted";
  auto& budget = x.budget ? *x.budget : above.budget;
  auto free = cause == line::ended && planned;
  if (!free && !budget.limit.is_unlimited()
      && !budget.charge(time_point{std::chrono::nanoseconds{now_}}))
    return "that is one restart too many";
  return counts(e, x, above);
}

string history::gave_up(const event& e, line& x, supervisor& above) {
  if (std::exchange(x.cause, line::none) == line::none)
    return "nothing happened to it";
  auto& budget = x.budget ? *x.budget : above.budget;
  if (budget.charge(time_point{std::chrono::nanoseconds{now_}}))
    return "one more restart was allowed";
  auto wrong = counts(e, x, above);
  if (x.budget)
    x.budget->all.clear();
  else
    above.doomed = true;
  return wrong;
}

string history::stopped(const event& e, supervisor& x) {
  x.running = false;
  if (std::exchange(x.doomed, false)
      && !is(e.reason, supervision_errc::restart_intensity_reached))
    return "it has used up its restarts, and says something else";
  for (const auto& [path, child] : lines_)
    if (path.substr(0, path.rfind('/')) == e.path && child.current != 0
        && !excused(child.current))
      return "it ended before " + path;
  return {};
}

/// A supervisor is down, says the one above it: one that was killed did not say
/// so itself. If it is started again it has all its restarts.
string history::is_over(const event& e, supervisor& x) {
  x.running = false;
  x.budget.all.clear();
  if (std::exchange(x.doomed, false) && !is(e.reason, caf::exit_reason::kill))
    return "it has used up its restarts, and did not say that it ended";
  return {};
}

/// What should have been told.
string history::missing() const {
  auto failed = failed_;
  for (const auto& [who, x] : births_) {
    if (ended_.count(who) > 0 || excused(who))
      continue;
    auto name = "#" + std::to_string(who) + " (" + x.path + ", incarnation "
                + std::to_string(x.incarnation) + ")";
    if (ready_.count(who) > 0)
      return "the end of " + name + " was not told";
    if (--failed[{x.path, x.incarnation}] < 0)
      return "what became of " + name + " was not told";
  }
  for (const auto& [path, x] : supervisors_)
    if (x.doomed && !root_was_killed_)
      return path + " has used up its restarts and did not end";
  return {};
}

} // namespace test
