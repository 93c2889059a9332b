// What a group (one_for_all, rest_for_one) should do whose members take time:
// to start, to stop, to be tried again. As simply as it can be said: no actors,
// no messages; one plan at a time, and a moment at which its next step is due.
//
// timed_groups_test.cpp plays the same acts on this and on the real thing.
#pragma once

#include "charmer/supervision/supervisor.hpp"

#include "counted_window.hpp"

#include <deque>
#include <map>
#include <optional>
#include <string>

namespace test {

/// What is special about a member.
struct member_plan {
  std::string id;
  charmer::restart_type restart = charmer::restart_type::permanent;
  bool slow = false; ///< ready when it says so
  charmer::timespan start_limit{0};
  charmer::timespan last_will{0};  ///< how long it takes to stop
  charmer::timespan stop_limit{0}; ///< then it is killed; 0: at once
  std::optional<charmer::backoff> retry;
  std::optional<charmer::restart_intensity> intensity;
};

class group_model {
public:
  using serial = std::size_t; ///< of a start that succeeded, from 0
  using number = int;         ///< of a member, in the order of the starts
  static constexpr serial nobody = serial(-1);

  struct member {
    member_plan plan;
    charmer::child_state state = charmer::child_state::stopped;
    serial current = nobody;
    bool ready = false;
    bool asked = false;    ///< to stop
    bool given_up = false; ///< was not ready in time, or said so
    bool spent = false;    ///< its own budget: its group starts without it
    std::uint32_t attempt = 0;
    std::uint64_t restarts = 0;
    charmer::time_point since, ready_by, gone_at;
    charmer::time_point not_before; ///< its backoff, also when others fail
    std::optional<counted_window> budget;
  };

  group_model(charmer::strategy how, charmer::restart_intensity limit)
      : one_for_all_(how == charmer::strategy::one_for_all), budget_{limit,
                                                                     {}} {}

  // -- what is to be compared -------------------------------------------------

  std::map<number, member> members;
  bool ended = false;
  bool exhausted = false; ///< that is why it ended
  serial serials = 0;     ///< how many were started

  std::size_t charged() const { return budget_.used(now); }

  // -- shared with the world --------------------------------------------------

  charmer::time_point now;
  std::map<std::string, int> refuse; ///< how many starts will fail

  // -- acts -------------------------------------------------------------------

  /// A member that is running from the beginning.
  void add(member_plan plan);

  /// This one ended by itself.
  void died(serial who, const caf::error& why);

  /// It says that it is ready, or that it never will be.
  void said(serial who, bool ready);

  void stop();

  /// When something happens by itself, if it does.
  std::optional<charmer::time_point> next_event() const;

  /// What is due.
  void tick();

private:
  enum class purpose { group, end };

  struct plan {
    purpose what = purpose::group;
    number first = 0;
    std::deque<number> stops;
    number stopping = 0;
    std::optional<charmer::time_point> until; ///< waits until then
    std::deque<number> starts;
    number awaited = 0;
  };

  member* find(number n);
  number number_of(serial who) const;

  void advance();
  bool step();
  bool stops_are_done();
  bool will_be_stopped(number n) const;

  void dismiss(number n);
  void gone(number n, const caf::error& why);
  void stopped(number n);
  void start(number n);
  void became_ready(member& x);
  void give_up(number n);

  void ended_by_itself(number n, const caf::error& why);
  void ended_for_good(number n, bool keep);
  void restart(number n);
  void restart_group(number culprit, charmer::timespan delay);
  charmer::time_point next_start() const;
  void end(bool exhausted);

  bool one_for_all_;
  counted_window budget_;
  std::optional<plan> plan_;
  bool advancing_ = false;
};

} // namespace test
