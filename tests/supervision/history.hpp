// What the events of a game tell, held against what cannot be otherwise.
//
// It knows nothing of how a supervisor works, and no model of one: only which
// actors were really started, what OTP promises, and the budgets. So it finds
// what a model that thinks as the supervisor does would not find.
//
//   history told{{{"root", {limit}}}};
//   CHECK(told.mistake(events, births) == "");
#pragma once

#include "charmer/supervision/restart_decision.hpp"

#include "counted_window.hpp"
#include "world.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace test {

/// The child with a label: restart type and own budget are in each event about
/// it.
child_spec labelled(child_spec x);

class history {
public:
  struct supervisor {
    counted_window budget;
    bool group = false;
    bool running = false; ///< its initial start is over
    bool doomed = false;  ///< it has used up its budget
  };

  /// @param all by their paths
  explicit history(std::map<string, supervisor> all)
      : supervisors_(std::move(all)) {}

  /// A supervisor was killed: it says nothing of the end of these.
  void excuse(const std::set<std::uint64_t>& actors) { excused_ = actors; }

  /// Somebody has restarted these by hand, which gives them a fresh budget if
  /// they have one of their own. By their ids.
  void restarted_by_hand(const std::set<string>& ids) { by_hand_ = ids; }

  /// The one that is below no other was killed: nobody tells of its end.
  void root_was_killed() { root_was_killed_ = true; }

  /// What cannot be true in these events, and at which one; or nothing. All is
  /// over: each actor that was started has ended.
  string mistake(const std::vector<event>& events,
                 const std::vector<birth>& births);

private:
  using actor = std::uint64_t;

  /// What was told of one child, by its path.
  struct line {
    string restart;
    std::optional<counted_window> budget; ///< its own
    actor current = 0;
    std::uint64_t incarnation = 0; ///< of its last start
    enum { none, ended, not_started } cause = none;
    std::optional<exit_kind> ended_as; ///< when it was running
  };

  string read(const event& e);
  string became_ready(const event& e, line& x, const supervisor& above);
  string ended(const event& e, line& x);
  string not_started(const event& e, line& x, const supervisor& above);
  string restarts(const event& e, line& x, supervisor& above);
  string gave_up(const event& e, line& x, supervisor& above);
  string stopped(const event& e, supervisor& x);
  string is_over(const event& e, supervisor& x);
  string is_of(const event& e, actor who) const;
  string counts(const event& e, const line& x, const supervisor& above) const;
  string missing() const;
  void attempted(const event& e, line& x);
  void see_by_hand(const event& e, line& x) const;
  bool excused(actor x) const { return excused_.count(x) > 0; }

  std::map<string, supervisor> supervisors_;
  std::set<actor> excused_;
  std::set<string> by_hand_;
  bool root_was_killed_ = false;
  std::map<string, line> lines_;
  std::map<actor, birth> births_;
  std::map<actor, std::int64_t> ready_; ///< since when
  std::set<actor> ended_;
  std::map<std::pair<string, std::uint64_t>, int> failed_;
  std::int64_t now_ = 0;
};

} // namespace test
