// What differs between CAF 0.17.6 and later versions: the one header, with its
// caf.cpp, that a move to another version rewrites.
//
// Rooms of this house use CAF through these names wherever 0.18, 0.19 or 1.x
// spells or does it differently: sending and asking, timers, monitors, ends of
// actors, default handlers; what declares messages, atoms and errors; actors
// without a mailbox, mailboxes, bytes, the scheduler. `./dev lint` refuses the
// spellings of one version anywhere else.
//
// Threading: as each function says; those that take `self` run in its context.
#pragma once

#include <caf/all.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include <caf/default_attachable.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/policy/work_stealing.hpp>
#include <caf/scheduler/coordinator.hpp>
#include <caf/scheduler/test_coordinator.hpp>

namespace charmer {

/// Durations everywhere: nanoseconds, signed 64 bit.
using timespan = caf::timespan;

/// A duration that never ends, where a setting allows one. An actor's own
/// self->request wants caf::infinite; charmer::request takes both.
inline constexpr timespan infinite = timespan::max();

/// A point on the monotonic clock of the actor system. Only
/// `system.clock().now()` makes one, so that tests can move time by hand.
using time_point = caf::actor_clock::time_point;

/// A hundred years. What is due later is never due: no setting that is large
/// makes a clock overflow.
inline constexpr timespan longest_delay = std::chrono::hours(24 * 36525);

/// `now + delay`; in the far future if that is longer than the longest delay.
inline time_point later(time_point now, timespan delay) {
  return now + std::min(delay, longest_delay);
}

/// How long CAF waits for an answer. `infinite`, and what is longer than the
/// longest delay, is for ever.
using answer_limit = caf::duration;

inline answer_limit to_answer_limit(timespan x) {
  if (x >= longest_delay)
    return answer_limit{caf::infinite};
  return answer_limit{std::chrono::ceil<std::chrono::milliseconds>(x)};
}

/// What runs an actor at the moment; null outside of all.
using actor_runner = caf::execution_unit;

/// The state of a stateful actor.
template <class Self>
auto& state_of(Self* self) {
  return self->state;
}

// -- sending and asking -------------------------------------------------------

/// What can be sent to. An actor that sends (a pointer to itself, a
/// scoped_actor) is none, so that functions which take it may be called alike.
template <class T>
concept destination =
    !std::is_pointer_v<T> && !std::is_same_v<T, caf::scoped_actor>;

/// Sends without a sender: nobody is told if it fails.
template <destination Dest, class... Ts>
void cast(const Dest& dst, Ts&&... xs) {
  caf::anon_send(dst, std::forward<Ts>(xs)...);
}

/// Sends without a sender, ahead of what waits in the receiver's mailbox.
template <class Dest, class... Ts>
void urgent_cast(const Dest& dst, Ts&&... xs) {
  caf::anon_send<caf::message_priority::high>(dst, std::forward<Ts>(xs)...);
}

/// Sends to `self` after a delay, now if there is none, and never if it is the
/// longest or longer. Cannot be cancelled: carry a generation.
template <class Self, class... Ts>
void send_later(Self* self, timespan delay, Ts&&... xs) {
  if (delay >= longest_delay)
    return;
  if (delay > timespan{0})
    self->delayed_send(self, delay, std::forward<Ts>(xs)...);
  else
    self->send(self, std::forward<Ts>(xs)...);
}

/// The same to another, without a sender.
template <destination Dest, class... Ts>
void cast_later(const Dest& dst, timespan delay, Ts&&... xs) {
  caf::delayed_anon_send(dst, delay, std::forward<Ts>(xs)...);
}

/// Sends to `self`, behind what waits in its mailbox.
template <class Self, class... Ts>
void send_to_self(Self* self, Ts&&... xs) {
  self->send(self, std::forward<Ts>(xs)...);
}

/// Asks `dst`; `.then`, `.await` or, in a blocking actor, `.receive` takes the
/// answer.
template <class Self, class Dest, class Limit, class... Ts>
auto request(const Self& self, const Dest& dst, Limit limit, Ts&&... xs) {
  if constexpr (std::is_same_v<Limit, timespan>)
    return self->request(dst, to_answer_limit(limit), std::forward<Ts>(xs)...);
  else
    return self->request(dst, limit, std::forward<Ts>(xs)...);
}

/// Asks `dst`, for who is answered more than once: the id that all answers
/// have. CAF forgets an id with each answer, and drops what comes under a
/// forgotten one, so each has to be waited for before the next one comes.
template <class Self, class Dest, class... Ts>
caf::message_id request_answers(Self* self, const Dest& dst, answer_limit limit,
                                Ts&&... xs) {
  return self->request(dst, limit, std::forward<Ts>(xs)...).id();
}

/// Calls one of `fs` with the next answer under an id of `request_answers`.
template <class... Fs>
void then_answer(caf::scheduled_actor* self, caf::message_id id, Fs... fs) {
  self->add_multiplexed_response_handler(id, caf::behavior{std::move(fs)...});
}

/// The same of a blocking actor; waits for the answer.
template <class... Fs>
void receive_answer(caf::blocking_actor* self, caf::message_id id, Fs&&... fs) {
  caf::blocking_actor::accept_one_cond once;
  self->varargs_receive(once, id, std::forward<Fs>(fs)...);
}

/// Hands the message that `self` is in on: whoever gets it answers instead.
template <class Result, class Self, class Dest, class... Ts>
caf::delegated<Result> delegate(Self* self, const Dest& dst, Ts&&... xs) {
  self->delegate(dst, std::forward<Ts>(xs)...);
  return {};
}

/// Sends in the name of `from` and under this number, from any thread: for who
/// stands between others. `context`: what runs the caller, or null.
template <class Dest>
void post(const Dest& to, caf::strong_actor_ptr from, caf::message_id id,
          caf::message content, actor_runner* context) {
  to->enqueue(std::move(from), id, std::move(content), context);
}

// -- ends of actors -----------------------------------------------------------

/// Calls `f(reason)` when `x` ends, in the context of whoever ends it, also
/// after kill. `f` must not block. Runs at once if `x` has ended already.
template <class Handle, class F>
void on_exit(const Handle& x, F f) {
  caf::actor_cast<caf::abstract_actor*>(x)->attach_functor(std::move(f));
}

/// Whether `x` has ended, from any thread. What it sent when it ended may still
/// be on its way.
template <class Handle>
bool has_ended(const Handle& x) {
  return caf::actor_cast<caf::abstract_actor*>(x)->getf(
      caf::abstract_actor::is_cleaned_up_flag);
}

/// Asks `x` to stop, ahead of what waits in its mailbox.
template <class Handle>
void ask_to_stop(const caf::actor_addr& asker, const Handle& x,
                 caf::error reason = caf::exit_reason::user_shutdown) {
  urgent_cast(x, caf::exit_msg{asker, std::move(reason)});
}

/// The same in its own name.
template <class Handle>
void ask_to_stop(const Handle& x) {
  ask_to_stop(caf::actor_cast<caf::actor_addr>(x), x);
}

/// Ends `x` at once. It cannot prevent that, except by never returning from a
/// message.
template <class Handle>
void kill(const caf::actor_addr& killer, const Handle& x) {
  ask_to_stop(killer, x, caf::exit_reason::kill);
}

/// The same in its own name.
template <class Handle>
void kill(const Handle& x) {
  kill(caf::actor_cast<caf::actor_addr>(x), x);
}

/// The reason of a message that asks to stop or kills; null: it is another.
template <class Content>
const caf::error* stop_reason(const Content& x) {
  return x.template match_elements<caf::exit_msg>()
             ? &x.template get_as<caf::exit_msg>(0).reason
             : nullptr;
}

/// Whether a message says that a monitored actor has ended.
template <class Content>
bool is_down(const Content& x) {
  return x.template match_elements<caf::down_msg>();
}

/// Waits for the end of an actor that the blocking `self` monitors. False: it
/// has not come within `limit`.
template <class Self>
bool await_down(const Self& self, timespan limit) {
  auto result = true;
  self->receive([](const caf::down_msg&) {},
                caf::after(limit) >> [&] { result = false; });
  return result;
}

/// The reason of an actor that ends by an exception, unless it says another.
inline caf::error unhandled_exception(std::string text) {
  return caf::error{
      static_cast<std::uint8_t>(caf::exit_reason::unhandled_exception),
      caf::atom("exit"), caf::make_message(std::move(text))};
}

/// Replaces the default handlers that print: messages that nobody expects are
/// answered with sec::unexpected_message, errors and down messages without a
/// handler are dropped, an exception ends the actor with what `thrown` makes
/// of its text.
template <class Self, class F = caf::error (*)(std::string)>
void replace_default_handlers(Self* self, F thrown = unhandled_exception) {
  self->set_default_handler(caf::drop);
  self->set_error_handler([](caf::error&) {});
  self->set_down_handler([](caf::down_msg&) {});
  self->set_exception_handler([thrown](std::exception_ptr& x) -> caf::error {
    try {
      std::rethrow_exception(x);
    } catch (const std::exception& e) {
      return thrown(e.what());
    } catch (...) {
      return thrown("unknown exception");
    }
  });
}

/// Calls `f(who, why)` when an actor has ended that `self` monitors.
template <class Self, class F>
void when_down(Self* self, F f) {
  self->set_down_handler(
      [f = std::move(f)](caf::down_msg& x) { f(x.source, x.reason); });
}

/// Calls `f(who, why)` when `self` is asked to stop, or whom it is linked to
/// has ended. A kill cannot be answered.
template <class Self, class F>
void when_asked_to_stop(Self* self, F f) {
  self->set_exit_handler(
      [f = std::move(f)](caf::exit_msg& x) { f(x.source, x.reason); });
}

// -- errors -------------------------------------------------------------------

/// Text of an error, its context included.
inline std::string render(const caf::actor_system& sys, const caf::error& x) {
  return x ? sys.render(x) : std::string{"normal"};
}

/// Whether the code of an error is one of this enumeration.
template <class Codes>
bool has_code_of(const caf::error& x) {
  return x && x.category() == caf::error{Codes{1}}.category();
}

/// The enumeration that the code of an error is of: "system", "exit", or what
/// CHARMER_ERROR_CODES says.
inline std::string category_name(const caf::error& x) {
  return caf::to_string(x.category());
}

/// An error with this context.
template <class Codes, class... Ts>
caf::error error_saying(Codes code, Ts... said) {
  return caf::error{code, std::move(said)...};
}

/// The same error with nothing in its context.
inline caf::error without_context(const caf::error& x) {
  return x ? caf::error{x.code(), x.category(), caf::message{}} : caf::error{};
}

/// The same error with one more thing in its context.
template <class T>
caf::error with_context(const caf::error& x, T said) {
  return caf::error{x.code(), x.category(),
                    x.context() + caf::make_message(std::move(said))};
}

/// How an actor system renders errors whose codes are of this enumeration.
template <class Codes>
void render_errors(caf::actor_system_config& cfg,
                   std::string (*describe)(const caf::error&)) {
  cfg.add_error_category(caf::detail::error_factory<Codes>::category,
                         [describe](std::uint8_t code, caf::atom_value category,
                                    const caf::message& context) {
                           return describe(caf::error{code, category, context});
                         });
}

// -- messages -----------------------------------------------------------------

/// What an inspect function gives.
template <class Inspector>
using inspected = typename Inspector::result_type;

/// Shows an inspector the fields of `x`, whose type goes by this name.
template <class Inspector, class T, class... Fields>
inspected<Inspector> inspect_fields(Inspector& f, T&, const char* name,
                                    Fields&... xs) {
  return f(caf::meta::type_name(name), xs...);
}

/// Makes the types of a block known to an actor system.
template <class Block>
void register_messages(caf::actor_system_config& cfg) {
  cfg.add_message_types<Block>();
}

/// The content of `x` as a message of its own; `x` keeps none.
inline caf::message take_content(caf::mailbox_element& x) {
  return x.move_content_to_message();
}

/// The same of a message that is still needed.
inline caf::message copy_content(const caf::mailbox_element& x) {
  return x.copy_content_to_message();
}

/// Whether its answer goes through other actors first: it was sent to a
/// composition (f * g).
inline bool is_composed(const caf::mailbox_element& x) {
  return !x.stages.empty();
}

/// Whether the first element of a message is this atom.
template <class Atom>
bool begins_with(const caf::mailbox_element& x) {
  auto& content = x.content();
  return content.size() > 0
         && content.template match_element<caf::atom_value>(0)
         && content.template get_as<caf::atom_value>(0) == Atom::value;
}

/// Is told when the receiver of a request first looks at it. That is when it
/// begins, as far as anybody can tell: a receiver that ends first, or never
/// comes to it, has not begun it.
class request_watcher {
public:
  virtual ~request_watcher() = default;

