// Calls a command of a pool.
//
// From an event-based actor: call(self, pool, …).then(on_reply, on_error);
// nothing there blocks. From a scoped_actor: .receive(on_reply, on_error). The
// outcome always comes, and exactly once: a reply, or one pool_errc with a
// charmer::failure (errors.hpp).
//
// Deadlines: options.timeout is the time that waiting and running may take
// together, by default the pool's request_timeout.
//
//   charmer::call(self, pool, "add", {{"a", 5}, {"b", 3}}, {.timeout = 5s})
//     .receive([](const charmer::reply& x) { … },
//              [](const caf::error& e) { std::cerr << describe(e); });
#pragma once

#include "charmer/actors/arguments.hpp"
#include "charmer/actors/messages.hpp"
#include "charmer/actors/pending_answer.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace charmer {

/// A call under way: say what to do with its outcome, once; or cancel it.
template <class Response>
class pending_call {
public:
  pending_call(Response response, pool_handle pool, call_id id,
               std::shared_ptr<const void> bond = nullptr)
      : answer_(std::move(response), std::move(pool)), id_(id),
        bond_(std::move(bond)) {
    // nop
  }

  /// Event-based actors.
  template <class F, class G>
  void then(F on_reply, G on_error) {
    answer_.then(std::move(on_reply), std::move(on_error));
  }

  /// Blocking actors.
  template <class F, class G>
  void receive(F on_reply, G on_error) {
    answer_.receive(std::move(on_reply), std::move(on_error));
  }

  /// The outcome becomes `cancelled`, unless another was faster. What waits
  /// never runs; what runs is told, and its worker is replaced if it does not
  /// listen within cancel_grace. A native worker cannot be told, and runs it to
  /// its end (see cancel_grace in settings.hpp).
  void cancel() const { cast(answer_.pool().actor(), cancel_atom_v, id_); }

  const call_id& id() const noexcept { return id_; }

private:
  pending_answer<Response> answer_;
  call_id id_;
  std::shared_ptr<const void>
      bond_; // to the command on whose behalf it is made
};

namespace detail {

/// What a function of the application calls, that runs in this thread on behalf
/// of a command: is within the calls that led to it, and has their correlation,
/// unless it says something else, and no more time than they have left.
void inherit(call_options& options);

/// The same after such a call was sent: it is cancelled when that command is no
/// longer wanted, as long as somebody holds this. Null: there is none.
std::shared_ptr<const void> ending_with_caller(const pool_handle& pool,
                                               call_id id);

/// A local door owes an outcome in bounded time; towards another node, which
/// may fall silent, there is a limit of our own.
answer_limit response_limit(const pool_handle& pool,
                            const call_options& options);

} // namespace detail

/// @param self the calling actor, event-based or blocking
template <class Self>
auto call(Self* self, const pool_handle& pool, std::string command,
          arguments args = {}, call_options options = {}) {
  options.id = call_id::next();
  options.window = 0;
  detail::inherit(options);
  auto id = options.id;
  auto limit = detail::response_limit(pool, options);
  auto response = request(self, pool.actor(), limit,
                          invocation{std::move(command), std::move(args).take(),
                                     std::move(options)});
  return pending_call<decltype(response)>{std::move(response), pool, id,
                                          detail::ending_with_caller(pool, id)};
}

inline auto call(caf::scoped_actor& self, const pool_handle& pool,
                 std::string command, arguments args = {},
                 call_options options = {}) {
  return call(self.ptr(), pool, std::move(command), std::move(args),
              std::move(options));
}

} // namespace charmer
