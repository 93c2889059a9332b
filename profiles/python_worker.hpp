// private: The actor of one Python worker, and the worker itself as far as the
// pool can tell.
//
// It is a broker, on the thread of CAF's event loop, because each further hop
// would cost a call as much as the pipe itself. It writes requests into the
// child's stdin as they come (many may lie there), and answers them as their
// frames come back; it never waits and never blocks.
//
// Messages:
//   invocation, as a request       → reply, or a pool_errc
//   invocation with a window       → chunks, then stream_end, or a pool_errc;
//                                  all of them under the request's id
//   (credit_atom, lease, uint32)   so many chunks more may be sent
//   (answer_atom, number, payload or error)
//                                  the answer to a question of a command
//   (cancel_atom, uint64 lease)    the request is no longer wanted
//   late_error_ptr                 a request runs too long: what it does is
//                                  added to the error
//   (expel_atom)                   ends at once; a planned stop
//   exit_msg                       drains, then ends within worker_shutdown; if
//                                  another has taken its place only when the
//                                  pool says that nothing is left, or if it is
//                                  asked again
//   (dismiss_atom)                 nothing is left
// What it cannot answer because the process died, it leaves to the pool, which
// hears of the death and looks at the progress page.
//
// Life: spawning → starting (until Ready) → serving → ending → dead. Whatever
// makes it end (a broken frame, no handshake in time) is noted once as the
// verdict; the process group is killed, and when the pidfd says so, what still
// lies in the pipes is read and the pool is told.
//
// Threading: the event loop's thread.
#pragma once

#include "charmer/profiles/express_lane.hpp"
#include "charmer/profiles/messages.hpp"
#include "charmer/profiles/stack_dump.hpp"
#include "charmer/profiles/worker_frames.hpp"
#include "charmer/profiles/worker_session.hpp"
#include "charmer/wire/frame_splitter.hpp"
#include "charmer/wire/frames.hpp"
#include "charmer/wire/line_tail.hpp"
#include "charmer/wire/outbox.hpp"
#include "charmer/wire/pipe_scribe.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace charmer {

/// What the actor tells itself.
enum class worker_tick : std::uint8_t {
  started,         ///< the spawner has answered
  flush,           ///< write what the burst brought
  start_limit,     ///< the handshake should be there
  look_at_dump,    ///< is the traceback complete?
  send_cancels,    ///< complete or not
  silence_limit,   ///< stdout or stdin was closed a while ago
  terminate_limit, ///< half of worker_shutdown is over
  kill_limit,      ///< all of it
  buried,          ///< to who waits for that, when the worker's actor has gone
};

/// A question that the host answers now.
struct open_question {
  std::uint64_t lease = 0; ///< of the request that asks; 0: none does
  std::stop_source ended;  ///< asked to stop: nobody wants the answer
  std::string function;
  time_point since;
  time_point until; ///< then nobody waits for the answer any more
};

/// A question that waits until another has been answered.
struct waiting_question {
  host_question what;
  time_point until; ///< then nobody waits for the answer any more
};

class python_worker {
public:
  using self_type = caf::io::stateful_broker<python_worker>;

  static inline const char* name = "charmer.python_worker";

  explicit python_worker(self_type* self) : self_(self) {}

  ~python_worker() {
    lane_->close();
    forget_questions();
  }

  /// The behaviour of the actor.
  caf::behavior run(std::shared_ptr<worker_session> session);

private:
  // -- the table of messages --------------------------------------------------

  void call(const invocation& x);
  void cancel(std::uint64_t lease);
  void credit(std::uint64_t lease, std::uint32_t chunks);
  void explain(const late_error_ptr& x);
  void expel();
  void stop(caf::error reason);
  void dismissed();
  void tick(worker_tick what);
  void received(const caf::io::new_data_msg& x);
  void closed(const caf::io::connection_closed_msg& x);
  void written(const caf::io::data_transferred_msg& x);

  // -- starting ---------------------------------------------------------------

  void adopt();
  void greeted(wire::Ready& x);
  void refused(wire::Failure& x);
  void start_too_long();

  // -- frames -----------------------------------------------------------------

  bool handle(std::string_view bytes);
  void finished(wire::Result& x);
  void failed(wire::Failure& x);
  void hear(std::string_view bytes);
  void hear_errors(std::string_view bytes);
  void end_line();
  bool tell_line(const std::string& line);
  void tell_through(wire::flood_gate& gate, event x);
  void tell_emitted(event x);
  void tell_dropped();

