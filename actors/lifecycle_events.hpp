// What is told of the life of workers: that one was recycled, or could not be,
// is not well, and how far it is. The fields stand in event_table.cpp. Private
// to this room.
//
// Threading: as pool_context.
#pragma once

#include "charmer/actors/pool_context.hpp"
#include "charmer/actors/recycling.hpp"

#include <string>

namespace charmer {

/// Its successor has taken over. Is counted, too.
void tell_recycled(const pool_context_ptr& ctx, const worker_stats& w,
                   recycle_reason why);

/// Its successor did not start.
void tell_not_recycled(const pool_context_ptr& ctx, const worker_stats& w,
                       recycle_reason why, const caf::error& cause);

/// This one runs its command for so long, and there are so many that only
/// finish what they have, that those `waiting` are not replaced.
void tell_delayed(const pool_context_ptr& ctx, const worker_stats& w,
                  std::size_t draining, std::size_t waiting);

void tell_ill(const pool_context_ptr& ctx, const std::string& worker,
              std::uint32_t failures, const std::string& why);

/// `silent`: for how long it has begun and finished nothing, while it works.
void tell_heartbeat(const pool_context_ptr& ctx, const worker_stats& w,
                    std::uint32_t load, std::uint64_t finished,
                    timespan silent);

} // namespace charmer
