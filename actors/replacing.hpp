// Which workers are replaced, and which have to wait for that: a part of the
// lifecycle manager, which looks and asks. Private to this room.
//
// At most max_surge successors start at once. Those that have one and still
// finish what they have may be as many as the pool may have workers, at least
// two; with that many nobody is replaced because of age, requests or memory,
// which is told as long as it lasts (reminder.hpp). Who is ill, or whom
// somebody names, does not wait for them.
//
// Threading: the lifecycle manager's.
#pragma once

#include "charmer/actors/lifecycle_manager.hpp"
#include "charmer/actors/recycling.hpp"

#include <string>

namespace charmer {

/// What is remembered of an incarnation; null: it is not there any more.
watched_worker* find_watched(lifecycle_actor* self, const std::string& pool,
                             std::uint64_t incarnation);

/// Those that are ready are known from now on, and nobody else.
void see_workers(watched_pool& known, const pool_stats& stats, time_point now);

/// How many are past a limit and cannot be replaced now, since as many finish
/// what they have.
std::size_t delayed(const pool_settings& settings, const pool_stats& stats);

/// Replaces those that are past their limits, as far as that is possible now.
void check_limits(lifecycle_actor* self, const pool_context_ptr& ctx,
                  const pool_stats& stats);

/// Replaces it because of what its health check says, if that is possible now.
void replace_ill(lifecycle_actor* self, const pool_context_ptr& ctx,
                 const std::string& id, std::uint64_t incarnation);

/// Replaces it because somebody asks for that, whatever else is being replaced.
/// `answer`: when it is done, or why not.
void recycle(lifecycle_actor* self, const pool_context_ptr& ctx,
             const std::string& id, caf::response_promise answer);

} // namespace charmer
