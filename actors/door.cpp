#include "charmer/actors/door.hpp"

namespace charmer {

namespace {

using core_type = pool_context::core_type;

time_point deadline_after(time_point now, timespan span) {
  return span >= time_point::max() - now ? time_point::max() : now + span;
}

void apply(const call_options& options, const pool_settings& settings,
           time_point now, core_type::submission& x) {
  // 0 says nothing; a span below 0 has run out on its way here.
  auto total = options.timeout == timespan{0} ? settings.request_timeout
                                              : options.timeout;
  auto queued = options.queue_timeout == timespan{0} ? settings.queue_timeout
                                                     : options.queue_timeout;
  x.deadline = deadline_after(now, total);
  x.queue_deadline = deadline_after(now, queued);
  if (options.idempotent != idempotence::unsaid)
    x.idempotent = options.idempotent == idempotence::yes;
  x.key = request_key{options.id.origin, options.id.number};
}

void respond(caf::mailbox_element& what, caf::message content,
             const pool_context_ptr& ctx, caf::execution_unit* context) {
  if (what.sender && what.mid.is_request())
    what.sender->enqueue(ctx->door(), what.mid.response_id(),
                         std::move(content), context);
}

} // namespace

door::door(caf::actor_config& cfg, pool_context_ptr ctx)
    : monitorable_actor(cfg), ctx_(std::move(ctx)) {
  // nop
}

void door::enqueue(caf::mailbox_element_ptr what,
                   caf::execution_unit* context) {
  if (what->mid.is_response()) {
    take_answer(*what, context);
    return;
  }
  auto& content = what->content();
  if (content.match_elements<caf::exit_msg>()
      || content.match_elements<caf::down_msg>())
    return; // nobody ends a door
  if (content.match_elements<invocation>()) {
    take_request(*what, context);
    return;
  }
  if (handle_system_message(*what, context, true))
    return;
  if (!take_query(*what, context))
    take_request(*what, context);
}

void door::on_destroy() {
  // Everything it has is released by its members.
}

void door::take_answer(caf::mailbox_element& what,
                       caf::execution_unit* context) {
  auto lease = what.mid.request_id().integer_value();
  auto from = what.sender;
  auto content = what.move_content_to_message();
  auto is_error = content.match_elements<caf::error>();
  auto now = ctx_->now();
  pool_context::effects out;
  if (is_error && !from
      && content.get_as<caf::error>(0) == caf::sec::request_receiver_down) {
    // CAF itself returns what reached a dead actor: it never began.
    ctx_->core.bounced(lease, now, out);
  } else {
    std::optional<timespan> measured;
    if (content.match_elements<reply>())
      measured = content.get_as<reply>(0).elapsed;
    auto who = ctx_->core.finish(lease, !is_error, measured, now, out);
    if (who && who->caller && who->id.is_request())
      who->caller->enqueue(std::move(from), who->id.response_id(),
                           std::move(content), context);
  }
  ctx_->carry_out(out, context, nullptr);
}

void door::take_request(caf::mailbox_element& what,
                        caf::execution_unit* context) {
  auto now = ctx_->now();
  auto content = what.move_content_to_message();
  core_type::submission x;
  if (content.match_elements<invocation>()) {
    // The message is shared with the submission, so the view stays valid.
    auto& inv = content.get_as<invocation>(0);
    x.command = inv.command;
    x.bytes = inv.command.size() + inv.arguments.data.size();
    apply(inv.options, *ctx_->settings, now, x);
  } else if (content.match_elements<call_options, caf::message>()) {
    apply(content.get_as<call_options>(0), *ctx_->settings, now, x);
    auto inner = content.get_as<caf::message>(1);
    content = std::move(inner);
  } else {
    apply(call_options{}, *ctx_->settings, now, x);
  }
  // Nobody is monitored for the sake of a message that wants no answer.
  if (what.sender && what.mid.is_request())
    x.caller = what.sender->get();
  auto caller = what.sender;
  x.what = {what.sender, what.mid, content};
  pool_context::effects out;
  ctx_->core.submit(std::move(x), now, out);
  ctx_->carry_out(out, context, caller);
}

bool door::take_query(caf::mailbox_element& what,
                      caf::execution_unit* context) {
  auto& content = what.content();
  if (content.match_elements<cancel_atom, call_id>()) {
    auto& id = content.get_as<call_id>(1);
    pool_context::effects out;
    auto found = ctx_->core.cancel({id.origin, id.number}, ctx_->now(), out);
    ctx_->carry_out(out, context, nullptr);
    respond(what, caf::make_message(found), ctx_, context);
  } else if (content.match_elements<stats_atom>()) {
    respond(what, caf::make_message(ctx_->stats()), ctx_, context);
  } else if (content.match_elements<status_atom>()) {
    respond(what, caf::make_message(ctx_->status()), ctx_, context);
  } else {
    return false;
  }
  return true;
}

caf::actor make_door(const pool_context_ptr& ctx) {
  caf::actor_config cfg;
  auto& sys = ctx->system;
  auto result = caf::make_actor<door, caf::actor>(sys.next_actor_id(),
                                                  sys.node(), &sys, cfg, ctx);
  ctx->set_door(result);
  return result;
}

} // namespace charmer