  /// Asked once for each request, in the receiver's context. False: it was
  /// taken back, and the receiver sees that it was killed instead.
  virtual bool may_begin(caf::message_id which) = 0;
};

/// As `post`, of a request that is watched. `owner` keeps the watcher alive,
/// and is who kills a receiver that looks too late. Where the element of a
/// mailbox cannot be told from its message, as in later versions, a request
/// begins when it is sent.
void post_watched(const caf::actor& to, const caf::strong_actor_ptr& from,
                  caf::message_id id, caf::message content,
                  request_watcher& watcher, caf::strong_actor_ptr owner,
                  actor_runner* context);

// -- bytes --------------------------------------------------------------------

/// What brokers read into and write from.
using byte_buffer = std::vector<char>;

/// Its bytes, as long as nothing is appended.
inline std::string_view characters(const byte_buffer& x) {
  return {x.data(), x.size()};
}

inline void append(byte_buffer& x, std::string_view bytes) {
  x.insert(x.end(), bytes.begin(), bytes.end());
}

inline void append(byte_buffer& x, char byte) {
  x.push_back(byte);
}

// -- mailboxes ----------------------------------------------------------------

/// Whether what is sent to `x` bounces, and what was in its mailbox does: it
/// has ended, or is about to, and begins nothing more. Its functors (on_exit)
/// run after this. Nothing: it has no mailbox in this process. From any thread.
template <class Handle>
std::optional<bool> has_closed_mailbox(const Handle& x) {
  auto* who = caf::actor_cast<caf::abstract_actor*>(x);
  if (auto* scheduled = dynamic_cast<caf::scheduled_actor*>(who))
    return scheduled->mailbox().closed();
  if (auto* blocking = dynamic_cast<caf::blocking_actor*>(who))
    return blocking->mailbox().closed();
  return std::nullopt;
}

/// An actor that has a last word: from then on it is the answer to each
/// request, also after its end, where CAF itself answers with nothing but
/// sec::request_receiver_down.
class last_word_actor : public caf::event_based_actor {
public:
  using caf::event_based_actor::enqueue;
  using caf::event_based_actor::event_based_actor;

