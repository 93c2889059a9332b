// A world in which time moves only by hand, and its children.
//
// One thread, CAF's testing scheduler. Nothing blocks: an answer that did not
// come is an answer that is empty. At the end of each test no actor may be
// left.
#pragma once

#include "charmer/supervision/event_manager.hpp"
#include "charmer/supervision/supervisor.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace test {

using namespace charmer;
using namespace std::chrono_literals;
using std::string;

/// What came back from a request, if anything did.
template <class T>
struct answer {
  std::shared_ptr<std::optional<caf::expected<T>>> box =
      std::make_shared<std::optional<caf::expected<T>>>();

  bool came() const { return box->has_value(); }
  bool ok() const { return came() && static_cast<bool>(**box); }
  const T& value() const {
    REQUIRE_MESSAGE(ok(), "no answer or an error: ", why());
    return ***box;
  }
  caf::error error() const {
    return came() && !**box ? (**box).error() : caf::error{};
  }
  string why() const { return came() ? describe_reason(error()) : "nothing"; }
};

/// Answers without content.
struct nothing {};

struct config : caf::actor_system_config {
  config() {
    configure_supervision(*this);
    set("scheduler.policy", caf::atom("testing"));
    set("middleman.attach-utility-actors", true);
  }
};

/// How a child behaves.
struct manners {
  /// Ignores requests to stop; only a kill ends it.
  bool stubborn = false;
  /// Ends this long after it was asked to.
  timespan last_will{0};
};

/// A start that made an actor.
struct birth {
  string path; ///< of the child
  std::uint64_t incarnation = 0;
  bool beside = false; ///< another one
  std::uint64_t actor_id = 0;
};

/// An actor whose handler does not return, stood in for by one that is never
/// scheduled: not even a kill reaches it.
struct deaf_actor : caf::event_based_actor {
  using caf::event_based_actor::event_based_actor;
  void enqueue(caf::mailbox_element_ptr, caf::execution_unit*) override {}
};

class world {
public:
  world()
      : system(settings),
        scheduler(dynamic_cast<caf::scheduler::test_coordinator&>(
            system.scheduler())),
        hub(std::make_shared<event_hub>(system)) {
    system.await_actors_before_shutdown(false);
    hub->observe([this](const event& e) { events.push_back(e); });
  }

  ~world() {
    everybody.clear();
    hub.reset();
    if (root) {
      caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
      root = nullptr;
    }
    run();
    for (int i = 0; i < 200 && system.registry().running() > 0; ++i)
      advance(1min);
    CHECK(system.registry().running() == 0);
  }

  void run() { scheduler.run(); }

  /// One actor handles a few messages; next time it is another one's turn. The
  /// scheduler itself stays with one until that has nothing left to do.
  /// @returns false if there was nothing to do
  bool step() {
    auto& waiting = scheduler.jobs;
    if (!scheduler.try_run_once())
      return false;
    if (!waiting.empty())
      std::rotate(waiting.begin(), waiting.begin() + 1, waiting.end());
    return true;
  }

  /// Lets time pass, and everything happen that this brings about.
  void advance(timespan how_long) {
    run();
    // In steps, so that what is due is not all due at the same moment.
    auto end = scheduler.clock().now() + how_long;
    while (scheduler.clock().has_pending_timeout()) {
      auto left = end - scheduler.clock().now();
      auto before = scheduler.clock().now();
      if (left <= timespan{0})
        break;
      scheduler.advance_time(std::min<timespan>(left, how_long / 64 + 1ns));
      run();
      if (scheduler.clock().now() == before)
        break;
    }
    if (scheduler.clock().now() < end)
      scheduler.advance_time(end - scheduler.clock().now());
    run();
  }

  template <class T, class... Ts>
  answer<T> ask_later(const caf::actor& whom, Ts... xs) {
    answer<T> result;
    auto message = caf::make_message(std::move(xs)...);
    system.spawn([=, box = result.box](caf::event_based_actor* self) {
      auto failed = [=](caf::error& e) { box->emplace(std::move(e)); };
      auto request = self->request(whom, caf::infinite, message);
      if constexpr (std::is_same_v<T, nothing>)
        request.then([=] { box->emplace(nothing{}); }, failed);
      else
        request.then([=](T& x) { box->emplace(std::move(x)); }, failed);
    });
    return result;
  }

  template <class T, class... Ts>
  answer<T> ask(const caf::actor& whom, Ts... xs) {
    auto result = ask_later<T>(whom, std::move(xs)...);
    run();
    return result;
  }

  // -- a supervisor and its children ------------------------------------------

