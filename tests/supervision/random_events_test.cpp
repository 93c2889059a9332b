// The event manager, its handlers and their ends in any order, beside a model
// of who should have got what.
//
// CHARMER_SEED=n plays one sequence, CHARMER_RUNS=n that many.
#include "seeds.hpp"
#include "world.hpp"

#include <random>
#include <set>

using namespace test;

namespace {

class theatre : public world {
public:
  explicit theatre(std::uint64_t seed)
      : random_(seed), in_a_hurry_(seed % 2 == 0) {
    supervise({.name = "root",
               .intensity = {.intensity = 1000},
               .children = {event_manager_child(hub)}});
  }

  void live() {
    for (int i = 0; i < 40; ++i) {
      act();
      if (in_a_hurry_) // the next thing happens in the middle of this one
        scheduler.run(below(8));
      else
        compare();
    }
    finish();
  }

private:
  /// One handler that was tried to be added.
  struct actor_in_play {
    bool fragile = false; ///< throws at a bomb
    caf::actor receiver;  ///< if it is not a function
    std::vector<int> got, expected;
  };

  using instance = std::shared_ptr<actor_in_play>;

  std::size_t below(std::size_t n) { return random_() % n; }
  bool maybe(int percent) { return below(100) < std::size_t(percent); }
  string some_name() { return string(1, char('a' + below(4))); }

  handler_spec some_handler(string name, instance& made, bool fails) {
    made = std::make_shared<actor_in_play>();
    made->fragile = maybe(40);
    all_.push_back(made);
    handler_spec x{.name = std::move(name)};
    x.filter.name = "play.*";
    if (fails)
      x.on_add = [](const caf::message&) -> caf::error {
        return caf::sec::cannot_open_file;
      };
    auto deal = [made](const event& e) {
      made->got.push_back(std::stoi(e.details.at("n")));
      if (made->fragile && e.name == "play.bomb")
        throw std::runtime_error("boom");
    };
    if (maybe(70)) {
      x.on_event = deal;
      x.on_call = [made](const caf::message&) -> caf::expected<caf::message> {
        return caf::make_message(int(made->got.size()));
      };
    } else {
      x.receiver = made->receiver =
          system.spawn([deal](caf::event_based_actor* self) -> caf::behavior {
            replace_default_handlers(self);
            return {deal};
          });
      receivers_.push_back(made->receiver);
    }
    return x;
  }

  template <class T, class... Ts>
  answer<T> request(Ts... xs) {
    auto manager = child("events").handle;
    auto result = ask_later<T>(manager, std::move(xs)...);
    came_.push_back([result] { return result.came(); });
    if (!in_a_hurry_)
      run();
    return result;
  }

  template <class T>
  void expect(const answer<T>& x, std::optional<caf::error> why) {
    if (in_a_hurry_)
      return;
    INFO(x.why());
    REQUIRE(x.came());
    REQUIRE(x.ok() == !why);
    if (why)
      REQUIRE((x.error().code() == why->code()
               && x.error().category() == why->category()));
  }

  void act() {
    auto name = some_name();
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        return add(name);
      case 3:
        return remove(name);
      case 4:
        return swap(name, some_name());
      case 5:
      case 6:
      case 7:
        return tell(false);
      case 8:
        return tell(true);
      case 9:
        caf::anon_send_exit(child("events").handle, caf::exit_reason::kill);
        break;
      case 10:
        if (auto host = hub->host(name))
          caf::anon_send_exit(host, caf::exit_reason::kill);
        installed_.erase(name);
        break;
      default:
        return call(name);
    }
    if (!in_a_hurry_)
      run();
  }

  void add(const string& name) {
    instance made;
    auto fails = maybe(20);
    auto x =
        request<nothing>(add_handler_atom_v, some_handler(name, made, fails));
    if (installed_.count(name) > 0)
      return expect(x, supervision_errc::already_present);
    if (fails)
      return expect(x, caf::sec::cannot_open_file);
    expect(x, {});
    installed_[name] = made;
  }

  void remove(const string& name) {
    auto x = request<nothing>(delete_handler_atom_v, name);
    if (installed_.erase(name) == 0)
      return expect(x, supervision_errc::not_found);
    expect(x, {});
  }

  void swap(const string& name, const string& other) {
    instance made;
    auto fails = maybe(20);
    auto x = request<nothing>(swap_handler_atom_v, name,
                              some_handler(other, made, fails));
    if (installed_.count(name) == 0)
      return expect(x, supervision_errc::not_found);
    if (name != other && installed_.count(other) > 0)
      return expect(x, supervision_errc::already_present);
    installed_.erase(name);
    if (fails)
      return expect(x, caf::sec::cannot_open_file);
    expect(x, {});
    installed_[other] = made;
  }

  void tell(bool in_sync) {
    auto bomb = maybe(25);
    event e{.name = bomb ? "play.bomb" : "play.word"};
    e.set("n", ++last_event_);
    for (auto i = installed_.begin(); i != installed_.end();) {
      auto& x = *i->second;
      x.expected.push_back(last_event_);
      i = bomb && x.fragile ? installed_.erase(i) : std::next(i);
    }
    if (in_sync)
      expect(request<nothing>(sync_notify_atom_v, e), {});
    else
      hub->notify(e);
    if (!in_a_hurry_)
      run();
  }

  void call(const string& name) {
    auto i = installed_.find(name);
    if (i != installed_.end() && i->second->receiver)
      return;
    auto x = request<int>(call_handler_atom_v, name, caf::make_message(1));
    if (i == installed_.end())
      return expect(x, supervision_errc::not_found);
    expect(x, {});
    if (!in_a_hurry_)
      REQUIRE(x.value() == int(i->second->expected.size()));
  }

  void compare() {
    run();
    std::set<string> seen, expected;
    for (const auto& x : hub->which())
      if (x.name.rfind("observer", 0) != 0)
        seen.insert(x.name);
    for (const auto& [name, x] : installed_)
      expected.insert(name);
    REQUIRE(seen == expected);
    for (const auto& x : all_)
      REQUIRE(x->got == x->expected);
  }

  void finish() {
    run();
    // Whatever there was: nobody is told twice, everybody is answered.
    CHECK(ask<nothing>(child("events").handle, sync_notify_atom_v,
                       event{.name = "last"})
              .ok());
    for (const auto& came : came_)
      REQUIRE(came());
    for (const auto& x : all_)
      REQUIRE(std::set<int>(x->got.begin(), x->got.end()).size()
              == x->got.size());
    installed_.clear();
    all_.clear();
    for (auto& x : receivers_)
      caf::anon_send_exit(x, caf::exit_reason::kill);
    receivers_.clear();
    run();
  }

  std::mt19937_64 random_;
  bool in_a_hurry_;
  int last_event_ = 0;
  std::map<string, instance> installed_;
  std::vector<instance> all_;
  std::vector<caf::actor> receivers_;
  std::vector<std::function<bool()>> came_;
};

} // namespace

TEST_CASE("handlers get what they should, whoever comes, goes or is killed") {
  for_each_seed([](std::uint64_t seed, bool) {
    theatre x{seed};
    x.live();
  });
}
