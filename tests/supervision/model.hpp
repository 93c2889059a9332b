// What a supervisor should do, as simply as it can be said: no actors, no
// messages, every act is over at once. Children die at once when they are told
// to. model_test.cpp plays the same acts on this and on the real thing;
// group_model.hpp is about groups whose members take time.
#pragma once

#include "charmer/supervision/restart_decision.hpp"
#include "charmer/supervision/supervisor.hpp"

#include "counted_window.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace test {

using namespace charmer;

/// What is special about a child of the model.
struct child_plan {
  std::string id;
  std::string log_name; ///< as its starts are counted: not that of a template
  restart_type restart = restart_type::permanent;
  bool slow = false; ///< ready when it says so
  bool significant = false;
  timespan start_limit{0};
  std::optional<restart_intensity> intensity;
  std::optional<backoff> retry;
};

/// What a request came to.
struct outcome {
  enum { pending, ok, failed } is = pending;
  supervision_errc code = supervision_errc::none;
};

class model {
public:
  using serial = std::size_t; ///< of a start that succeeded, from 0
  static constexpr serial nobody = std::size_t(-1);

  struct child {
    child_plan plan;
    bool fresh = false;
    bool by_hand = false; ///< restart_child: a failure keeps it stopped
    bool spent = false;   ///< its own budget: its group starts without it
    verdict otherwise = verdict::restart; ///< if a promoted one does not start
    child_state state = child_state::stopped;
    serial current = nobody;
    serial next = nobody;
    std::uint64_t incarnation = 0;
    std::uint64_t shown = 0; ///< the incarnation that lives
    std::uint64_t next_incarnation = 0;
    std::uint32_t attempt = 0;
    std::uint64_t restarts = 0;
    time_point since, retry_at, ready_by, next_ready_by;
    std::optional<counted_window> budget;
    std::vector<std::size_t> starting, replacing; ///< requests
  };

  model(strategy how, restart_intensity limit, auto_shutdown when)
      : strategy_(how), when_(when), budget_{limit, {}} {}

  // -- what is to be compared -------------------------------------------------

  std::vector<child> children;
  bool ended = false;
  supervision_errc end_code = supervision_errc::none; ///< none: user_shutdown
  std::map<std::size_t, outcome> answers;

  // -- shared with the world --------------------------------------------------

  time_point now;
  serial* serials = nullptr; ///< the next one
  std::map<std::string, int>* refuse = nullptr;

  std::size_t restarts_of(const child& x) const {
    return (x.budget ? *x.budget : budget_).used(now);
  }

  std::size_t charged() const { return budget_.used(now); }

  // -- acts -------------------------------------------------------------------

  /// The initial start. False: it failed, and everything is down again.
  bool begin(const std::vector<child_plan>& plans);

  void start_child(std::size_t request, const child_plan& plan);

  void terminate_child(std::size_t request, const std::string& id);

  void restart_child(std::size_t request, const std::string& id);

  void delete_child(std::size_t request, const std::string& id);

  void replace_child(std::size_t request, const std::string& id);

  /// This incarnation ended by itself.
  void died(serial who, const caf::error& why);

  /// It says that it is ready, or that it never will be.
  void said(serial who, bool ready);

  void stop() { end(supervision_errc::none); }

  /// When something happens by itself, if it does.
  std::optional<time_point> next_event() const;

  /// What is due.
  void tick();

  child* find(const std::string& id);

private:
  enum { retry_timer, start_timer, next_timer };

  using timer = std::function<void(const child&, time_point at, int kind)>;
  void each_timer(const timer& f) const;
  static child made_of(const child_plan& plan);
  bool refused(const child& x);
  bool simple() const { return strategy_ == strategy::simple_one_for_one; }
  bool group() const {
    return strategy_ == strategy::one_for_all
           || strategy_ == strategy::rest_for_one;
  }

  void fail(std::size_t request, supervision_errc code);
  void answer(std::vector<std::size_t>& requests,
              std::optional<supervision_errc> code = {});
  void remove(const std::string& id);

  // -- starting ---------------------------------------------------------------

  void becomes_current(child& x);
  void became_ready(child& x);
  void start(const std::string& id);
  void start_failed(child& x);
  void took_over(child& x);
  void replacement_failed(child& x);
  void give_up_next(child& x, supervision_errc why);

  // -- ending -----------------------------------------------------------------

  void ended_by_itself(const std::string& id, const caf::error& why);
  bool charge(child& x);
  void restart(const std::string& id, bool failed_start);

  /// Groups of the model have no backoff and start at once.
  void restart_group(const std::string& culprit);
  void exhausted(const std::string& id);
  void ended_for_good(const std::string& id, bool keep,
                      supervision_errc code = supervision_errc::none);

  /// It is down, because somebody wanted it so.
  void stopped(child& x, supervision_errc why);
  void end(supervision_errc code);

  strategy strategy_;
  auto_shutdown when_;
  counted_window budget_;
};

} // namespace test
