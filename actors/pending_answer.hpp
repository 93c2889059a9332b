// The answer to what a pool was asked, as the functions that ask return it.
//
// Whoever waits gets errors of pools only: what CAF says of a handle that is
// empty, or of a node that has fallen silent, is put in their terms.
//
// Threading: as the actor that asked; `then` or `receive` is to be called once.
#pragma once

#include "charmer/actors/pool_handle.hpp"

#include <utility>

namespace charmer {

namespace detail {

/// no_such_pool of an empty handle; exec_timeout if the pool is on another node
/// and has not answered in time. Else `why`.
caf::error in_terms_of_pools(const pool_handle& pool, caf::error why);

} // namespace detail

template <class Response>
class pending_answer {
public:
  pending_answer(Response response, pool_handle pool)
      : response_(std::move(response)), pool_(std::move(pool)) {
    // nop
  }

  /// Event-based actors.
  template <class F, class G>
  void then(F on_answer, G on_error) {
    std::move(response_).then(std::move(on_answer),
                              translating(std::move(on_error)));
  }

  /// The same, and nothing else is received before.
  template <class F, class G>
  void await(F on_answer, G on_error) {
    std::move(response_).await(std::move(on_answer),
                               translating(std::move(on_error)));
  }

  /// Blocking actors.
  template <class F, class G>
  void receive(F on_answer, G on_error) {
    std::move(response_).receive(std::move(on_answer),
                                 translating(std::move(on_error)));
  }

  const pool_handle& pool() const noexcept { return pool_; }

private:
  template <class G>
  auto translating(G g) const {
    return [g = std::move(g), pool = pool_](caf::error& why) mutable {
      why = detail::in_terms_of_pools(pool, std::move(why));
      g(why);
    };
  }

  Response response_;
  pool_handle pool_;
};

template <class Response>
pending_answer(Response, pool_handle) -> pending_answer<Response>;

} // namespace charmer