  caf::actor supervise(supervisor_spec spec) {
    if (!spec.events)
      spec.events = hub;
    auto started = start_supervisor(system, std::move(spec));
    REQUIRE(started);
    root = *started;
    root->attach_functor([this](const caf::error& why) {
      ended = true;
      end_reason = why;
    });
    run();
    return root;
  }

  /// A well-behaved child. Its starts and ends are in `log`.
  child_spec worker(string id, manners how = {}) {
    auto start = [this, id,
                  how](const start_context& context) -> caf::expected<started> {
      ++starts[id];
      if (refuse[id] > 0) {
        --refuse[id];
        return make_error(supervision_errc::start_failed, "refused");
      }
      log.push_back("+" + id);
      auto handle = context.self->spawn(body, how);
      handle->attach_functor([this, id] { log.push_back("-" + id); });
      handles[id] = handle;
      everybody.push_back(handle);
      births.push_back(
          {context.path, context.incarnation, context.beside, handle->id()});
      return started{handle};
    };
    return {.id = id, .start = start};
  }

  /// A child that is ready when `make_ready` says so.
  child_spec slow_worker(string id, manners how = {}) {
    auto spec = worker(id, how);
    spec.start = [this, id, inner = spec.start](
                     const start_context& context) -> caf::expected<started> {
      auto result = inner(context);
      if (result)
        result->ready = false;
      tokens[id] = context.token;
      asked_by[id] = context.supervisor;
      return result;
    };
    return spec;
  }

  /// A child that hears nothing until `let_go`.
  child_spec deaf_worker(string id) {
    auto spec = worker(id);
    spec.start = [this,
                  id](const start_context& context) -> caf::expected<started> {
      log.push_back("+" + id);
      auto handle = context.self->spawn<deaf_actor, caf::lazy_init>();
      handle->attach_functor([this, id] { log.push_back("-" + id); });
      handles[id] = handle;
      return started{handle};
    };
    return spec;
  }

  /// Ends a child that hears nothing.
  void let_go(const string& id) {
    dynamic_cast<deaf_actor&>(
        *caf::actor_cast<caf::abstract_actor*>(handles[id]))
        .cleanup(caf::exit_reason::kill, nullptr);
    run();
  }

  void make_ready(const string& id) {
    caf::anon_send(asked_by[id], child_ready_atom_v, tokens[id]);
    run();
  }

  void make_failed(const string& id, caf::error why) {
    caf::anon_send(asked_by[id], child_failed_atom_v, tokens[id], why);
    run();
  }

  /// The child ends for this reason.
  void crash(const string& id, caf::error why = caf::sec::runtime_error) {
    caf::anon_send(handles[id], caf::ok_atom::value, why);
    run();
  }

  // -- what is there ----------------------------------------------------------

  bool alive(const string& id) {
    auto i = handles.find(id);
    return i != handles.end() && !has_ended(i->second);
  }

  child_counts count() {
    return ask<child_counts>(root, count_children_atom_v).value();
  }

  child_info child(const string& id) {
    auto all = ask<std::vector<child_info>>(root, which_children_atom_v);
    for (const auto& x : all.value())
      if (x.id == id)
        return x;
    return {};
  }

  std::vector<event> named(std::string_view name) const {
    std::vector<event> result;
    for (const auto& x : events)
      if (x.name == name)
        result.push_back(x);
    return result;
  }

  string take_log() {
    string result;
    for (const auto& x : log)
      result += (result.empty() ? "" : " ") + x;
    log.clear();
    return result;
  }

  config settings;
  caf::actor_system system;
  caf::scheduler::test_coordinator& scheduler;
  std::vector<event> events;
  std::shared_ptr<event_hub> hub;
  caf::actor root;
  bool ended = false;
  caf::error end_reason;
  std::vector<string> log;
  std::map<string, int> starts;
  std::map<string, int> refuse;         ///< how many starts will fail
  std::map<string, caf::actor> handles; ///< the last one of each id
  std::vector<caf::actor> everybody;    ///< whoever was started
  std::vector<birth> births;            ///< of everybody, in the same order
  std::map<string, std::uint64_t> tokens;
  std::map<string, caf::actor> asked_by;

private:
  static caf::behavior body(caf::event_based_actor* self, manners how) {
    replace_default_handlers(self);
    if (how.stubborn)
      self->set_exit_handler([](caf::exit_msg&) {});
    else if (how.last_will > timespan{0})
      self->set_exit_handler([self, how](caf::exit_msg& x) {
        self->delayed_send(self, how.last_will, caf::ok_atom::value, x.reason);
      });
    return {
        [self](caf::ok_atom, const caf::error& why) { self->quit(why); },
        [](int x) { return x; },
    };
  }
};

} // namespace test