  using last_word = std::function<caf::error(const caf::mailbox_element&)>;

  /// Whom this actor was linked to while `f` ran is remembered until it ends.
  template <class F>
  auto noting_links(F f) {
    noting_links_ = true;
    struct note_no_more {
      bool& noting;
      ~note_no_more() { noting = false; }
    } end{noting_links_};
    return f();
  }

  /// Whether it was one of those; forgets it.
  bool was_noted(const caf::actor_addr& x) { return links_.erase(x) != 0; }

  void add_link(caf::abstract_actor* x) override {
    if (noting_links_ && x)
      links_.insert(x->address());
    caf::event_based_actor::add_link(x);
  }

  /// What is in the mailbox already is still received.
  void say_last(last_word answer) {
    std::lock_guard guard{mutex_};
    answer_ = std::move(answer);
  }

  void enqueue(caf::mailbox_element_ptr x, actor_runner* context) override {
    if (!x->mid.is_request() || !x->sender) {
      caf::event_based_actor::enqueue(std::move(x), context);
      return;
    }
    // Held while it is put into the mailbox, so that no request falls between
    // the last one that is received and the first that is answered here.
    std::unique_lock guard{mutex_};
    if (!answer_) {
      caf::event_based_actor::enqueue(std::move(x), context);
      return;
    }
    auto why = answer_(*x);
    guard.unlock();
    post(x->sender, ctrl(), x->mid.response_id(),
         caf::make_message(std::move(why)), context);
  }

private:
  bool noting_links_ = false;
  std::unordered_set<caf::actor_addr> links_;
  std::mutex mutex_;
  last_word answer_;
};

/// An actor without a mailbox: what is sent to it runs at once, in the context
/// of whoever sends, from several threads at a time.
class actor_without_mailbox : public caf::monitorable_actor {
public:
  using caf::monitorable_actor::enqueue;
  using caf::monitorable_actor::monitorable_actor;

