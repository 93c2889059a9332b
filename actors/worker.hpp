// A worker as a child of the worker supervisor: connects what a profile starts
// with the core of its pool. Private to this room.
#pragma once

#include "charmer/actors/pool_context.hpp"
#include "charmer/supervision/child_spec.hpp"

namespace charmer {

/// The child_spec of one worker of a pool.
child_spec worker_child(const pool_context_ptr& ctx,
                        const pool_context::core_type::vacancy& place);

} // namespace charmer
