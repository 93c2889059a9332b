// The door of a pool: its only address, for the application and for other
// nodes. Private to this room; users hold it inside a pool_handle.
//
// An actor without a mailbox, as CAF's own actor_pool is one: `enqueue` runs in
// the context of whoever sends, takes a request to the core and hands it to an
// idle worker in the same breath. It is also the tap through which every answer
// of a worker runs on its way to the caller. It runs no user code, cannot be
// killed, is never restarted, and answers for its pool in every state.
#pragma once

#include "charmer/actors/pool_context.hpp"

namespace charmer {

class door : public actor_without_mailbox {
public:
  door(caf::actor_config& cfg, pool_context_ptr ctx);

  void receive(caf::mailbox_element_ptr what, actor_runner* context) override;

  const char* name() const override { return "charmer.door"; }

private:
  void take_answer(caf::mailbox_element_ptr what, actor_runner* context);
  void take_chunk(caf::mailbox_element& what, actor_runner* context);
  void take_request(caf::mailbox_element& what, actor_runner* context);
  bool take_query(caf::mailbox_element& what, actor_runner* context);
  void take_credit(caf::mailbox_element& what, actor_runner* context);
  void take_cast(caf::mailbox_element& what, actor_runner* context);
  void take_checkout(caf::mailbox_element& what, actor_runner* context);
  bool take_back(std::uint64_t lease, pool_context::effects& out);
  caf::message broadcast(const call_options& options, const caf::message& inner,
                         actor_runner* context);
  caf::message members(const call_options& options) const;

  pool_context_ptr ctx_;
};

/// Makes the door of a pool and tells the context of it.
caf::actor make_door(const pool_context_ptr& ctx);

} // namespace charmer
