// The judge of random games is judged: it finds nothing in what may be, and
// finds whatever is missing, doubled or wrong.
#include "history.hpp"

using namespace test;

namespace {

/// What is told of a supervisor with the children "a", permanent, and "t",
/// temporary: both die, "a" twice, and is replaced; then all is stopped.
struct tale {
  tale() {
    ready("a");
    ready("t");
    tell(event_name::supervisor_started);
    dies("a");
    restarting("a");
    ready("a");
    dies("t");
    dies("a");
    restarting("a");
    fails("a");
    restarting("a");
    ready("a");
    replaced("a");
    ends("a", actors_["a"]);
    tell(event_name::supervisor_stopped);
  }

  string mistake(restart_intensity limit = {.intensity = 2}) const {
    history told{{{"root", {.budget = {limit, {}}}}}};
    return told.mistake(events, births);
  }

  std::vector<event> events;
  std::vector<birth> births;

private:
  event& tell(std::string_view name, severity level = severity::info,
              const string& child = "") {
    event e{.name = string{name},
            .level = level,
            .monotonic_ns = now_ += 1000,
            .path = "root",
            .child = child};
    e.restarts = used_;
    if (!child.empty()) {
      e.set("restart", child == "t" ? "temporary" : "permanent");
      e.set("incarnation", incarnations_[child]);
    }
    events.push_back(std::move(e));
    return events.back();
  }

  std::uint64_t born(const string& child, bool beside) {
    births.push_back(
        {"root/" + child, ++incarnations_[child], beside, births.size() + 1});
    since_[births.size()] = now_ + 1000;
    return births.size();
  }

  void ready(const string& child) {
    actors_[child] = born(child, false);
    tell(event_name::child_started, severity::info, child).actor_id =
        actors_[child];
  }

  void replaced(const string& child) {
    auto old = std::exchange(actors_[child], born(child, true));
    auto& e = tell(event_name::child_replaced, severity::info, child);
    e.actor_id = actors_[child];
    e.set("retired_actor_id", old);
    ends(child, old).set("retired", true);
  }

  event& ends(const string& child, std::uint64_t actor) {
    auto& e = tell(event_name::child_terminated, severity::info, child);
    e.actor_id = actor;
    e.reason = caf::exit_reason::user_shutdown;
    e.uptime = timespan{now_ - since_[actor]};
    e.set("incarnation", births[actor - 1].incarnation);
    return e;
  }

  void dies(const string& child) {
    auto& e = ends(child, actors_[child]);
    e.reason = caf::sec::runtime_error;
    e.level = severity::error;
  }

  void fails(const string& child) {
    ++incarnations_[child];
    tell(event_name::start_error, severity::error, child).text = "no file";
  }

  void restarting(const string& child) {
    tell(event_name::child_restarting, severity::info, child).restarts =
        ++used_;
  }

  std::int64_t now_ = 0;
  std::uint32_t used_ = 0;
  std::map<string, std::uint64_t> incarnations_;
  std::map<string, std::uint64_t> actors_;
  std::map<std::uint64_t, std::int64_t> since_;
};

/// Who is told nothing but this cannot know that it is missing.
bool needed(const event& e) {
  return e.name != event_name::supervisor_stopped;
}

/// Who was added twice may have failed to start twice.
bool single(const event& e) {
  return needed(e) && e.name != event_name::supervisor_started
         && e.name != event_name::start_error;
}

} // namespace

TEST_CASE("what may be is no mistake") {
  tale x;
  CHECK(x.mistake({.intensity = 3}) == "");
}

TEST_CASE("more restarts than are allowed are a mistake") {
  CHECK(tale{}.mistake({.intensity = 2}).find("that is one restart too many")
        == 0);
}

