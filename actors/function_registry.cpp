#include "charmer/actors/function_registry.hpp"

#include "charmer/actors/call.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <typeinfo>

namespace charmer {

namespace {

thread_local const detail::on_behalf_of* enclosing = nullptr;

std::string readable(const std::type_info& x) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> text{
      abi::__cxa_demangle(x.name(), nullptr, nullptr, &status), &std::free};
  return status == 0 ? text.get() : x.name();
}

caf::error raised(std::string type, std::string text) {
  failure what;
  what.type = std::move(type);
  what.text = std::move(text);
  return make_error(pool_errc::python_exception, std::move(what));
}

caf::expected<payload> run(caf::actor_system& sys, const host_function& f,
                           const host_call& x, const host_asker& from) {
  detail::on_behalf_of mark{sys, x, from.ended};
  try {
    return f(x).content();
  } catch (const std::exception& e) {
    return raised(readable(typeid(e)), e.what());
  } catch (...) {
    return raised("unknown", "what was thrown is no std::exception");
  }
}

void start(caf::actor_system& sys, host_function f, host_call x,
           host_asker from) {
  sys.spawn<caf::detached>(
      [f = std::move(f), x = std::move(x),
       from = std::move(from)](caf::event_based_actor* self) {
        from.answer(run(self->system(), f, x, from));
      });
}

using at_end = std::stop_callback<std::function<void()>>;

// Between the worker and an actor that may end without an answer, or never
// answer: then this one ends with the command, or the worker.
caf::behavior go_between(caf::event_based_actor* self, const caf::actor& target,
                         const host_call& x, const host_asker& from) {
  replace_default_handlers(self);
  // Who drops the promise to answer may be the last one that holds us, before
  // we hear of its end.
  auto me = std::make_shared<caf::actor>(self);
  auto finish = [=](caf::expected<payload> answer) {
    from.answer(std::move(answer));
    self->demonitor(target);
    self->demonitor(from.worker);
    self->quit();
    *me = nullptr;
  };
  when_down(self, [=](const auto&, const caf::error&) {
    finish(make_error(pool_errc::no_available_worker,
                      "the actor that is registered for it has ended"));
  });
  self->monitor(target);
  self->monitor(from.worker);
  request(self, target, caf::infinite, x)
      .then([=](payload& answer) { finish(std::move(answer)); },
            [=](caf::error& e) { finish(std::move(e)); });
  // Called in another thread. It holds no actor, which would hold it.
  auto forgetting = [address = self->address()] {
    if (auto waiting = caf::actor_cast<caf::actor>(address))
      cast(waiting, cancel_atom_v);
  };
  auto end = std::make_shared<const at_end>(from.ended, std::move(forgetting));
  return {[=, keep = std::move(end)](cancel_atom) {
    finish(make_error(pool_errc::cancelled, "nobody waits for it any more"));
  }};
}

} // namespace

// -- where calls come from ----------------------------------------------------

void detail::inherit(call_options& options) {
  if (!enclosing)
    return;
  if (options.chain.empty())
    options.chain = enclosing->call().chain;
  if (options.correlation.empty())
    options.correlation = enclosing->call().correlation;
  options.time_left = std::min(options.time_left, enclosing->time_left());
}

std::shared_ptr<const void> detail::ending_with_caller(const pool_handle& pool,
                                                       call_id id) {
  if (!enclosing)
    return nullptr;
  return std::make_shared<const at_end>(
      enclosing->ended(), [=] { cast(pool.actor(), cancel_atom_v, id); });
}

detail::on_behalf_of::on_behalf_of(caf::actor_system& sys, const host_call& x,
                                   std::stop_token ended)
    : system_(sys), call_(x), ended_(std::move(ended)),
      began_(sys.clock().now()) {
  enclosing = this;
}

timespan detail::on_behalf_of::time_left() const {
  if (call_.time_left == infinite)
    return infinite;
  auto passed = system_.clock().now() - began_;
  return std::max(call_.time_left - passed, timespan{0});
}

detail::on_behalf_of::~on_behalf_of() {
  enclosing = nullptr;
}

// By value, because it may be large.
void host_asker::answer(caf::expected<payload> x) const {
  if (x)
    cast(worker, answer_atom_v, number, std::move(*x));
  else
    cast(worker, answer_atom_v, number, x.error());
}

// -- the registry -------------------------------------------------------------

void function_registry::add(const std::string& name, target x) {
  if (!std::visit([](auto& f) { return static_cast<bool>(f); }, x)) {
    remove(name);
    return;
  }
  std::lock_guard guard{mutex_};
  targets_.insert_or_assign(name, std::move(x));
}

bool function_registry::remove(const std::string& name) {
  std::lock_guard guard{mutex_};
  return targets_.erase(name) != 0;
}

void function_registry::clear() {
  std::map<std::string, target> gone; // destroyed without the lock
  std::lock_guard guard{mutex_};
  gone.swap(targets_);
}

std::optional<function_registry::target>
function_registry::find(const std::string& name) const {
  std::lock_guard guard{mutex_};
  auto i = targets_.find(name);
  return i == targets_.end() ? std::nullopt : std::optional{i->second};
}

std::string function_registry::names() const {
  std::lock_guard guard{mutex_};
  std::string result;
  for (auto& [name, ignored] : targets_)
    result += (result.empty() ? "" : ", ") + name;
  return result;
}

void function_registry::ask(caf::actor_system& sys, host_call x,
                            host_asker from) const {
  auto found = find(x.function);
  if (!found)
    found = of_process().find(x.function);
  if (!found) {
    auto known = names();
    auto more = of_process().names();
    known += (known.empty() || more.empty() ? "" : ", ") + more;
    from.answer(
        raised("unknown_function",
               "the application has no function \"" + x.function
                   + "\"; it has: " + (known.empty() ? "none" : known)));
  } else if (auto* f = std::get_if<host_function>(&*found)) {
    start(sys, std::move(*f), std::move(x), std::move(from));
  } else {
    sys.spawn(go_between, std::get<caf::actor>(*found), std::move(x),
              std::move(from));
  }
}

function_registry& function_registry::of_process() {
  static function_registry instance;
  return instance;
}

void register_function(const std::string& name, host_function f) {
  function_registry::of_process().add(name, std::move(f));
}

} // namespace charmer
