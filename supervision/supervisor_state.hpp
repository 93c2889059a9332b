// What a supervisor knows and does: the mechanism between the messages of
// supervisor.hpp and the decisions (restart_decision, restart_budget, backoff,
// stop_order). Not for users.
//
// Two tables. A `child` is a specification and what is to be done for it; a
// `life` is one living actor. A child has at most one current life, and one
// that is started beside it (`next`). A life that is stopped while another
// takes its place is retiring and belongs to no child any more.
//
// What goes in a sequence (the initial start, a restart of a group, the stop)
// is the one `plan`; `advance` does its next step whenever something has begun
// or ended. Requests for changes wait while a plan runs; stopping replaces any
// plan.
//
// Invariants:
// - each life is monitored and in the roster, until its down message came or it
//   was abandoned; each has one token, which no other ever had
// - each promise that somebody waits for is in exactly one list, and every way
//   out of the state it waits in settles it
//
// Threading: only inside the supervisor.
#pragma once

#include "charmer/supervision/event.hpp"
#include "charmer/supervision/restart_decision.hpp"
#include "charmer/supervision/roster.hpp"
#include "charmer/supervision/stop_order.hpp"
#include "charmer/supervision/supervisor.hpp"
#include "charmer/supervision/timetable.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace charmer {

class supervisor_state;

/// After its end it tells whoever asks why it ended.
using supervisor_actor = caf::stateful_actor<supervisor_state, last_word_actor>;

/// Who started this supervisor, if another supervisor did.
struct supervisor_parent {
  caf::actor supervisor;
  std::uint64_t token = 0;
  std::shared_ptr<charmer::succession> succession;
  std::shared_ptr<charmer::roster> roster; ///< the one to be used
};

class supervisor_state {
public:
  static inline const char* name = "charmer.supervisor";

  explicit supervisor_state(supervisor_actor* self) : self_(self) {}

  supervisor_state(const supervisor_state&) = delete;
  supervisor_state& operator=(const supervisor_state&) = delete;

  /// Tells those who wait that nothing will come any more.
  ~supervisor_state();

  void begin(supervisor_spec spec, supervisor_parent parent);

  // -- requests ---------------------------------------------------------------

  caf::response_promise start_child(child_spec spec);
  caf::response_promise start_from_template(caf::message arguments);
  caf::response_promise terminate_child(const std::string& id);
  caf::response_promise terminate_child(const caf::actor& handle);
  caf::response_promise kill_child(const std::string& id);
  caf::response_promise retire_child(std::uint64_t token);
  caf::response_promise restart_child(const std::string& id);
  caf::response_promise delete_child(const std::string& id);
  caf::response_promise replace_child(const std::string& id);
  caf::response_promise replace_child(const caf::actor& handle);
  caf::response_promise when_ready();
  std::vector<child_info> which_children() const;
  child_counts count_children() const;
  /// This supervisor and its children, without what is below those.
  supervision_tree tree() const;

  // -- reports ----------------------------------------------------------------

  void child_ready(std::uint64_t token);
  void child_failed(std::uint64_t token, caf::error why);
  void hurry(std::uint64_t token);
  void child_down(const caf::actor_addr& source, const caf::error& reason);
  void stop_requested(const caf::actor_addr& source, const caf::error& reason);
  void look_at_the_clock();
  void end();
  void retry(std::uint64_t number, std::uint64_t generation);

private:
  // -- member types -----------------------------------------------------------

  using promise = caf::response_promise;
  using promises = std::vector<promise>;

  /// Why a child is being started: decides what a failure means.
  enum class occasion : std::uint8_t {
    planned,   ///< the plan's next step
    added,     ///< start_child: a failure removes the spec
    requested, ///< restart_child: a failure keeps it stopped
    automatic, ///< after a death: a failure counts again
  };