TEST_CASE("an event that is missing is a mistake, and one too many is, too") {
  const tale whole;
  for (std::size_t i = 0; i < whole.events.size(); ++i) {
    INFO(to_string(whole.events[i]));
    auto position = std::ptrdiff_t(i);
    auto missing = whole;
    missing.events.erase(missing.events.begin() + position);
    auto doubled = whole;
    doubled.events.insert(doubled.events.begin() + position, whole.events[i]);
    CHECK((missing.mistake({.intensity = 3}) != "") == needed(whole.events[i]));
    CHECK((doubled.mistake({.intensity = 3}) != "") == single(whole.events[i]));
  }
}

TEST_CASE("an event with another number, path or level is a mistake") {
  const tale whole;
  auto wrong = [&](std::size_t i, auto change) {
    auto x = whole;
    change(x.events[i]);
    return x.mistake({.intensity = 3}) != "";
  };
  for (std::size_t i = 0; i < whole.events.size(); ++i) {
    const auto& e = whole.events[i];
    INFO(to_string(e));
    if (i + 1 < whole.events.size())
      CHECK(wrong(i, [](event& x) { x.monotonic_ns += 1'000'000; }));
    CHECK((wrong(i, [](event& x) { x.level = severity::warning; })
           || e.name == event_name::child_terminated));
    if (e.child.empty())
      continue;
    if (e.actor_id != 0) {
      CHECK(wrong(i, [](event& x) { x.actor_id += 20; }));
      CHECK(wrong(i, [](event& x) { x.set("incarnation", 20); }));
      CHECK(wrong(i, [](event& x) { x.child = string{"c"}; }));
    }
    if (e.name == event_name::child_terminated)
      CHECK(wrong(i, [](event& x) { x.uptime += 1ns; }));
    else if (e.monotonic_ns > 3000)
      CHECK(wrong(i, [](event& x) { ++x.restarts; }));
  }
}

TEST_CASE("an actor that nobody tells of is a mistake, unless its supervisor "
          "was killed") {
  tale x;
  x.births.push_back({"root/c", 1, false, 77});
  CHECK(x.mistake({.intensity = 3}).find("what became of #77") == 0);
  history told{{{"root", {.budget = {{.intensity = 3}, {}}}}}};
  told.excuse({77});
  CHECK(told.mistake(x.events, x.births) == "");
}

TEST_CASE("who is restarted must be one that is") {
  for (auto type : {"temporary", "transient"}) {
    tale x;
    for (auto& e : x.events)
      if (e.child == "a") {
        e.set("restart", type);
        if (e.name == event_name::child_terminated) {
          e.reason = {};
          e.level = severity::info;
        }
      }
    auto said = x.mistake({.intensity = 3});
    CHECK_MESSAGE(said.find(type) != string::npos, said);
  }
}

TEST_CASE("who has given up must end, and say so if nobody killed it") {
  tale x;
  x.events.resize(9); // up to the second restart: that is one too many
  x.events.back().name = event_name::restart_intensity_reached;
  x.events.back().level = severity::error;
  x.births.resize(3);
  CHECK(x.mistake({.intensity = 1})
            .find("root has used up its restarts and did not end")
        == 0);
  SUBCASE("it is the root") {
    history told{{{"root", {.budget = {{.intensity = 1}, {}}}}}};
    told.root_was_killed();
    CHECK(told.mistake(x.events, x.births) == "");
  }
  SUBCASE("another one tells of its end") {
    for (auto& e : x.events)
      e.path = "top/root";
    for (auto& born : x.births)
      born.path = "top/" + born.path;
    event end{.name = string{event_name::child_terminated},
              .level = severity::error,
              .monotonic_ns = x.events.back().monotonic_ns + 1000,
              .path = "top",
              .child = "root",
              .actor_id = 99,
              .reason = caf::exit_reason::kill};
    x.events.push_back(end);
    auto mistake = [&] {
      history told{
          {{"top", {}}, {"top/root", {.budget = {{.intensity = 1}, {}}}}}};
      return told.mistake(x.events, x.births);
    };
    CHECK(mistake() == "");
    x.events.back().reason = caf::sec::runtime_error;
    CHECK(mistake().find("it has used up its restarts, and did not say") == 0);
  }
}
