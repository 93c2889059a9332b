#include "charmer/supervision/supervisor_state.hpp"
#include "charmer/supervision/validation.hpp"

#include <utility>

namespace charmer {

namespace {

caf::error about(supervision_errc code, const std::string& id) {
  return make_error(code, "child '" + id + "'");
}

caf::error no_child(const std::string& id) {
  return about(supervision_errc::not_found, id);
}

caf::error no_child(const caf::actor& handle) {
  auto who = handle ? "actor #" + std::to_string(handle.id()) : "a null handle";
  return make_error(supervision_errc::not_found, who
                                                     + " is no child of this "
                                                       "supervisor");
}

} // namespace

// -- children -----------------------------------------------------------------

supervisor_state::child&
supervisor_state::add(std::shared_ptr<const child_spec> spec, bool dynamic) {
  child x;
  x.number = ++last_number_;
  x.id = spec->id;
  if (is_simple())
    x.id += '#' + std::to_string(x.number);
  if (spec->intensity)
    x.budget = restart_budget{*spec->intensity};
  x.spec = std::move(spec);
  x.dynamic = dynamic;
  numbers_.emplace(x.id, x.number);
  return children_.emplace(x.number, std::move(x)).first->second;
}

void supervisor_state::remove(child& x) {
  numbers_.erase(x.id);
  children_.erase(x.number);
}

supervisor_state::child* supervisor_state::find(std::uint64_t number) {
  auto i = children_.find(number);
  return i != children_.end() ? &i->second : nullptr;
}

supervisor_state::child* supervisor_state::find(const std::string& id) {
  auto i = numbers_.find(id);
  return i != numbers_.end() ? find(i->second) : nullptr;
}

supervisor_state::life* supervisor_state::life_of(std::uint64_t token) {
  auto i = lives_.find(token);
  return i != lives_.end() ? &i->second : nullptr;
}

const supervisor_state::life*
supervisor_state::life_of(std::uint64_t token) const {
  auto i = lives_.find(token);
  return i != lives_.end() ? &i->second : nullptr;
}

/// The child that is this actor, or was, if no other has been started since.
supervisor_state::child* supervisor_state::find(const caf::actor& handle) {
  if (!handle)
    return nullptr;
  auto who = handle.address();
  if (auto i = tokens_.find(who); i != tokens_.end())
    if (auto l = life_of(i->second); l && l->child != 0)
      return find(l->child);
  for (auto& [number, x] : children_)
    if (x.current == 0 && x.last_actor == who)
      return &x;
  return nullptr;
}

const restart_budget& supervisor_state::budget_of(const child& x) const {
  return x.budget ? *x.budget : budget_;
}

bool supervisor_state::is_simple() const {
  return spec_.strategy == strategy::simple_one_for_one;
}

bool supervisor_state::is_group() const {
  return spec_.strategy == strategy::one_for_all
         || spec_.strategy == strategy::rest_for_one;
}

// -- queries ------------------------------------------------------------------

child_info supervisor_state::info_of(const child& x) const {
  child_info result;
  result.id = x.id;
  result.state = x.state;
  result.type = x.spec->type;
  result.incarnation = x.incarnation;
  result.restarts = static_cast<std::uint32_t>(budget_of(x).used(now()));
  if (auto l = life_of(x.current)) {
    result.handle = l->handle;
    result.incarnation = l->incarnation;
    if (l->ready)
      result.uptime = now() - l->since;
  }
  return result;
}

std::vector<child_info> supervisor_state::which_children() const {
  std::vector<child_info> result;
  result.reserve(children_.size());
  for (const auto& [number, x] : children_)
    result.push_back(info_of(x));
  for (const auto& [token, l] : lives_) {
    if (l.child != 0)
      continue;
    child_info x;
    x.id = l.id;
    x.type = l.spec    ? l.spec->type
             : l.below ? child_type::supervisor
                       : child_type::worker;
    x.state = l.end == pressure::abandoned ? child_state::abandoned
                                           : child_state::retiring;
    x.handle = l.handle;
    x.incarnation = l.incarnation;
    result.push_back(std::move(x));
  }
  return result;
}

child_counts supervisor_state::count_children() const {
  child_counts result;
  for (const auto& [number, x] : children_) {
    ++result.specs;
    if (x.current != 0)
      ++result.active;
    if (x.spec->type == child_type::supervisor)
      ++result.supervisors;
    else
      ++result.workers;
  }
  if (is_simple())
    result.specs = 1;
  return result;
}

// -- requests -----------------------------------------------------------------

/// Does it now, or when the plan that runs is through.
caf::response_promise
supervisor_state::when_idle(std::function<void(promise)> act) {
  auto answer = self_->make_response_promise();
  if (is_stopping())
    answer.deliver(refusal(path_));
  else if (is_busy())
    deferred_.push_back({answer, std::move(act)});
  else
    act(answer);
  return answer;
}

/// @param key id or handle
template <class Key>
caf::response_promise
supervisor_state::with_child(const Key& key,
                             std::function<void(child&, promise)> act) {
  return when_idle([this, key, act = std::move(act)](promise answer) {
    if (auto x = find(key))
      act(*x, std::move(answer));
    else
      answer.deliver(no_child(key));
  });
}

caf::response_promise supervisor_state::start_child(child_spec spec) {
  return when_idle([this, spec = std::move(spec)](promise answer) mutable {
    add_and_start(std::move(spec), std::move(answer));
  });
}

void supervisor_state::add_and_start(child_spec spec, promise answer) {
  if (is_simple()) {
    answer.deliver(make_error(supervision_errc::unsupported,
                              "this supervisor starts from its template only"));
    return;
  }
  if (auto mistake = validate(spec, spec_.auto_shutdown, path_)) {
    answer.deliver(std::move(mistake));
    return;
  }
  if (auto known = find(spec.id)) {
    auto stopped = known->state == child_state::stopped;
    auto code = stopped ? supervision_errc::already_present
                        : supervision_errc::already_started;
    answer.deliver(about(code, spec.id));
    return;
  }
  auto& x = add(std::make_shared<const child_spec>(std::move(spec)), true);
  x.fresh = true;
  x.starting.push_back(std::move(answer));
  start_by_hand(x, occasion::added);
}

caf::response_promise
supervisor_state::start_from_template(caf::message arguments) {
  return when_idle([this, arguments = std::move(arguments)](promise answer) {
    if (!is_simple()) {
      answer.deliver(make_error(supervision_errc::unsupported,
                                "this supervisor has no template"));
      return;
    }
    auto& x = add(template_, true);
    x.fresh = true;
    x.arguments = arguments;
    x.starting.push_back(std::move(answer));
    start(x, occasion::added);
  });
}

caf::response_promise supervisor_state::terminate_child(const std::string& id) {
  return with_child(id, [this](child& x, promise answer) {
    terminate(x, x.spec->effective_stop(), std::move(answer));
  });
}

caf::response_promise
supervisor_state::terminate_child(const caf::actor& handle) {
  return with_child(handle, [this](child& x, promise answer) {
    terminate(x, x.spec->effective_stop(), std::move(answer));
  });
}

caf::response_promise supervisor_state::kill_child(const std::string& id) {
  return with_child(id, [this](child& x, promise answer) {
    terminate(x, shutdown::brutal_kill(), std::move(answer));
  });
}

void supervisor_state::terminate(child& x, shutdown how, promise answer) {
  ++x.generation;
  x.retry_at = {};
  // What waits for its time may not have to wait any longer.
  if (plan_ && std::erase(plan_->starts, x.number) > 0
      && std::exchange(plan_->waiting, false))
    ++plan_generation_;
  x.stopping.push_back(std::move(answer));
  give_up_next(x, about(supervision_errc::replaced, x.id));
  if (auto l = life_of(x.current)) {
    l->failure = caf::error{};
    x.state = child_state::stopping;
    dismiss(x.current, how);
    return;
  }
  stopped(x);
  advance();
}

caf::response_promise supervisor_state::retire_child(std::uint64_t token) {
  return when_idle([this, token](promise answer) {
    auto l = life_of(token);
    if (auto x = l ? find(l->child) : nullptr)
      retire(*x, std::move(answer));
    else
      answer.deliver(make_error(supervision_errc::not_found,
                                "no child has life " + std::to_string(token)));
  });
}

void supervisor_state::retire(child& x, promise answer) {
  auto how = x.spec->effective_stop();
  if (auto l = life_of(x.current)) {
    l->child = 0;
    l->failure = caf::error{};
    dismiss(std::exchange(x.current, 0), how);
  }
  x.fresh = true; // nothing of it is kept
  terminate(x, how, std::move(answer));
}

caf::response_promise supervisor_state::restart_child(const std::string& id) {
  return with_child(id, [this](child& x, promise answer) {
    start_again(x, std::move(answer));
  });
}

/// Why something is impossible that can be done with stopped children only.
caf::error supervisor_state::not_stopped(const child& x) const {
  if (x.state == child_state::stopped)
    return {};
  auto pending =
      x.state == child_state::backoff || x.state == child_state::starting;
  return about(
      pending ? supervision_errc::restarting : supervision_errc::running, x.id);
}

void supervisor_state::start_again(child& x, promise answer) {
  if (auto refused = not_stopped(x)) {
    answer.deliver(std::move(refused));
    return;
  }
  x.starting.push_back(std::move(answer));
  if (x.budget)
    x.budget->clear();
  x.attempt = 0;
  start_by_hand(x, occasion::requested);
}

caf::response_promise supervisor_state::delete_child(const std::string& id) {
  return with_child(
      id, [this](child& x, promise answer) { forget(x, std::move(answer)); });
}

void supervisor_state::forget(child& x, promise answer) {
  if (auto refused = not_stopped(x)) {
    answer.deliver(std::move(refused));
    return;
  }
  remove(x);
  answer.deliver(caf::unit);
}

caf::response_promise supervisor_state::replace_child(const std::string& id) {
  return with_child(id, [this](child& x, promise answer) {
    start_beside(x, std::move(answer));
  });
}

caf::response_promise
supervisor_state::replace_child(const caf::actor& handle) {
  return with_child(handle, [this](child& x, promise answer) {
    start_beside(x, std::move(answer));
  });
}

void supervisor_state::start_beside(child& x, promise answer) {
  if (x.state == child_state::starting || x.state == child_state::backoff) {
    answer.deliver(about(supervision_errc::restarting, x.id));
    return;
  }
  if (x.state != child_state::running) {
    answer.deliver(about(supervision_errc::not_running, x.id));
    return;
  }
  x.replacing.push_back(std::move(answer));
  if (x.next != 0)
    return;
  auto token = ++last_token_;
  auto made = call_start(x, token, true);
  if (!made) {
    replacement_failed(x, made.error());
    return;
  }
  if (!made->handle) {
    replacement_failed(x, make_error(supervision_errc::start_failed,
                                     "the replacement ignored its start"));
    return;
  }
  x.next = token;
  life l{.child = x.number,
         .id = x.id,
         .spec = x.spec,
         .handle = made->handle,
         .below = made->below,
         .incarnation = x.incarnation,
         .since = now()};
  enlist(token, std::move(l));
  if (made->ready)
    took_over(x);
  else
    expect({timetable::limit::start, token}, now(), x.spec->start_limit);
}

caf::response_promise supervisor_state::when_ready() {
  auto answer = self_->make_response_promise();
  if (is_stopping())
    answer.deliver(not_ready());
  else if (ready_)
    answer.deliver(caf::unit);
  else
    readiness_.push_back(answer);
  return answer;
}

} // namespace charmer
