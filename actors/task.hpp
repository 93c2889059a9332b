// Functions as requests: a pool whose workers run what they are given
// (PhoenixGenApi's worker pools, wpool's default kind of worker).
//
// The workers are native actors with threads of their own, so a task may block.
// A task that takes longer than the pool's request_timeout is answered
// exec_timeout, its worker is left behind and replaced (a C++ function cannot
// be interrupted; see max_abandoned). A task is never tried again. One that
// throws is answered with an error that carries the text of the exception.
//
// Kinds of pools, which differ in their settings only. With a circuit breaker:
// task_pool for anything; async_pool for many short tasks; stream_pool for
// tasks that live long and send many messages. Without one, native_pool: what
// wpool starts when nothing else is said.
//
// Threading: tasks run in the worker's thread; what they hold is shared with
// nobody else unless they share it themselves.
//
//   app->start_pool(charmer::async_pool("mails"));
//   charmer::execute_async(self, pool, [=] { send_mail(letter); })
//     .receive([] { /* accepted */ },
//              [](const caf::error& e) { /* queue_full, circuit_open, … */ });
//   charmer::execute(self, pool, [=] { send_mail(letter); })
//     .then([] { /* done */ }, [](const caf::error& e) { … });
#pragma once

#include "charmer/actors/cast.hpp"
#include "charmer/profiles/settings.hpp"

#include <functional>
#include <string>
#include <utility>

namespace charmer {

/// What a worker of such a pool is sent. Stays in this process.
struct task {
  std::function<void()> run;
};

/// 10 workers.
pool_settings task_pool(std::string name);

/// 100 workers; a task may take 30 s.
pool_settings async_pool(std::string name);

/// 50 workers; a task may take 5 minutes.
pool_settings stream_pool(std::string name);

/// 100 workers; a task may take 5 s, and nothing opens or closes.
pool_settings native_pool(std::string name);

/// The error of a task that threw; `text` is what the exception says.
inline constexpr auto task_failed = pool_errc::python_exception;

/// Answered when the task is done, or with what became of it.
template <class Self>
auto execute(Self* self, const pool_handle& pool, std::function<void()> f,
             call_options options = {}) {
  options.idempotent = idempotence::no;
  return pending_answer{request(self, pool.actor(), caf::infinite,
                                std::move(options),
                                caf::make_message(task{std::move(f)})),
                        pool};
}

inline auto execute(caf::scoped_actor& self, const pool_handle& pool,
                    std::function<void()> f, call_options options = {}) {
  return execute(self.ptr(), pool, std::move(f), std::move(options));
}

/// Answered once the task is accepted, or with the reason why not: queue_full,
/// circuit_open, pool_degraded, shutting_down. It may wait for as long as it
/// has in all (options.timeout, or the pool's request_timeout), unless
/// options.queue_timeout says less. That it fails later is told as
/// an event (charmer.request.failed); so is queue_full where a function of the
/// application's chooses the worker (strategies.hpp).
template <class Self>
auto execute_async(Self* self, const pool_handle& pool, std::function<void()> f,
                   call_options options = {}) {
  options.idempotent = idempotence::no;
  if (options.queue_timeout == unsaid)
    options.queue_timeout = infinite;
  return cast(self, pool, caf::make_message(task{std::move(f)}),
              std::move(options));
}

inline auto execute_async(caf::scoped_actor& self, const pool_handle& pool,
                          std::function<void()> f, call_options options = {}) {
  return execute_async(self.ptr(), pool, std::move(f), std::move(options));
}

/// Makes the workers of these pools known as a native behaviour. Done by
/// charmer::configure.
void register_tasks();

} // namespace charmer
