#include "charmer/supervision/handler_host.hpp"

#include <utility>

namespace charmer {

namespace {

/// Runs a function of the user's; what it throws becomes an error.
template <class F>
caf::error guarded(F f) {
  try {
    f();
    return {};
  } catch (const std::exception& e) {
    return make_error(supervision_errc::handler_failed, std::string{e.what()});
  } catch (...) {
    return make_error(supervision_errc::handler_failed, "unknown exception");
  }
}

/// What the context of an error says, but for its cause.
std::string text_of(const caf::message& context) {
  for (std::size_t i = 0; i < context.size(); ++i)
    if (context.match_element<std::string>(i))
      return context.get_as<std::string>(i);
  if (context.empty() || context.match_elements<caf::error>())
    return {};
  return to_string(context);
}

/// The same error as another node can read it. What an application puts into
/// the context of an error may be of a type that only this node knows, or that
/// cannot be sent at all; and one message of that kind ends the connection.
caf::error for_another_node(const caf::error& x) {
  auto result = without_context(x);
  if (!x)
    return result;
  if (auto said = exit_details_of(x))
    result = with_context(result, *std::move(said));
  else if (auto text = text_of(x.context()); !text.empty())
    result = with_context(result, std::move(text));
  if (auto cause = cause_of(x))
    result = with_context(result, for_another_node(cause));
  return result;
}

} // namespace

caf::error validate(const handler_spec& x) {
  std::string mistake;
  if (x.name.empty())
    mistake = "the name is empty";
  else if (x.on_event && x.receiver)
    mistake = "on_event and receiver are both set; leave one of them out";
  else if (!x.on_event && !x.receiver)
    mistake = "neither on_event nor receiver is set; one of them must be";
  else if (x.capacity == 0)
    mistake = "the capacity is 0; at least one event must find room";
  else if (x.filter.at_least > severity::error)
    mistake = "filter.at_least is none of debug, info, warning, error";
  else
    return {};
  return make_error(supervision_errc::invalid_spec,
                    "handler '" + x.name + "': " + mistake);
}

caf::error prepare(const handler_spec& x, const caf::message& predecessor) {
  if (!x.on_add)
    return {};
  caf::error said;
  auto thrown = guarded([&] { said = x.on_add(predecessor); });
  return thrown ? thrown : said;
}

caf::expected<caf::message> last_words_of(const handler_spec& x,
                                          const caf::error& why) {
  caf::message result;
  if (!x.on_remove)
    return result;
  if (auto thrown = guarded([&] { result = x.on_remove(why); }))
    return thrown;
  return result;
}

void handler_host::begin(std::weak_ptr<event_hub> hub, handler_spec spec,
                         std::shared_ptr<event_queue> queue) {
  hub_ = std::move(hub);
  spec_ = std::move(spec);
  queue_ = std::move(queue);
  watch();
}

void handler_host::watch() {
  if (spec_.owner)
    self_->monitor(spec_.owner);
  if (spec_.receiver && spec_.receiver != spec_.owner)
    self_->monitor(spec_.receiver);
}

// -- events -------------------------------------------------------------------

void handler_host::wake() {
  for (int i = 0; i < batch; ++i) {
    if (busy_)
      return;
    auto x = queue_->pop();
    if (!x) {
      if (ending_)
        end(why_);
      return;
    }
    if (spec_.receiver)
      ask_receiver(std::move(*x));
    else if (!deal_with(*x->what))
      return;
  }
  cast(caf::actor_cast<caf::actor>(self_), wake_atom_v);
}

bool handler_host::deal_with(const event& x) {
  if (auto failure = guarded([&] { spec_.on_event(x); })) {
    end(std::move(failure));
    return false;
  }
  return true;
}

void handler_host::ask_receiver(event_queue::entry x) {
  busy_ = true;
  // Infinite: the end of the receiver is noticed by the monitor, elsewhere too.
  // Who was swapped away while it had an event may answer when it likes.
  pending_ = std::move(x.pending);
  auto what = *x.what;
  if (spec_.receiver.node() != self_->node())
    what.reason = for_another_node(what.reason);
  request(self_, spec_.receiver, caf::infinite, std::move(what))
      .then(
          [this, asked = generation_] {
            if (asked == generation_)
              answered();
          },
          [this, asked = generation_](caf::error& why) {
            if (asked == generation_)
              end(make_error(supervision_errc::handler_failed,
                             "it answered wrongly", std::move(why)));
          });
}

void handler_host::answered() {
  busy_ = false;
  pending_.reset();
  wake();
}

// -- the end ------------------------------------------------------------------

void handler_host::end_soon(caf::error why) {
  if (ending_)
    return;
  ending_ = true;
  why_ = std::move(why);
  if (spec_.receiver)
    send_later(self_, event_hub::drain_limit, delete_handler_atom_v);
  wake();
}

void handler_host::end(caf::error why) {
  if (!queue_)
    return;
  if (auto hub = hub_.lock())
    hub->forget(spec_.name, queue_.get());
  std::exchange(queue_, nullptr)->close();
  last_words_of(spec_, why);
  tell_why(why);
  self_->quit();
}

/// The owner, and unless the removal was wanted everybody, learns why.
void handler_host::tell_why(const caf::error& why) {
  if (spec_.owner)
    cast(spec_.owner, handler_removed_atom_v, spec_.name, why);
  auto hub = hub_.lock();
  if (!hub || !why)
    return;
  event e{.name = std::string{event_name::handler_removed},
          .level = is(why, supervision_errc::handler_failed) ? severity::error
                                                             : severity::info};
  e.reason = why;
  e.text = "handler '" + spec_.name + "': " + render(self_->system(), why);
  e.set("handler", spec_.name);
  hub->notify(std::move(e));
}

void handler_host::somebody_died(const caf::actor_addr& who,
                                 const caf::error& why) {
  if (who == spec_.owner)
    end(make_error(supervision_errc::shutting_down, "its owner has ended",
                   why));
  else if (who == spec_.receiver)
    end(make_error(supervision_errc::handler_failed, "it has ended", why));
}

// -- requests -----------------------------------------------------------------

caf::result<caf::message> handler_host::call(const caf::message& question) {
  if (spec_.receiver) {
    return delegate<caf::message>(self_, spec_.receiver, question);
  }
  if (!spec_.on_call)
    return make_error(supervision_errc::unsupported,
                      "handler '" + spec_.name + "' answers no calls");
  caf::expected<caf::message> answer{caf::message{}};
  if (auto thrown = guarded([&] { answer = spec_.on_call(question); })) {
    end(thrown);
    return thrown;
  }
  if (!answer)
    return answer.error();
  return *answer;
}

/// The successor takes over name, queue and what the first one leaves. If it
/// cannot be added, both are gone: as in gen_event.
caf::result<void> handler_host::swap(handler_spec successor) {
  auto hub = hub_.lock();
  if (!hub || !queue_)
    return make_error(supervision_errc::shutting_down);
  if (auto mistake = validate(successor))
    return mistake;
  if (successor.blocking && !spec_.blocking)
    return make_error(supervision_errc::unsupported,
                      "handler '" + spec_.name
                          + "' has no thread of its own, which its successor '"
                          + successor.name
                          + "' needs (blocking); delete the one and add the "
                            "other");
  if (!hub->rename(spec_.name, queue_.get(), successor))
    return make_error(supervision_errc::already_present,
                      "handler '" + successor.name + "'");
  auto why = make_error(supervision_errc::replaced,
                        "by handler '" + successor.name + "'");
  auto left = last_words_of(spec_, why);
  tell_why(why);
  auto failure = prepare(successor, left ? *left : caf::message{});
  // The thread stays: whoever comes after may need it again.
  successor.blocking = spec_.blocking;
  spec_ = std::move(successor);
  queue_->set_capacity(spec_.capacity);
  ++generation_;
  busy_ = false;
  pending_.reset();
  watch();
  if (!failure) {
    wake();
    return caf::unit;
  }
  spec_.on_remove = nullptr; // it was never added
  end(make_error(supervision_errc::handler_failed, "it was not added",
                 failure));
  return failure;
}

// -- the actor ----------------------------------------------------------------

caf::behavior host_handler(handler_host::actor_type* self,
                           std::weak_ptr<event_hub> hub, handler_spec spec,
                           std::shared_ptr<event_queue> queue) {
  auto& state = state_of(self);
  replace_default_handlers(self);
  when_down(self, [&](auto& who, auto& why) { state.somebody_died(who, why); });
  state.begin(std::move(hub), std::move(spec), std::move(queue));
  return {
      [&](wake_atom) { state.wake(); },
      [&](call_handler_atom, const caf::message& question) {
        return state.call(question);
      },
      [&](swap_handler_atom, const handler_spec& successor) {
        return state.swap(successor);
      },
      [&](delete_handler_atom, const caf::error& why) { state.end_soon(why); },
      [&](delete_handler_atom) { state.drain_time_up(); },
  };
}

} // namespace charmer
