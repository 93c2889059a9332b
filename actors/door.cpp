#include "charmer/actors/door.hpp"

namespace charmer {

namespace {

using core_type = pool_context::core_type;

time_point deadline_after(time_point now, timespan span) {
  return span >= time_point::max() - now ? time_point::max() : now + span;
}

request_key key_of(const call_id& x) {
  return {x.origin, x.number};
}

void apply(const call_options& options, const pool_settings& settings,
           time_point now, core_type::submission& x) {
  x.stream = options.window != 0;
  auto usual = x.stream ? settings.stream_timeout : settings.request_timeout;
  auto total = options.timeout == unsaid ? usual : options.timeout;
  auto queued = options.queue_timeout == unsaid ? settings.queue_timeout
                                                : options.queue_timeout;
  x.deadline = deadline_after(now, std::min(total, options.time_left));
  x.queue_deadline = deadline_after(now, queued);
  if (options.idempotent != idempotence::unsaid)
    x.idempotent = options.idempotent == idempotence::yes;
  x.key = key_of(options.id);
  x.within = key_of(options.within);
  x.chain.clear();
  for (auto& outer : options.chain)
    x.chain.push_back(key_of(outer));
  x.how = options.strategy;
  x.session = options.session;
  x.priority = static_cast<std::uint8_t>(options.priority);
}

// What options can be long of.
std::uint64_t bytes_of(const call_options& x) {
  return x.session.size() + x.correlation.size()
         + x.chain.size() * sizeof(call_id);
}

// What a request carries; `content` keeps the views of `x` valid.
void fill(core_type::submission& x, const caf::message& content,
          const pool_settings& settings, time_point now) {
  if (content.match_elements<invocation>()) {
    auto& inv = content.get_as<invocation>(0);
    x.command = inv.command;
    x.bytes =
        inv.command.size() + inv.arguments.data.size() + bytes_of(inv.options);
    apply(inv.options, settings, now, x);
  } else {
    apply(call_options{}, settings, now, x);
  }
}

// The same of one that came with options. Those of an invocation are inside it
// by now, as far as they are long.
void fill(core_type::submission& x, const caf::message& content,
          const call_options& options, const pool_settings& settings,
          time_point now) {
  fill(x, content, settings, now);
  apply(options, settings, now, x);
  if (x.bytes == 0)
    x.bytes = bytes_of(options);
}

// What a request is wrapped in says more than it does itself; what of that its
// worker is to know must be inside.
caf::message unwrap(const caf::message& inner, const call_options& options) {
  if (!inner.match_elements<invocation>())
    return inner;
  auto& own = inner.get_as<invocation>(0).options;
  if (own.correlation == options.correlation && own.session == options.session)
    return inner;
  auto result = inner.get_as<invocation>(0);
  result.options.correlation = options.correlation;
  result.options.session = options.session;
  return caf::make_message(std::move(result));
}

// A worker's error in the pool's terms. A message that no handler takes is what
// arguments are that do not fit; an error of the application's own is what an
// exception is in Python.
pool_errc code_of_answer(const caf::error& x) {
  if (x == caf::sec::unexpected_message)
    return pool_errc::bad_payload;
  return code_of(x).value_or(pool_errc::python_exception);
}

// What the breaker is to think of an answer that is this error, or none.
verdict verdict_on(const caf::error* x, const breaker_limits& breaker) {
  if (!x)
    return verdict::success;
  auto code = code_of_answer(*x);
  return breaker.counts(code) ? verdict::failure : verdict::refusal;
}

// CAF itself says that the request reached a dead actor.
bool is_bounce(const caf::mailbox_element& x) {
  auto& content = x.content();
  return !x.sender && content.match_elements<caf::error>()
         && content.get_as<caf::error>(0) == caf::sec::request_receiver_down;
}

// Who says it, as the core knows callers; null: nobody does.
caller_key caller_of(const caf::mailbox_element& what) {
  return what.sender ? what.sender->get() : nullptr;
}

void respond(caf::mailbox_element& what, caf::message content,
             const pool_context_ptr& ctx, actor_runner* context) {
  if (what.sender && what.mid.is_request())
    post(what.sender, ctx->door(), what.mid.response_id(), std::move(content),
         context);
}

} // namespace

door::door(caf::actor_config& cfg, pool_context_ptr ctx)
    : actor_without_mailbox(cfg), ctx_(std::move(ctx)) {
  // nop
}

void door::receive(caf::mailbox_element_ptr what, actor_runner* context) {
  auto& content = what->content();
  if (what->mid.is_response()) {
    if (content.match_elements<chunk>())
      take_chunk(*what, context);
    else
      take_answer(std::move(what), context);
    return;
  }
  if (stop_reason(content) || is_down(content))
    return; // nobody ends a door
  if (is_composed(*what)) {
    respond(*what,
            caf::make_message(make_error(
                pool_errc::unsupported,
                "a pool is no part of a composition of actors (f * pool); ask "
                "the pool, and then the other with its answer")),
            ctx_, context);
    return;
  }
  if (content.match_elements<invocation>()
      || content.match_elements<call_options, caf::message>()) {
    take_request(*what, context);
    return;
  }
  if (take_system_message(*what, context))
    return;
  if (!take_query(*what, context))
    take_request(*what, context);
}

void door::take_answer(caf::mailbox_element_ptr what, actor_runner* context) {
  auto lease = what->mid.request_id().integer_value();
  auto& content = what->content();
  auto* error = content.match_elements<caf::error>()
                    ? &content.get_as<caf::error>(0)
                    : nullptr;
  auto how = verdict_on(error, ctx_->breaker);
  auto now = ctx_->now();
  pool_context::effects out;
  if (!is_bounce(*what) || !take_back(lease, out)) {
    std::optional<timespan> measured;
    if (content.match_elements<reply>())
      measured = content.get_as<reply>(0).elapsed;
    auto who = ctx_->core.finish(lease, how, measured, now, out);
    // The core knows whether it failed, and not how.
    if (who && error && !out.notes.empty())
      out.notes.front().outcome = code_of_answer(*error);
    if (who && who->caller && who->id.is_request()) {
      // The answer goes on as it came, under the caller's own number.
      what->mid = who->id.response_id();
      who->caller->get()->enqueue(std::move(what), context);
    } else if (who && error) {
      ctx_->tell_failed(*who, *error);
    }
  }
  ctx_->carry_out(out, context, nullptr);
}

// A request that came back from its worker goes to another one. A worker that
// lives had handed it on to an actor that is dead, and that is its answer.
bool door::take_back(std::uint64_t lease, pool_context::effects& out) {
  auto worker = ctx_->core.holder(lease);
  if (worker && !ctx_->profile->is_gone(*worker))
    return false;
  auto suspect = worker && ctx_->profile->may_have_begun(*worker);
  ctx_->core.bounced(lease, suspect, ctx_->now(), out);
  return true;
}

// Whoever lost the right to answer has lost that to send chunks, too.
void door::take_chunk(caf::mailbox_element& what, actor_runner* context) {
  auto who = ctx_->core.part(what.mid.request_id().integer_value());
  if (who && who->caller && who->id.is_request())
    post(who->caller, what.sender, who->id.response_id(), take_content(what),
         context);
}

void door::take_request(caf::mailbox_element& what, actor_runner* context) {
  auto now = ctx_->now();
  core_type::submission x;
  caf::message content;
  auto& whole = what.content();
  if (whole.match_elements<call_options, caf::message>()) {
    auto& options = whole.get_as<call_options>(0);
    content = unwrap(whole.get_as<caf::message>(1), options);
    x.what.correlation = options.correlation;
    fill(x, content, options, *ctx_->settings, now);
  } else {
    content = take_content(what);
    fill(x, content, *ctx_->settings, now);
  }
  // Nobody is monitored for the sake of a message that wants no answer.
  if (what.sender && what.mid.is_request())
    x.caller = what.sender->get();
  x.what.caller = what.sender;
  x.what.id = what.mid;
  x.what.content = std::move(content);
  pool_context::effects out;
  ctx_->core.submit(std::move(x), now, out);
  ctx_->carry_out(out, context, what.sender);
}

bool door::take_query(caf::mailbox_element& what, actor_runner* context) {
  auto& content = what.content();
  if (content.match_elements<cancel_atom, call_id>()) {
    auto& id = content.get_as<call_id>(1);
    pool_context::effects out;
    auto found = ctx_->core.cancel({id.origin, id.number}, ctx_->now(), out);
    ctx_->carry_out(out, context, nullptr);
    respond(what, caf::make_message(found), ctx_, context);
  } else if (content.match_elements<credit_atom, call_id, std::uint32_t>()) {
    take_credit(what, context);
  } else if (content.match_elements<cast_atom, call_options, caf::message>()) {
    take_cast(what, context);
  } else if (content.match_elements<broadcast_atom, call_options,
                                    caf::message>()) {
    auto outcome = broadcast(content.get_as<call_options>(1),
                             content.get_as<caf::message>(2), context);
    respond(what, std::move(outcome), ctx_, context);
  } else if (content.match_elements<checkout_atom, call_options>()) {
    take_checkout(what, context);
  } else if (content.match_elements<checkin_atom, call_id>()) {
    // A lease may outlive its pool, which has taken the worker back.
    auto done =
        !ctx_->closed()
        && ctx_->with_core(context, [&](pool_context::effects& out) {
             return ctx_->core.give_back(key_of(content.get_as<call_id>(1)),
                                         caller_of(what), ctx_->now(), out);
           });
    respond(what, caf::make_message(done), ctx_, context);
  } else if (content.match_elements<members_atom>()) {
    respond(what, members({}), ctx_, context);
  } else if (content.match_elements<members_atom, call_options>()) {
    respond(what, members(content.get_as<call_options>(1)), ctx_, context);
  } else if (content.match_elements<resize_atom, std::uint32_t>()) {
    auto size = content.get_as<std::uint32_t>(1);
    respond(what, caf::make_message(ctx_->resize(size)), ctx_, context);
  } else if (content.match_elements<stats_atom>()) {
    respond(what, caf::make_message(ctx_->stats()), ctx_, context);
  } else if (content.match_elements<status_atom>()) {
    respond(what, caf::make_message(ctx_->status()), ctx_, context);
  } else {
    return false;
  }
  return true;
}

// A stream that has ended needs none.
void door::take_credit(caf::mailbox_element& what, actor_runner* context) {
  auto& content = what.content();
  auto at = ctx_->core.location(key_of(content.get_as<call_id>(1)));
  if (at)
    post(at->first, nullptr, caf::message_id{0},
         caf::make_message(credit_atom_v, at->second,
                           content.get_as<std::uint32_t>(2)),
         context);
}

// Answers once the request is taken, or why it is not; what becomes of it later
// nobody waits for.
void door::take_cast(caf::mailbox_element& what, actor_runner* context) {
  auto& content = what.content();
  auto now = ctx_->now();
  auto& options = content.get_as<call_options>(1);
  auto inner = unwrap(content.get_as<caf::message>(2), options);
  core_type::submission x;
  fill(x, inner, options, *ctx_->settings, now);
  x.what = {nullptr, caf::message_id{}, inner, options.correlation};
  pool_context::effects out;
  auto refused = ctx_->core.submit(std::move(x), now, out) != pool_errc::none;
  auto outcome =
      refused ? ctx_->outcome_of(out.settlements.back()) : caf::message{};
  ctx_->carry_out(out, context, nullptr);
  respond(what, std::move(outcome), ctx_, context);
}

// The caller gets the worker, and keeps it until it gives it back.
void door::take_checkout(caf::mailbox_element& what, actor_runner* context) {
  if (!what.sender || !what.mid.is_request())
    return; // nobody could give it back
  auto options = what.content().get_as<call_options>(1);
  auto now = ctx_->now();
  if (options.timeout == unsaid)
    options.timeout = infinite;
  core_type::submission x;
  apply(options, *ctx_->settings, now, x);
  x.lease = true;
  x.caller = what.sender->get();
  auto caller = what.sender;
  x.what = {what.sender, what.mid, caf::message{}};
  pool_context::effects out;
  ctx_->core.submit(std::move(x), now, out);
  ctx_->carry_out(out, context, caller);
}

// To every ready worker, before whatever waits for it; through a lease to the
// one that is held. Returns how many took it; if none did, why.
caf::message door::broadcast(const call_options& options,
                             const caf::message& inner, actor_runner* context) {
  auto now = ctx_->now();
  auto content = unwrap(inner, options);
  std::uint64_t taken = 0;
  std::optional<caf::message> refusal;
  auto send_to = [&](worker_strategy which) {
    core_type::submission x;
    fill(x, content, options, *ctx_->settings, now);
    x.how = which;
    x.what = {nullptr, caf::message_id{}, content};
    pool_context::effects out;
    if (ctx_->core.submit(std::move(x), now, out) == pool_errc::none)
      ++taken;
    else
      refusal = ctx_->outcome_of(out.settlements.back());
    ctx_->carry_out(out, context, nullptr);
  };
  if (options.within)
    send_to({});
  else
    for (auto& member : ctx_->core.members())
      send_to({choice::this_worker, member.incarnation});
  if (taken != 0)
    return caf::make_message(taken);
  return refusal ? *refusal : ctx_->absence();
}

// The ready workers; through a lease the one that is held.
caf::message door::members(const call_options& options) const {
  auto result =
      options.within ? ctx_->held(key_of(options.within)) : ctx_->members();
  if (!result.empty())
    return caf::make_message(std::move(result));
  return options.within ? ctx_->no_lease() : ctx_->absence();
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