  struct child {
    std::shared_ptr<const child_spec> spec;
    std::uint64_t number = 0; ///< order of the start
    std::string id;
    bool dynamic = false;  ///< added at run time
    bool fresh = false;    ///< added, and not ready for the first time yet
    bool given_up = false; ///< it has used up its own budget
    child_state state = child_state::stopped;
    occasion why = occasion::planned;
    verdict otherwise = verdict::restart; ///< if an automatic start fails
    std::uint64_t current = 0;            ///< token of the life, 0: none
    std::uint64_t next = 0;     ///< token of the one started beside it
    caf::actor_addr last_actor; ///< the last that was its current life
    std::uint64_t incarnation = 0;
    std::uint64_t generation = 0; ///< makes a retry stale
    std::uint32_t attempt = 0;    ///< restarts since it last lived long
    std::uint64_t restarts = 0;   ///< that were charged, in all
    time_point retry_at;          ///< not started by itself before
    std::optional<restart_budget> budget;
    caf::error last; ///< why it ended or did not start
    caf::message arguments;
    promises starting;  ///< wait until it is ready; in backoff: by hand
    promises stopping;  ///< wait until it is stopped
    promises replacing; ///< wait until `next` is ready
  };

  /// What is being done to end a life.
  enum class pressure : std::uint8_t { none, asked, killed, abandoned };

  struct life {
    std::uint64_t child = 0; ///< number, 0: retiring or an orphan
    std::string id;
    std::shared_ptr<const child_spec> spec;
    caf::actor handle;
    std::shared_ptr<roster> below;   ///< of a supervisor
    std::shared_ptr<roster> left_by; ///< an orphan: where it was
    std::uint64_t token_there = 0;
    bool ready = false;
    std::uint64_t incarnation = 0;
    time_point since; ///< of the start, then of being ready
    pressure end = pressure::none;
    bool overdue = false; ///< it did not stop within its limit
    /// It may take its time to end (child_spec::retire), until it is hurried.
    bool leisurely = false;
    caf::error failure; ///< why its start is given up
  };

  enum class purpose : std::uint8_t { initial_start, group_restart, stop };

  struct plan {
    purpose what = purpose::initial_start;
    bool everything = false; ///< wait for every life, retiring ones too
    stop_batches stops;
    std::unordered_set<std::uint64_t> stopping; ///< of the current batch
    bool pause = false;      ///< serve others before the next start
    bool waiting = false;    ///< for the time of the next start
    bool may_start = false;  ///< one_for_all: all may, none is looked at again
    time_point until;        ///< that is when
    std::uint64_t first = 0; ///< a group: this child and those after it
    std::deque<std::uint64_t> starts;
    std::uint64_t awaited = 0; ///< the one that is being started
    caf::error reason;         ///< of a stop
    bool finished = false;     ///< of a stop: nothing is left but to end
  };

  struct deferred {
    promise answer;
    std::function<void(promise)> act;
  };

  // -- children and requests (supervisor_requests.cpp) ------------------------

  child& add(std::shared_ptr<const child_spec> spec, bool dynamic);
  void remove(child& x);
  child* find(std::uint64_t number);
  child* find(const std::string& id);
  child* find(const caf::actor& handle);
  life* life_of(std::uint64_t token);
  const life* life_of(std::uint64_t token) const;
  child_info info_of(const child& x) const;
  const restart_budget& budget_of(const child& x) const;
  bool is_simple() const;
  bool is_group() const;
  caf::response_promise when_idle(std::function<void(promise)> act);
  template <class Key>
  caf::response_promise with_child(const Key& key,
                                   std::function<void(child&, promise)> act);
  void add_and_start(child_spec spec, promise answer);
  void terminate(child& x, shutdown how, promise answer);
  void retire(child& x, promise answer);
  caf::error not_stopped(const child& x) const;
  void start_again(child& x, promise answer);
  void forget(child& x, promise answer);
  void start_beside(child& x, promise answer);

  // -- starting (supervisor_start.cpp) ----------------------------------------