  virtual void receive(caf::mailbox_element_ptr what,
                       actor_runner* context) = 0;

  void enqueue(caf::mailbox_element_ptr what, actor_runner* context) final {
    receive(std::move(what), context);
  }

  /// Answers what CAF asks of every actor. False: it is another message.
  bool take_system_message(caf::mailbox_element& what, actor_runner* context) {
    return handle_system_message(what, context, true);
  }

  /// Whoever links to it or monitors it is told.
  void end(caf::error reason, actor_runner* context) {
    cleanup(std::move(reason), context);
  }

  /// From now until `unwatch`, the end of `x` is received here (is_down).
  void watch(const caf::actor& x) {
    caf::actor_cast<caf::abstract_actor*>(x)->attach(
        caf::default_attachable::make_monitor(
            caf::actor_cast<caf::actor_addr>(x), address()));
  }

  void unwatch(const caf::actor& x) {
    caf::actor_cast<caf::abstract_actor*>(x)->detach(
        caf::default_attachable::observe_token{
            address(), caf::default_attachable::monitor});
  }

  void on_destroy() override {
    // Everything it has is released by its members.
  }
};

/// A broker whose mailbox is closed when it ends. CAF's own leaves it open:
/// requests to a dead one would neither be answered nor bounced, and a tick to
/// itself would keep it for ever.
template <class Broker>
class closing_broker : public Broker {
public:
  using Broker::Broker;