  // -- streams and questions --------------------------------------------------

  void chunked(wire::Chunk& x);
  void ended(wire::End& x);
  void asked(wire::HostCall& x);
  void ask(host_question x);
  void ask_next();
  bool places_are_lost() const;
  void refuse_for_ever_taken(std::uint64_t number);
  void forget_late_questions();
  void answered(std::uint64_t number, payload value);
  void refused(std::uint64_t number, const caf::error& why);
  void refuse(std::uint64_t number, const caf::error& why);
  void replied(std::uint64_t number);
  bool is_wanted(std::uint64_t number) const;
  void forget_questions_of(std::uint64_t lease);
  void forget_questions();

  // -- writing ----------------------------------------------------------------

  byte_buffer& out();
  void append_data(std::shared_ptr<const payload> x);
  void send_frame(const wire::Frame& frame);
  void flush_soon();
  void flush();

  // -- answering --------------------------------------------------------------

  void answer(const open_request& to, caf::message content);
  std::optional<open_request> take(std::uint64_t lease);
  void settle(const std::optional<open_request>& who, caf::message content);

  // -- ending -----------------------------------------------------------------

  void drain();
  void too_late();
  void ask_for_dump(late_error_ptr x);
  void ask_at_last();
  time_point beginning_of_hang() const;
  void send_cancel(std::uint64_t lease);
  void send_cancels();
  void look_at_dump();
  void condemn(pool_errc code, failure why);
  void condemn(pool_errc code, std::string text);
  void pipe_closed();
  void exited();
  void read_rest(int fd, bool is_output);
  void conclude(wire::exit_status status);
  std::vector<running_request> running() const;
  void quit_with(caf::error reason, const failure& what);

  self_type* self_;
  std::shared_ptr<worker_session> session_;
  wire::child_process* child_ = nullptr;

  caf::intrusive_ptr<wire::writer> input_;
  caf::intrusive_ptr<wire::reader> output_;
  caf::intrusive_ptr<wire::reader> errors_;
  caf::intrusive_ptr<wire::exit_watch> watch_;

  std::optional<wire::frame_splitter> splitter_;
  std::optional<wire::line_tail> tail_;
  wire::Frame frame_;
  wire::outbox outbox_;
  const std::shared_ptr<express_lane> lane_ = std::make_shared<express_lane>();

  wire::flood_gate line_gate_{100};
  wire::flood_gate record_gate_{1000};
  wire::flood_gate emitted_gate_{1000};
  std::uint64_t stale_ = 0;
  stack_dump dump_;
  bool holds_cancels_ = false; // until it has come, or for a moment
  std::vector<std::uint64_t> held_cancels_;

  std::unordered_map<std::uint64_t, open_question> questions_;
  std::unordered_set<std::uint64_t> unwanted_; // requests that were cancelled
  std::deque<waiting_question> waiting_questions_;
  time_point last_asked_;  // when a place was taken
  bool told_lost_ = false; // that all places are, since then

  bool ready_ = false;
  bool tells_stacks_ = false; // when it is asked to
  bool flushing_ = false;     // a flush tick is on its way
  bool draining_ = false;     // close stdin when nothing is left
  bool pipe_closed_ = false;  // stdin or stdout, by the worker
  bool expelled_ = false;
  bool overdue_ = false; // not done within worker_shutdown
  std::optional<caf::error> stop_reason_;
  std::optional<std::pair<pool_errc, failure>> verdict_;
};

/// The broker around it.
class python_worker_actor : public closing_broker<python_worker::self_type> {
public:
  python_worker_actor(caf::actor_config& cfg,
                      std::shared_ptr<worker_session> session)
      : closing_broker(cfg), session_(std::move(session)) {}

  caf::behavior make_behavior() override {
    return state_of(this).run(std::move(session_));
  }

private:
  std::shared_ptr<worker_session> session_; // until it begins
};

} // namespace charmer

CAF_BEGIN_TYPE_ID_BLOCK(charmer_python_worker, caf::first_custom_type_id + 2190)

CAF_ADD_TYPE_ID(charmer_python_worker, (charmer::worker_tick))

CAF_END_TYPE_ID_BLOCK(charmer_python_worker)