  void start(child& x, occasion why);
  caf::expected<started> call_start(child& x, std::uint64_t token, bool beside);
  caf::error mistake_in(const started& x) const;
  life& enlist(std::uint64_t token, life x);
  void became_ready(child& x, life& l);
  void took_over(child& x);
  void ignored(child& x);
  void start_failed(child& x, const caf::error& why);
  caf::error report_failed_start(child& x, const caf::error& why);
  void replacement_failed(child& x, const caf::error& why);
  void give_up_start(std::uint64_t token, caf::error why);
  void give_up_next(child& x, const caf::error& why);
  void start_time_up(std::uint64_t token);

  // -- restarting (supervisor_restart.cpp) ------------------------------------

  void ended(child& x, const caf::error& reason);
  void ended_for_good(child& x, bool keep,
                      caf::error why = caf::exit_reason::user_shutdown);
  void restart(child& x, bool failed_start);
  bool charge(child& x);
  void exhausted(child& x);
  void promote_next(child& x, verdict what);
  timespan next_delay(child& x);
  void restart_group(child& culprit, timespan delay, bool pause);

  // -- stopping (supervisor_stop.cpp) -----------------------------------------

  void dismiss(std::uint64_t token, shutdown how);
  void dismiss(std::uint64_t token, shutdown how, time_point at);
  void kill_life(std::uint64_t token, life& l, time_point at);
  void stop_time_up(std::uint64_t token, time_point at);
  void whole_stop_time_up();
  void kill_time_up(std::uint64_t token);
  void gone(std::uint64_t token, const caf::error& reason);
  void await_orphans(const std::vector<roster::orphan>& orphans);
  void current_gone(child& x, const life& l, const caf::error& reason);
  void stopped(child& x);
  void stop_all(caf::error reason);
  void finish_stop();

  // -- the plan (supervisor_plan.cpp) -----------------------------------------

  void plan_initial_start();
  void advance();
  bool step();
  bool stops_are_done();
  bool wait_before_start();
  void start_by_hand(child& x, occasion why);
  void plan_finished();
  bool is_stopping() const;
  caf::error refusal(std::string text) const;
  caf::error not_ready() const;
  void expect(timetable::entry x, time_point since, timespan limit);
  bool is_busy() const;
  bool will_be_stopped(const child& x) const;

  // -- the tree (supervisor_tree.cpp) -----------------------------------------

  supervision_tree node_of(const child& x) const;
  supervision_tree node_of(const life& l) const;
  timespan until_retry(const child& x) const;

  // -- events (supervisor_events.cpp) -----------------------------------------

  event describe(std::string_view name, severity level) const;
  event describe(std::string_view name, severity level, const child& x) const;
  void explain(event& e, const caf::error& reason) const;
  void publish(event e) const;
  void report_end(const child* x, const life& l, const caf::error& reason);
  time_point now() const;

  // -- member variables -------------------------------------------------------

  supervisor_actor* self_;
  /// CAF ends an actor that nobody holds; this one is to be stopped.
  caf::actor held_by_itself_;
  supervisor_spec spec_;
  std::string path_;
  supervisor_parent parent_;
  std::shared_ptr<const child_spec> template_;
  std::shared_ptr<roster> roster_;
  restart_budget budget_;
  std::mt19937_64 random_;
  std::map<std::uint64_t, child> children_; ///< by number, so in order
  std::unordered_map<std::string, std::uint64_t> numbers_;
  std::unordered_map<std::uint64_t, life> lives_; ///< by token
  std::unordered_map<caf::actor_addr, std::uint64_t> tokens_;
  std::deque<caf::actor_addr> dead_; ///< the last children that went down
  std::uint64_t last_number_ = 0;
  std::uint64_t last_token_ = 0;
  timetable limits_;
  std::size_t abandoned_ = 0;
  bool ready_ = false;
  time_point since_; ///< of the begin, then of being ready
  bool advancing_ = false;
  std::optional<plan> plan_;
  std::uint64_t plan_generation_ = 0;
  std::deque<deferred> deferred_;
  promises readiness_;
};

caf::behavior supervisor(supervisor_actor* self, supervisor_spec spec,
                         supervisor_parent parent);

} // namespace charmer
