#include "charmer/supervision/supervisor_state.hpp"

namespace charmer {

namespace {

/// Whether it ended as it was asked to.
bool ended_as_asked(bool killed, bool overdue, const caf::error& reason) {
  if (overdue)
    return false;
  if (killed && is(reason, caf::exit_reason::kill))
    return true;
  auto kind = classify(reason);
  return kind != exit_kind::abnormal;
}

} // namespace

time_point supervisor_state::now() const {
  return self_->clock().now();
}

event supervisor_state::describe(std::string_view name, severity level) const {
  event e;
  e.name = name;
  e.level = level;
  e.path = path_;
  e.restarts = static_cast<std::uint32_t>(budget_.used(now()));
  return e;
}

event supervisor_state::describe(std::string_view name, severity level,
                                 const child& x) const {
  auto e = describe(name, level);
  e.child = x.id;
  e.restarts = static_cast<std::uint32_t>(budget_of(x).used(now()));
  e.attempt = x.attempt;
  if (auto l = life_of(x.current))
    e.actor_id = l->handle.id();
  e.details = x.spec->details;
  e.set("incarnation", x.incarnation);
  return e;
}

/// Adds why, and what the actor said about it; what is known already is not
/// for it to say.
void supervisor_state::explain(event& e, const caf::error& reason) const {
  e.reason = reason;
  if (auto said = exit_details_of(reason)) {
    e.text = said->text;
    e.details.merge(said->details);
  }
  if (e.text.empty())
    e.text = render(self_->system(), reason);
}

void supervisor_state::publish(event e) const {
  if (spec_.events)
    spec_.events->notify(std::move(e));
}

void supervisor_state::report_end(const child* x, const life& l,
                                  const caf::error& reason) {
  if (!spec_.events || (l.left_by && !l.left_by->may_tell(l.token_there)))
    return;
  auto by_itself = l.end == pressure::none;
  // Its start was given up, which is told as that, whatever it ends of.
  auto never_was = l.failure && !l.overdue;
  if (by_itself && !l.ready && x && !will_be_stopped(*x))
    return; // its start failed: that has an event of its own
  auto name = event_name::child_terminated;
  auto level = severity::info;
  if (l.end == pressure::abandoned) {
    name = event_name::child_abandoned;
    level = severity::error;
  } else if (!by_itself && !never_was
             && !ended_as_asked(l.end == pressure::killed, l.overdue, reason)) {
    name = event_name::shutdown_error;
    level = severity::error;
  } else if (by_itself && l.spec
             && is_failure(l.spec->restart, classify(reason))) {
    level = severity::error;
  }
  auto e = x ? describe(name, level, *x) : describe(name, level);
  if (!x && l.spec)
    e.details = l.spec->details;
  if (l.left_by)
    e.path = l.left_by->path();
  e.child = l.id;
  e.actor_id = l.handle.id();
  if (l.ready)
    e.uptime = now() - l.since;
  e.set("incarnation", l.incarnation);
  if (!x)
    e.set("retired", true);
  explain(e, reason);
  if (by_itself && level == severity::error && !reason)
    e.text = "it ended normally, but is permanent";
  publish(std::move(e));
}

} // namespace charmer