  bool cleanup(caf::error&& reason, actor_runner* context) override {
    this->close_all();
    return caf::scheduled_actor::cleanup(std::move(reason), context);
  }
};

// -- the scheduler ------------------------------------------------------------

/// What CAF's coordinator and its threads ask of a policy, for threads that
/// share one queue. Jobs is a job_queue of caf::resumable.
template <class Jobs>
class shared_jobs : public caf::policy::unprofiled {
public:
  using coordinator = caf::scheduler::abstract_coordinator;

  struct coordinator_data {
    explicit coordinator_data(coordinator*) {}

    Jobs jobs{std::thread::hardware_concurrency()};
  };

  struct worker_data {
    explicit worker_data(coordinator*) {}

    bool entered = false;
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* self, caf::resumable* job) {
    d(self).jobs.put(job);
  }

  template <class Worker>
  void external_enqueue(Worker* self, caf::resumable* job) {
    d(self->parent()).jobs.put(job);
  }

  template <class Worker>
  void internal_enqueue(Worker* self, caf::resumable* job) {
    d(self->parent()).jobs.put_next(job);
  }

  // It has had its share of messages: others are next.
  template <class Worker>
  void resume_job_later(Worker* self, caf::resumable* job) {
    d(self->parent()).jobs.put_next(job);
  }

  template <class Worker>
  caf::resumable* dequeue(Worker* self) {
    auto& jobs = d(self->parent()).jobs;
    if (!d(self).entered) {
      d(self).entered = true;
      jobs.enter();
    }
    return jobs.take();
  }

  template <class Worker>
  void before_shutdown(Worker* self) {
    d(self->parent()).jobs.leave();
  }

  template <class Worker, class F>
  void foreach_resumable(Worker*, F) {
    // Threads have no jobs of their own.
  }

  template <class Coordinator, class F>
  void foreach_central_resumable(Coordinator* self, F f) {
    d(self).jobs.drain(f);
  }
};

/// An actor system whose policy is `sharing` runs on Policy; the others stay
/// what they are.
template <class Policy>
void replace_sharing(caf::actor_system_config& cfg) {
  using namespace caf::scheduler;
  cfg.module_factories.emplace_back(
      [](caf::actor_system& sys) -> caf::actor_system::module* {
        auto policy = caf::get_or(sys.config(), "scheduler.policy",
                                  caf::defaults::scheduler::policy);
        if (policy == caf::atom("testing"))
          return new test_coordinator(sys);
        if (policy == caf::atom("stealing"))
          return new coordinator<caf::policy::work_stealing>(sys);
        return new coordinator<Policy>(sys);
      });
}

/// Threads share one queue, and take the next actor after so many messages,
/// unless the command line or a file says otherwise.
inline void prefer_sharing(caf::actor_system_config& cfg,
                           std::size_t max_throughput) {
  cfg.set("scheduler.policy", caf::atom("sharing"));
  cfg.set("scheduler.max-throughput", max_throughput);
}

} // namespace charmer

/// The codes of an enumeration become errors of this category (at most ten
/// characters). Stands outside of all namespaces.
#define CHARMER_ERROR_CODES(codes, category)                                   \
  CAF_ERROR_CODE_ENUM(codes, category)

/// Adds a type to a block of message types that stays within one process. A
/// declaration of it will do; `(type)` stands in brackets.
#define CHARMER_ADD_LOCAL_TYPE(block, type)                                    \
  CAF_ALLOW_UNSAFE_MESSAGE_TYPE(CAF_PP_EXPAND type)

/// Adds an atom of this house to a block of message types; the text is its name
/// between nodes, of at most ten characters.
#define CHARMER_ADD_ATOM(block, name, text)                                    \
  CAF_ADD_ATOM(block, charmer, name, text)
